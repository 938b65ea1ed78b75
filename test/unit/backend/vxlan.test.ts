// The vxlan backend's wishes, held against documents that a person can read, and its refusals.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { createBackend } from "../../../daemon/backend/registry.ts";
import { deviceName } from "../../../daemon/backend/vxlan/device-name.ts";
import type { Lease, Node } from "../../../daemon/lease/types.ts";
import { makeLease, makeNetwork, makeNode } from "../../support/fabric.ts";

const golden = (name: string): string =>
  path.join(path.dirname(fileURLToPath(import.meta.url)), "../../golden/backend", `${name}.json`);
const pretty = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

function vxlan(options: Record<string, unknown> = {}, node: Node = makeNode(1), families: readonly (4 | 6)[] = [4]) {
  return createBackend(makeNetwork({ options, families }), node);
}

/** The outer source address of the device. */
function local(node: Node): unknown {
  const link = vxlan({}, node).base(node)[0];
  return link?.kind === "link" && link.spec.detail.kind === "vxlan" ? link.spec.detail.local.toString() : undefined;
}

function mac(id: string, options: Record<string, unknown> = {}): string {
  const node = { ...makeNode(1, [4]), id };
  const data = vxlan(options, node).advertise(node)[4] as { VtepMAC: string };
  return data.VtepMAC;
}

/** What a lease adds that differs from a good one in some ways. */
function peer(change: Partial<Lease>): unknown {
  return vxlan().peer(makeNode(1), { ...makeLease(2), ...change }, 4);
}

describe("objects", () => {
  test("base, one family", async () => {
    await expect(pretty(vxlan().base(makeNode(1)))).toMatchFileSnapshot(golden("vxlan-base"));
  });

  test("base, dual stack with all options", async () => {
    const options = { VNI: 77, Port: 4789, MTU: 1400, GBP: true, Learning: true, MacPrefix: "0E-2A" };
    await expect(pretty(vxlan(options, makeNode(1), [4, 6]).base(makeNode(1)))).toMatchFileSnapshot(
      golden("vxlan-base-dual"),
    );
  });

  test("a peer, both families", async () => {
    const lease = makeLease(2, { families: [4, 6] });
    const backend = vxlan({}, makeNode(1), [4, 6]);
    const objects = ([4, 6] as const).flatMap((family) => backend.peer(makeNode(1), lease, family));
    await expect(pretty(objects)).toMatchFileSnapshot(golden("vxlan-peer-dual"));
  });

  test("a peer on the same network with DirectRouting has one plain route", async () => {
    const backend = vxlan({ DirectRouting: true });
    await expect(pretty(backend.peer(makeNode(1), makeLease(2), 4))).toMatchFileSnapshot(golden("vxlan-peer-direct"));
  });

  test("a peer behind a router is tunnelled to despite DirectRouting", () => {
    const far = { ...makeLease(2), publicAddress: { 4: Address.parse("172.16.0.2") } };
    expect(vxlan({ DirectRouting: true }).peer(makeNode(1), far, 4)).toHaveLength(3);
  });

  test("a peer's subnet with host bits counts as its network", () => {
    const lease = { ...makeLease(2), subnet: { 4: Prefix.parse("10.5.2.9/24") } };
    expect(vxlan().peer(makeNode(1), lease, 4)).toEqual(
      vxlan()
        .peer(makeNode(1), makeLease(2), 4)
        .map((object) => ({ ...object, because: lease.key })),
    );
  });
});

describe("the outer source address", () => {
  const elsewhere = Address.parse("203.0.113.9");

  test("is the public address when the host has it, on whatever interface", () => {
    const node = makeNode(1, [4]);
    const other = { ...node, publicAddress: { 4: elsewhere }, hostAddresses: [...node.hostAddresses, elsewhere] };
    expect(local(other)).toBe("203.0.113.9");
  });

  test("is the interface's own when the public one is a NAT's", () => {
    expect(local({ ...makeNode(1, [4]), publicAddress: { 4: elsewhere } })).toBe("192.168.0.1");
  });
});

describe("MAC", () => {
  test("is the same for one node, another for another node or VNI", () => {
    expect(mac("a")).toBe(mac("a"));
    expect(new Set([mac("a"), mac("b"), mac("a", { VNI: 2 })])).toHaveProperty("size", 3);
  });

  test("is locally administered unicast, with the prefix that is asked for", () => {
    expect(Number.parseInt(mac("a").slice(0, 2), 16) & 3).toBe(2);
    expect(mac("a", { MacPrefix: "0e-2a" })).toMatch(/^0e:2a:/);
  });
});

describe("MTU", () => {
  test.each([
    [{}, 1500, [4], 1450],
    [{}, 1500, [6], 1430],
    [{}, 1500, [4, 6], 1430],
    [{ MTU: 1400 }, 1500, [4], 1350],
    [{ MTU: 0 }, 9000, [4], 8950],
    [{ MTU: 9000 }, 1500, [4], 1450],
  ] as const)(
    "options %j on an interface of %i for families %j: %i for containers",
    (options, mtu, families, expected) => {
      const node = { ...makeNode(1), link: { name: "eth0", index: 2, mtu } };
      expect(vxlan(options, node, families).mtu(node)).toBe(expected);
    },
  );

  test("one that the interface cannot carry is cut with a warning", () => {
    expect(vxlan({ MTU: 9000 }).warnings).toEqual([expect.stringContaining("Backend.MTU of vxlan is 9000")]);
  });
});

describe("options", () => {
  test("are read in any case, null is absent, and Type is none of them", () => {
    const backend = vxlan({ Type: "vxlan", vni: 5, pORT: null });
    expect(backend.warnings).toEqual([]);
    expect(backend.base(makeNode(1))[0]?.key).toBe("link flannel.5");
  });

  test("that nobody reads are named", () => {
    expect(vxlan({ Vny: 5 }).warnings).toEqual([expect.stringContaining("Backend.Vny is no option of vxlan")]);
  });

  test.each([
    [{ VNI: 2 ** 24 }, "VNI is 16777216, must be 16777215 or less"],
    [{ VNI: "1" }, 'VNI is "1", must be a whole number'],
    [{ Port: 65_536 }, "Port is 65536, must be 65535 or less"],
    [{ Port: -1 }, "Port is -1, must be 0 or more"],
    [{ MTU: 1.5 }, "MTU is 1.5, must be a whole number"],
    [{ MTU: 100 }, "an MTU of 100 leaves 50 bytes inside VXLAN, and IPv4 needs 68"],
    [{ GBP: "yes" }, 'GBP is "yes", must be true or false'],
    [{ Learning: 1 }, "Learning is 1, must be true or false"],
    [{ DirectRouting: [] }, "DirectRouting is [], must be true or false"],
    [{ MacPrefix: "0F-2A" }, 'MacPrefix is "0F-2A", must be two octets of a unicast MAC address'],
    [{ MacPrefix: "0E:2A" }, 'MacPrefix is "0E:2A", must be two octets'],
  ])("%j is refused", (options, message) => {
    expect(() => vxlan(options)).toThrow(
      expect.objectContaining({ code: "ERR_BACKEND", message: expect.stringContaining(message) }),
    );
  });

  test("an MTU too small for IPv6 is refused only where IPv6 is used", () => {
    expect(() => vxlan({ MTU: 1300 }, makeNode(1), [4, 6])).toThrow("IPv6 needs 1280");
    expect(vxlan({ MTU: 1300 }).mtu(makeNode(1))).toBe(1250);
  });
});

test.each([
  [4, 1, "flannel.1"],
  [6, 1, "flannel-v6.1"],
  [4, 9_999_999, "flannel.9999999"],
  [6, 9_999, "flannel-v6.9999"],
  [6, 10_000, "fl6.10000"],
  [4, 16_777_215, "fl.16777215"],
] as const)("the device of family %i and VNI %i is %s", (family, vni, name) => {
  expect(deviceName(family, vni)).toBe(name);
  expect(name.length).toBeLessThan(16);
});

describe("a lease", () => {
  test("without a VNI, as old flannels wrote it, is good", () => {
    expect(peer({ backendData: { 4: { VtepMAC: "0a:00:00:00:04:02" } } })).toEqual(peer({}));
  });

  test.each<[string, Partial<Lease>, string]>([
    ["no data", { backendData: {} }, "BackendData.VtepMAC is absent"],
    ["data of another form", { backendData: { 4: "x" } }, "BackendData.VtepMAC is absent"],
    ["a MAC that is none", { backendData: { 4: { VtepMAC: "01" } } }, 'BackendData.VtepMAC is "01"'],
    ["a multicast MAC", { backendData: { 4: { VtepMAC: "01:00:5e:00:00:01" } } }, "is a multicast address"],
    ["the zero MAC", { backendData: { 4: { VtepMAC: "00:00:00:00:00:00" } } }, "all zero"],
    ["no address", { publicAddress: {} }, "PublicIP is absent"],
    ["the unspecified address", { publicAddress: { 4: Address.parse("0.0.0.0") } }, "PublicIP is absent"],
    [
      "a multicast address",
      { publicAddress: { 4: Address.parse("224.0.0.1") } },
      "no IPv4 address that a node can have",
    ],
    ["our own address", { publicAddress: { 4: Address.parse("192.168.0.1") } }, "this node's own address"],
  ])("with %s is refused by name", (_, change, message) => {
    expect(() => peer(change)).toThrow(
      expect.objectContaining({ code: "ERR_LEASE_INVALID", message: expect.stringContaining(message) }),
    );
    expect(() => peer(change)).toThrow("10.5.2.0-24");
  });
});
