// The udp backend's objects, and the choice of its data path.
import { describe, expect, test } from "vitest";
import type { Backend } from "../../../daemon/backend/port.ts";
import { createBackend } from "../../../daemon/backend/registry.ts";
import type { Node } from "../../../daemon/lease/types.ts";
import { makeLease, makeNetwork, makeNode, type FabricShape } from "../../support/fabric.ts";

function udp(options: Record<string, unknown> = {}, node: Node = makeNode(1), families: FabricShape["families"] = [4]) {
  return createBackend(makeNetwork({ type: "udp", options, families }), node);
}

const keys = (objects: readonly { readonly key: string }[]): string[] => objects.map(({ key }) => key);

test("flannel's device, address and route, and a tunnel behind them", () => {
  const node = makeNode(1);
  const backend = udp({}, node);
  expect(backend).toMatchObject({ type: "udp", leaseType: "", warnings: [] });
  expect([backend.mtu(node), backend.advertise(node)]).toEqual([1472, { 4: { Datapath: "kernel" } }]);
  expect(keys(backend.base(node))).toEqual([
    "link flannel0",
    "sysctl net/ipv6/conf/flannel0/accept_ra",
    "address 10.5.1.0/32 dev flannel0",
    "route 10.5.0.0/16",
    "tunnel kernel flannel0",
  ]);
  expect(keys(backend.peer(node, makeLease(2, { type: "udp" }), 4))).toEqual(["tunnel-peer kernel 10.5.2.0/24"]);
  expect(backend.tunnels?.(node)).toEqual([{ family: 4, port: 8285 }]);
});

test("both families share a device, with the MTU that fits both", () => {
  const node = makeNode(1);
  const backend = udp({ Port: 9000 }, node, [4, 6]);
  expect(backend.mtu(node)).toBe(1452);
  expect(keys(backend.base(node)).slice(2, 6)).toEqual([
    "address 10.5.1.0/32 dev flannel0",
    "route 10.5.0.0/16",
    "address fd00:5:1::/128 dev flannel0",
    "route fd00:5::/32",
  ]);
  const lease = makeLease(2, { type: "udp", families: [4, 6] });
  expect(keys(backend.peer(node, lease, 6))).toEqual(["tunnel-peer kernel fd00:5:2::/64"]);
  expect(backend.tunnels?.(node)?.map(({ port }) => port)).toEqual([9000, 9000]);
});

test("who takes no trains is told: BPF programs to a thread, and nodes that say nothing to a kernel", () => {
  const node = makeNode(1);
  const [kernel, userspace] = ["kernel", "userspace"].map((Datapath) => udp({ Datapath }, node)) as [Backend, Backend];
  expect([kernel.advertise(node), userspace.advertise(node)]).toEqual([
    { 4: { Datapath: "kernel" } },
    { 4: { Datapath: "userspace" } },
  ]);
  const told = (backend: Backend, data: unknown): unknown => {
    const [object] = backend.peer(node, { ...makeLease(2, { type: "udp" }), backendData: { 4: data } }, 4);
    return object?.kind === "tunnel-peer" ? object.spec.isSingle : "no peer";
  };
  expect([told(userspace, kernel.advertise(node)[4]), told(kernel, kernel.advertise(node)[4])]).toEqual([
    true,
    undefined,
  ]);
  expect([told(userspace, userspace.advertise(node)[4]), told(kernel, userspace.advertise(node)[4])]).toEqual([
    undefined,
    undefined,
  ]);
  for (const flannels of [undefined, null, {}, [], "kernel", { Datapath: "other" }, { Datapath: 7 }]) {
    expect([told(userspace, flannels), told(kernel, flannels)]).toEqual([undefined, true]);
  }
});

describe("the data path", () => {
  const unable: Node = { ...makeNode(1), kernelDatapathObstacle: () => "bpf mapCreate config: EPERM" };
  const modeOf = (options: Record<string, unknown>, node?: Node): unknown => {
    const here = node ?? makeNode(1);
    const found = udp(options, here).base(here);
    const [link, tunnel] = [found.find(({ kind }) => kind === "link"), found.find(({ kind }) => kind === "tunnel")];
    if (link?.kind !== "link" || tunnel?.kind !== "tunnel") throw new Error("no device and tunnel");
    return [link.spec.detail.kind, tunnel.spec.datapath];
  };

  test("is the kernel's where it can", () => {
    expect(modeOf({})).toEqual(["vxlan-gpe", "kernel"]);
    expect(modeOf({ Datapath: "auto" })).toEqual(["vxlan-gpe", "kernel"]);
  });

  test("is a thread where the kernel cannot, and the reason is told", () => {
    expect(modeOf({}, unable)).toEqual(["tun", "userspace"]);
    expect(udp({}, unable).warnings).toEqual([expect.stringContaining("bpf mapCreate config: EPERM")]);
  });

  test("can be forced, and is refused with the reason where it cannot be", () => {
    expect(modeOf({ Datapath: "userspace" })).toEqual(["tun", "userspace"]);
    expect(() => udp({ Datapath: "kernel" }, unable)).toThrow(
      expect.objectContaining({
        code: "ERR_BACKEND",
        message: expect.stringMatching(/Backend\.Datapath.*EPERM/) as string,
      }),
    );
    expect(() => udp({ Datapath: "magic" })).toThrow(/Datapath is "magic"/);
  });
});

test("an underlay too small for IPv6 is refused by name", () => {
  const node: Node = { ...makeNode(1), link: { name: "eth0", index: 2, mtu: 1300 } };
  expect(() => udp({}, node, [4, 6])).toThrow(/MTU 1300 of interface eth0.*IPv6 needs 1280/);
});
