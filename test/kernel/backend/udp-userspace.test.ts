// The udp backend's data path in a thread, between hosts of this process: packets of all kinds arrive, also to and from hosts
// whose kernel carries them; what cannot go is answered; drift, and the end of the thread, are repaired.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Lease } from "../../../daemon/lease/types.ts";
import { enterFreshBpfFs } from "../../support/bpf.ts";
import { makeFabric, podOf, type FabricShape } from "../../support/fabric.ts";
import { addPod, joinHosts, leasesFor, makeHost, type Host, type Running } from "../../support/hosts.ts";
import { startProcess } from "../../support/processes.ts";

const families = [4, 6] as const;
const SHAPE: FabricShape = { type: "udp", options: { Datapath: "userspace" }, families };
const KERNEL: FabricShape = { ...SHAPE, options: { Datapath: "kernel" } };
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

async function reconcile(
  hosts: readonly Host[],
  shapeOf: (host: Host) => FabricShape = () => SHAPE,
): Promise<Running[]> {
  const all = hosts.map((host) => host.reconcile(shapeOf(host)));
  for (const [index, { reconciler }] of all.entries()) {
    const others = hosts.filter((_, other) => other !== index);
    reconciler.replaceLeases(others.flatMap((host) => leasesFor([host], hosts[index]!, shapeOf(host))));
    await reconciler.settled();
    expect(reconciler.state()).toMatchObject({ failed: [], refused: [], ready: true, peers: hosts.length - 1 });
  }
  return all;
}

/**
 * How many are answered, of as many as it takes. -w, as ping would not wait for the second longer than twice what
 * the first took.
 */
async function ping(
  from: Host,
  to: Host,
  family: Family,
  count = 2,
  more: readonly string[] = ["-w", "30"],
): Promise<number> {
  const address = (host: Host): string => podOf(host.n, family).address.toString();
  const args = ["-n", "-q", "-c", `${count}`, "-i", "0.1", "-I", address(from), ...more, address(to)];
  const child = from.netns.run(() => spawn("ping", args, { stdio: ["ignore", "pipe", "inherit"] }));
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  await once(child, "close");
  return Math.min(count, Number(/(\d+) received/.exec(text)?.[1]));
}

/** Whatever arrives has arrived whole: TCP says so. */
async function transfer(from: Host, to: Host, family: Family, bytes: string): Promise<void> {
  const address = podOf(to.n, family).address.toString();
  const server = to.netns.run(() => startProcess("iperf3", ["-s", "-1", "--forceflush"]));
  await server.printed(/Server listening/);
  const source = podOf(from.n, family).address.toString();
  const client = from.netns.run(() => startProcess("iperf3", ["-c", address, "-B", source, "-n", bytes]));
  const { status } = await client.finished;
  await server.finished;
  expect(status).toBe(0);
}

describe("the userspace data path", () => {
  test("pods reach each other in both families, also with packets of the full MTU and in fragments", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    await reconcile([a, b]);
    const mtu = makeFabric(SHAPE, a.node).backends[0]!.mtu(a.node);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const family of families) {
        const full = mtu - (family === 4 ? 28 : 48);
        expect(await ping(from, to, family, 2, ["-w", "30", "-M", "do", "-s", `${full}`])).toBe(2);
        expect(await ping(from, to, family, 2, ["-w", "30", "-s", "4000"])).toBe(2);
      }
    }
    // The thread counts a packet when it has sent it: the answer may be there before.
    await expect
      .poll(() =>
        a.userspace
          .traffic()!
          .peers.map(({ sentPackets, receivedPackets }) => [sentPackets >= 16n, receivedPackets >= 16n]),
      )
      .toEqual([
        [true, true],
        [true, true],
      ]);
    const { peers, drops } = a.userspace.traffic()!;
    for (const { sentDrops, receivedDrops } of peers) expect([sentDrops, receivedDrops]).toEqual([0n, 0n]);
    expect(drops["not-a-peer"]).toBe(0n);
  });

  test("TCP goes in trains, whole, between threads and between a thread and a kernel", async () => {
    const [a, b, c] = cluster(3) as [Host, Host, Host];
    await reconcile([a, b, c], (host) => (host === c ? KERNEL : SHAPE));
    for (const family of families) {
      for (const [from, to] of [
        [a, b],
        [a, c],
        [c, a],
      ] as const) {
        await transfer(from, to, family, "100M");
      }
      expect(await ping(a, c, family)).toBe(2);
      expect(await ping(c, b, family)).toBe(2);
    }
  });

  test("the end of the thread is survived: it is started again, with all that it knew, and the counters go on", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    const [running] = await reconcile([a, b]);
    expect(await ping(a, b, 4)).toBe(2);
    const repaired = running!.event(({ type }) => type === "drift");
    await a.userspace.endWorker();
    await repaired;
    await running!.reconciler.settled();
    expect(await ping(a, b, 4)).toBe(2);
    expect(await ping(b, a, 6)).toBe(2);
    expect(a.userspace.status).toMatchObject({ state: "running", restarts: 1 });
    await expect
      .poll(() => a.userspace.traffic()!.peers.find(({ endpoint }) => endpoint.family === 4)?.sentPackets)
      .toBeGreaterThanOrEqual(4n);
  });

  test.each<[string, (host: Host) => void]>([
    ["deleted", (host) => host.ip("link", "delete", "flannel0")],
    ["shut", (host) => host.ip("link", "set", "flannel0", "down")],
  ])("a device that is %s is repaired", async (_, spoil) => {
    const [a, b] = cluster(2) as [Host, Host];
    const [running] = await reconcile([a, b]);
    const repaired = running!.event(({ type }) => type === "drift");
    spoil(a);
    await repaired;
    await running!.reconciler.settled();
    expect(await ping(a, b, 4)).toBe(2);
    expect(await ping(b, a, 6)).toBe(2);
  });

  test("a peer that goes, and one that moves, are followed at once", async () => {
    const [a, b, c] = cluster(3) as [Host, Host, Host];
    const [running] = await reconcile([a, b, c]);
    const { reconciler } = running!;
    const [ofB, ofC] = leasesFor([a, b, c], a, SHAPE) as [Lease, Lease];
    reconciler.deleteLease(ofB.key);
    await reconciler.settled();
    expect(await ping(a, b, 4, 1, ["-W", "1"])).toBe(0);
    expect(await ping(b, a, 4, 1, ["-W", "1"])).toBe(0);
    await expect.poll(() => a.userspace.traffic()!.drops["unknown-subnet"]).toBeGreaterThan(0n);
    // Its source is nobody's any more.
    await expect.poll(() => a.userspace.traffic()!.drops["not-a-peer"]).toBeGreaterThan(0n);
    reconciler.putLease(ofB);
    await reconciler.settled();
    expect(await ping(a, b, 4)).toBe(2);
    reconciler.putLease({ ...ofC, publicAddress: ofB.publicAddress });
    await reconciler.settled();
    expect(await ping(a, c, 4, 1, ["-W", "1"])).toBe(0);
  });

  test("ten thousand peers are one pass, and one more is one object", async () => {
    const host = makeHost(1);
    disposables.push(host);
    const { reconciler, events } = host.reconcile({ ...SHAPE, families: [4] });
    const leases = Array.from({ length: 10_000 }, (_, index) => manyLease(index));
    reconciler.replaceLeases(leases.slice(1));
    await reconciler.settled();
    expect(reconciler.state()).toMatchObject({ failed: [], refused: [], ready: true, peers: 9_999 });
    reconciler.putLease(leases[0]!);
    await reconciler.settled();
    expect(events.findLast((event) => event.type === "pass")).toMatchObject({ changes: 1, dumped: [] });
    expect([...host.userspace.peers()]).toHaveLength(10_000);
  });

  test("what cannot go is answered: no such subnet, no hop left, and packets longer than the path", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    await reconcile([a, b]);
    const ask = (to: string, ...args: readonly string[]): string =>
      a.netns.run(() => spawnSync("ping", ["-n", "-c", "1", "-W", "10", ...args, to], { encoding: "utf8" })).stdout;
    const from4 = ["-I", podOf(1, 4).address.toString()];
    const from6 = ["-I", podOf(1, 6).address.toString()];
    expect(ask("10.5.200.1", ...from4)).toContain("From 10.5.200.1 icmp_seq=1 Destination Net Unreachable");
    expect(ask("fd00:5:200::1", ...from6)).toContain("Destination unreachable: No route");
    await expect.poll(() => a.userspace.traffic()!.drops["unknown-subnet"]).toBeGreaterThanOrEqual(2n);
    // The other host forwards, and says so.
    const inner = podOf(2, 4).address.add(9).toString();
    expect(ask(inner, ...from4, "-t", "1")).toMatch(/Time to live exceeded/);
    // A way that is narrower than the interface.
    const to = [podOf(2, 4).address.toString(), podOf(2, 6).address.toString()] as const;
    a.ip("route", "add", "192.168.0.2/32", "dev", "eth0", "mtu", "1400");
    a.ip("route", "add", "fd99::2/128", "dev", "eth0", "mtu", "1400");
    expect(ask(to[0], ...from4, "-M", "do", "-s", "1400")).toMatch(/Frag needed.*mtu = 1372/i);
    expect(ask(to[1], ...from6, "-M", "do", "-s", "1380")).toMatch(/Packet too big: mtu=1352/i);
    await expect.poll(() => a.userspace.traffic()!.drops["too-big"]).toBe(2n);
    // And TCP, which goes in trains, finds its size.
    await transfer(a, b, 4, "10M");
    await transfer(a, b, 6, "10M");
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
