// host-gw and alloc: what they want, and where they refuse to work.
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { createBackend } from "../../../daemon/backend/registry.ts";
import { makeLease, makeNetwork, makeNode } from "../../support/fabric.ts";

describe("host-gw", () => {
  const network = makeNetwork({ type: "host-gw", families: [4, 6] });

  test("wants one route a peer and family, and nothing else", () => {
    const node = makeNode(1);
    const backend = createBackend(network, node);
    expect(backend.base(node)).toEqual([]);
    expect(backend.advertise(node)).toEqual({});
    expect(backend.mtu(node)).toBe(1500);
    const lease = makeLease(2, { type: "host-gw", families: [4, 6] });
    const objects = ([4, 6] as const).flatMap((family) => backend.peer(node, lease, family));
    expect(JSON.parse(JSON.stringify(objects))).toEqual([
      {
        kind: "route",
        key: "route 10.5.2.0/24",
        spec: { destination: "10.5.2.0/24", gateway: "192.168.0.2", link: "eth0", onlink: false },
        because: lease.key,
      },
      {
        kind: "route",
        key: "route fd00:5:2::/64",
        spec: { destination: "fd00:5:2::/64", gateway: "fd99::2", link: "eth0", onlink: false },
        because: lease.key,
      },
    ]);
  });

  test("refuses to work behind a NAT, in flannel's words", () => {
    const node = { ...makeNode(1), publicAddress: { 4: Address.parse("203.0.113.9") } };
    expect(() => createBackend(network, node)).toThrow(
      expect.objectContaining({
        code: "ERR_BACKEND",
        message: expect.stringContaining(
          "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by host-gw backend",
        ),
      }),
    );
  });

  test("refuses a peer behind a router", () => {
    const node = makeNode(1);
    const far = { ...makeLease(2, { type: "host-gw" }), publicAddress: { 4: Address.parse("172.16.0.2") } };
    expect(() => createBackend(network, node).peer(node, far, 4)).toThrow(
      "its node is not on the link of interface eth0: no route of this host leads to 172.16.0.2",
    );
  });

  test("says that it has no options", () => {
    const odd = makeNetwork({ type: "host-gw", options: { Type: "host-gw", MTU: 1400 } });
    expect(createBackend(odd, makeNode(1)).warnings).toEqual([
      "Backend.MTU is no option of host-gw and is ignored; it has no options",
    ]);
  });
});

test("alloc leases a subnet and wants nothing of the kernel", () => {
  const node = makeNode(1);
  const backend = createBackend(makeNetwork({ type: "alloc" }), node);
  expect(backend).toMatchObject({ type: "alloc", leaseType: "" });
  expect([backend.base(node), backend.peer(node, makeLease(2), 4), backend.advertise(node)]).toEqual([[], [], {}]);
});

test.each(["wireguard", "ipip", "ipsec", "tencent-vpc", "", "VXLAN "])(
  "the backend %j is unknown, and the error lists those there are",
  (type) => {
    expect(() => createBackend(makeNetwork({ type }), makeNode(1))).toThrow(
      expect.objectContaining({
        code: "ERR_BACKEND_UNKNOWN",
        message: `the network configuration's Backend.Type is ${JSON.stringify(type)}; this build of Loden has vxlan, host-gw, udp, alloc, extension`,
      }),
    );
  },
);
