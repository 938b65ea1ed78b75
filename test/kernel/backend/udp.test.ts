// The udp backend's data path in the kernel between hosts of this process: packets of all kinds arrive, drift is repaired,
// restarts lose nothing, and the kernel takes the programs.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { BpfMap } from "#kernel/bpf/map";
import { openPin, pin } from "#kernel/bpf/pin";
import { loadProgram } from "#kernel/bpf/program";
import { tcxAttach, tcxDetach, tcxPrograms, withProgram } from "#kernel/bpf/tcx";
import { Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Attachment } from "../../../daemon/backend/udp/attachments.ts";
import { tunnelLeftovers, type TunnelLeftover } from "../../../daemon/backend/udp/cleanup.ts";
import {
  KernelDatapath,
  instanceDirectory,
  type KernelDatapathOptions,
} from "../../../daemon/backend/udp/kernel-datapath.ts";
import { MAPS, routeKey } from "../../../daemon/backend/udp/layout.ts";
import { kernelDatapathObstacle } from "../../../daemon/backend/udp/obstacle.ts";
import type { Lease } from "../../../daemon/lease/types.ts";
import { enterFreshBpfFs, hasTcx, otherBuild } from "../../support/bpf.ts";
import { makeFabric, podOf, type FabricShape } from "../../support/fabric.ts";
import { addPod, joinHosts, leasesFor, makeHost, type Host, type Running } from "../../support/hosts.ts";
import { needs } from "../../support/kernel-features.ts";
import { Pings } from "../../support/pings.ts";
import { startProcess } from "../../support/processes.ts";
import { frameEnd } from "../../support/udp-packets.ts";

const families = [4, 6] as const;
const SHAPE: FabricShape = { type: "udp", options: { Datapath: "kernel" }, families };
let disposables: Disposable[] = [];

beforeAll(() => enterFreshBpfFs());

afterEach(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
  disposables = [];
});

function cluster(count: number): Host[] {
  const hosts = Array.from({ length: count }, (_, index) => makeHost(index + 1));
  disposables.push(...hosts, joinHosts(hosts));
  for (const host of hosts) {
    addPod(host, families);
    host.netns.run(() => execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]));
  }
  return hosts;
}

async function reconcile(hosts: readonly Host[], kernelPath: Partial<KernelDatapathOptions> = {}): Promise<Running[]> {
  const all = hosts.map((host) => host.reconcile(SHAPE, undefined, kernelPath));
  for (const [index, { reconciler }] of all.entries()) {
    reconciler.replaceLeases(leasesFor(hosts, hosts[index]!, SHAPE));
    await reconciler.settled();
    expect(reconciler.state()).toMatchObject({ failed: [], refused: [], ready: true, peers: hosts.length - 1 });
  }
  return all;
}

async function ping(from: Host, to: Host, family: Family, count = 2, more: readonly string[] = []): Promise<number> {
  const address = (host: Host): string => podOf(host.n, family).address.toString();
  const args = ["-n", "-q", "-c", `${count}`, "-i", "0.01", "-W", "10", "-I", address(from), ...more, address(to)];
  const child = from.netns.run(() => spawn("ping", args, { stdio: ["ignore", "pipe", "inherit"] }));
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  await once(child, "close");
  return Number(/(\d+) received/.exec(text)?.[1]);
}

async function settle({ reconciler }: Running, leases: readonly Lease[]): Promise<void> {
  reconciler.replaceLeases(leases);
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], refused: [], ready: true, peers: leases.length });
}

function pings(from: Host, to: Host): Promise<Pings> {
  return Pings.to(from.netns, podOf(to.n, 4).address, ["-i", "0.01", "-I", podOf(from.n, 4).address.toString()]);
}

describe("the kernel's data path", () => {
  test("the kernel takes the programs", needs(), () => {
    const [host] = cluster(1) as [Host];
    expect(host.netns.run(() => kernelDatapathObstacle(sys))).toBeUndefined();
  });

  test("what the verifier does not take is told, with what it says", () => {
    const [host] = cluster(1) as [Host];
    const unbounded = otherBuild((source) => source.replaceAll("if ((void *)(ip + 1) > end)", "if (!end)"), "0badcafe");
    expect(host.netns.run(() => kernelDatapathObstacle(sys, () => unbounded))).toMatch(
      /the kernel does not take the BPF program (encap|single): .*EACCES.*invalid access to packet/,
    );
  });

  test("pods reach each other in both families, also with packets of the full MTU", needs(), async () => {
    const [a, b, c] = cluster(3) as [Host, Host, Host];
    await reconcile([a, b, c]);
    const [backend] = makeFabric(SHAPE, a.node).backends;
    const mtu = backend!.mtu(a.node);
    expect(mtu).toBe(1500 - 48);
    for (const [from, to] of [
      [a, b],
      [b, a],
      [a, c],
    ] as const) {
      expect(await ping(from, to, 4)).toBe(2);
      expect(await ping(from, to, 6)).toBe(2);
      expect(await ping(from, to, 4, 2, ["-M", "do", "-s", `${mtu - 28}`])).toBe(2);
      expect(await ping(from, to, 6, 2, ["-M", "do", "-s", `${mtu - 48}`])).toBe(2);
      // In fragments.
      expect(await ping(from, to, 4, 2, ["-s", "4000"])).toBe(2);
      expect(await ping(from, to, 6, 2, ["-s", "4000"])).toBe(2);
    }
  });

  test("a restart of the daemon changes nothing and loses no packet", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    const first = new AbortController();
    const before = a.reconcile(SHAPE, first.signal);
    const other = b.reconcile(SHAPE);
    other.reconciler.replaceLeases(leasesFor([a, b], b, SHAPE));
    before.reconciler.replaceLeases(leasesFor([a, b], a, SHAPE));
    await before.reconciler.settled();
    await other.reconciler.settled();
    const received = ping(a, b, 4, 100);
    first.abort();
    const after = a.reconcile(SHAPE);
    await after.reconciler.settled();
    after.reconciler.replaceLeases(leasesFor([a, b], a, SHAPE));
    await after.reconciler.settled();
    expect(await received).toBe(100);
    const changes = after.events.flatMap((event) => (event.type === "pass" ? [event.changes] : []));
    expect(changes.every((count) => count === 0)).toBe(true);
  });

  test("changes of the route to a peer are followed, while packets go", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    await reconcile([a, b]);
    const pinging = await pings(a, b);
    using datapath = a.netns.run(() => new KernelDatapath({ sys, instance: "test" }));
    const dropped = (): bigint => a.netns.run(() => datapath.traffic())!.drops["no-route"];
    a.ip("route", "add", "unreachable", "192.168.0.2/32");
    await expect.poll(dropped, { timeout: 20_000 }).toBeGreaterThan(0n);
    a.ip("route", "delete", "unreachable", "192.168.0.2/32");
    expect(await ping(a, b, 4)).toBe(2);
    await pinging.stop();
  });

  async function isRepaired(attachment: Attachment, spoil: (host: Host) => void): Promise<void> {
    const [a, b] = cluster(2) as [Host, Host];
    const [running] = await reconcile([a, b], { attachment });
    const repaired = running!.event(({ type }) => type === "drift");
    spoil(a);
    await repaired;
    await running!.reconciler.settled();
    expect(await ping(a, b, 4)).toBe(2);
    expect(await ping(a, b, 6)).toBe(2);
  }

  test.each<[string, Attachment, (host: Host) => void]>([
    ["a peer's entry is deleted", "tcx", (host) => deletePeerOf(host)],
    ["the device is deleted", "tcx", (host) => host.ip("link", "delete", "flannel0")],
    ["the cutter is deleted", "clsact", (host) => host.ip("link", "delete", "flannel0-one")],
    ["a filter is deleted", "clsact", (host) => void tc(host, "filter", "delete", "dev", "eth0", "ingress")],
    ["a hook is taken away", "clsact", (host) => void tc(host, "qdisc", "delete", "dev", "flannel0", "clsact")],
  ])("%s: repaired", (_, attachment, spoil) => isRepaired(attachment, spoil));

  test.skipIf(!hasTcx())("a program is detached from tcx: repaired", () => isRepaired("tcx", detachTcx));

  test("pins that are deleted while all runs are made again, by the next comparison of everything", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    const [running] = await reconcile([a, b]);
    const repaired = running!.event(({ type }) => type === "drift");
    removePinsOf(a);
    running!.reconciler.resync();
    await repaired;
    await running!.reconciler.settled();
    expect(await ping(a, b, 4)).toBe(2);
    using datapath = a.netns.run(() => new KernelDatapath({ sys, instance: "test" }));
    expect(a.netns.run(() => [...datapath.peers()])).toHaveLength(2);
  });

  test("another build takes the place of the one before, in either hook and from one to the other: no packet is lost", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    await settle(b.reconcile(SHAPE), leasesFor([a, b], b, SHAPE));
    const other = otherBuild((source) => source.replace("#define OUTER_TTL 64", "#define OUTER_TTL 63"), "0badcafe");
    let pinging: Pings | undefined;
    for (const [attachment, build, expected] of [
      ["clsact", undefined, 64],
      ["clsact", other, 63],
      ["tcx", undefined, 64],
      ["tcx", other, 63],
    ] as const) {
      const end = new AbortController();
      const seen: Attachment[] = [];
      const onAttached = (by: Attachment): void => void seen.push(by);
      const programs = build === undefined ? {} : { programs: () => build };
      await settle(
        a.reconcile(SHAPE, end.signal, { attachment, onAttached, ...programs }),
        leasesFor([a, b], a, SHAPE),
      );
      pinging ??= await pings(a, b);
      using frames = frameEnd(b.netns, b.node.link.index);
      // Of datagrams that come to the other host.
      expect(frames.receive(10_000, (frame) => frame[23] === 17)?.[22]).toBe(expected);
      expect(seen).toEqual([hasTcx() ? attachment : "clsact"]);
      end.abort();
    }
    expect(await pinging!.stop()).toMatchObject({ lost: 0 });
  });

  test("maps of another shape begin with what the old ones hold", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    const first = new AbortController();
    await settle(b.reconcile(SHAPE), leasesFor([a, b], b, SHAPE));
    await settle(a.reconcile(SHAPE, first.signal), leasesFor([a, b], a, SHAPE));
    const pinging = await pings(a, b);
    first.abort();
    const directory = a.netns.run(() => instanceDirectory("test"));
    using older = BpfMap.create(sys, { ...MAPS.drops, maxEntries: 3 });
    pin(older.fd, `${directory}/drops`);
    const { reconciler, events } = a.reconcile(SHAPE);
    await reconciler.settled();
    // The leases are not known yet, and what was there stays.
    expect(events.flatMap((event) => (event.type === "pass" ? [event.changes] : [])).some((count) => count > 0)).toBe(
      true,
    );
    expect(await ping(b, a, 6)).toBe(2);
    expect(await pinging.stop()).toMatchObject({ lost: 0 });
  });

  test("cleanup takes away what is attached, by whichever hook, and the pins, and leaves what others have attached", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    const directory = a.netns.run(() => instanceDirectory("test"));
    const others = attachOthers(a);
    using socket = a.netns.run(() => NetlinkSocket.open(sys));
    const leftovers = (): readonly TunnelLeftover[] => a.netns.run(() => tunnelLeftovers(sys, socket, "test"));
    for (const attachment of ["tcx", "clsact"] as const) {
      const end = new AbortController();
      await settle(a.reconcile(SHAPE, end.signal, { attachment }), leasesFor([a, b], a, SHAPE));
      end.abort();
      expect(leftovers().map(({ name }) => name)).toEqual([
        "BPF program decap at ingress of eth0",
        "BPF program admit at ingress of flannel0",
        "BPF program encap at egress of flannel0",
        "BPF program single at ingress of flannel0-one",
        "links flannel0-cut and flannel0-one",
        `BPF pins ${directory}`,
      ]);
      a.netns.run(() => {
        for (const leftover of leftovers()) leftover.remove();
      });
      expect(leftovers()).toEqual([]);
      expect(existsSync(directory)).toBe(false);
      expect(a.ip("-br", "link")).not.toContain("flannel0-");
      expect(tc(a, "qdisc", "show", "dev", "flannel0")).not.toContain("clsact");
      // On the same hooks, those of others.
      expect(tc(a, "filter", "show", "dev", "eth0", "ingress")).toContain("u32");
      expect(others()).toBe(true);
    }
  });

  test("trains that containers have put into a tunnel of their own arrive whole", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    await reconcile([a, b]);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const ends = ["local", podOf(from.n, 4).address.toString(), "remote", podOf(to.n, 4).address.toString()];
      from.ip("link", "add", "inner", "mtu", "1400", "type", "vxlan", "id", "9", "dstport", "4790", ...ends);
      from.ip("address", "add", `172.31.0.${from.n}/24`, "dev", "inner");
      from.ip("link", "set", "inner", "up");
    }
    const server = b.netns.run(() => startProcess("iperf3", ["-s", "-1", "--forceflush"]));
    await server.printed(/Server listening/);
    const client = a.netns.run(() => startProcess("iperf3", ["-c", "172.31.0.2", "-n", "20M"]));
    expect((await client.finished).status).toBe(0);
    await server.finished;
    const [cutter] = JSON.parse(a.ip("-j", "-s", "link", "show", "flannel0-cut")) as [
      { readonly stats64: { readonly tx: { readonly packets: number } } },
    ];
    expect(cutter.stats64.tx.packets).toBeGreaterThan(0);
    using datapath = a.netns.run(() => new KernelDatapath({ sys, instance: "test" }));
    expect(a.netns.run(() => datapath.traffic())!.drops["kernel-refused"]).toBe(0n);
  });

  test("ten thousand peers are one pass, and one more is one object", async () => {
    const host = makeHost(1);
    disposables.push(host);
    const { reconciler, events } = host.reconcile({ ...SHAPE, families: [4] });
    const leases = Array.from({ length: 10_000 }, (_, index) => manyLease(index));
    reconciler.replaceLeases(leases.slice(1));
    await reconciler.settled();
    const { failed, refused, ready, peers } = reconciler.state();
    expect([failed[0]?.error, refused[0]?.error]).toEqual([undefined, undefined]);
    expect([ready, peers]).toEqual([true, 9_999]);
    const passes = events.flatMap((event) => (event.type === "pass" && event.changes > 0 ? [event] : []));
    expect(passes.length).toBeLessThanOrEqual(2);
    reconciler.putLease(leases[0]!);
    await reconciler.settled();
    const last = events.findLast((event) => event.type === "pass");
    expect(last).toMatchObject({ changes: 1, dumped: [] });
    using datapath = host.netns.run(() => new KernelDatapath({ sys, instance: "test" }));
    expect(host.netns.run(() => [...datapath.peers()])).toHaveLength(10_000);
  });
});

/** Peers in subnets of four addresses. */
function manyLease(index: number): Lease {
  const number = 4 * (index + 256);
  const at = (offset: number): Address =>
    Address.fromBigInt(4, Address.parse("10.5.0.0").value + BigInt(number + offset));
  return {
    key: `${at(0).toString()}-30`,
    subnet: { 4: Prefix.of(at(0), 30) },
    publicAddress: { 4: Address.fromBigInt(4, Address.parse("172.16.0.1").value + BigInt(index)) },
    backendType: "",
    backendData: {},
    nodeId: `many-${index}`,
  };
}

function deletePeerOf(host: Host): void {
  const directory = host.netns.run(() => instanceDirectory("test"));
  const fd = openPin(`${directory}/routes4`)!;
  using map = BpfMap.of(sys, fd, MAPS.routes4)!;
  map.delete(routeKey(Prefix.parse("10.5.2.0/24")));
}

function tc(host: Host, ...args: readonly string[]): string {
  return host.netns.run(() => execFileSync("tc", args, { encoding: "utf8" }));
}

/** A filter, and a program where the kernel has tcx, of somebody else; whether the program is still there. */
function attachOthers(host: Host): () => boolean {
  tc(host, "qdisc", "add", "dev", "eth0", "clsact");
  tc(
    host,
    "filter",
    "add",
    "dev",
    "eth0",
    "ingress",
    "prio",
    "9",
    "u32",
    "match",
    "ip",
    "protocol",
    "99",
    "0xff",
    "flowid",
    "1:1",
  );
  if (!hasTcx()) return () => true;
  // r0 = TC_ACT_UNSPEC; exit
  const instructions = Uint8Array.of(0xb4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x95, 0, 0, 0, 0, 0, 0, 0);
  const fd = loadProgram("others", { name: "others", instructions, maps: [] }, "GPL", new Map());
  const hook = { index: host.node.link.index, hook: "ingress" } as const;
  host.netns.run(() => tcxAttach(hook, fd));
  sys.close(fd);
  return () => host.netns.run(() => tcxPrograms(sys, hook)!.some(({ name }) => name === "others"));
}

function detachTcx(host: Host): void {
  host.netns.run(() => {
    const hook = { index: host.node.link.index, hook: "ingress" } as const;
    for (const { id } of tcxPrograms(sys, hook) ?? []) withProgram(sys, id, (program) => tcxDetach(hook, program));
  });
}

function removePinsOf(host: Host): void {
  const directory = host.netns.run(() => instanceDirectory("test"));
  for (const name of readdirSync(directory)) execFileSync("rm", [`${directory}/${name}`]);
}
