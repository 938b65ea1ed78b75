// The udp backend's data path in a thread, between hosts of this process: packets of all kinds arrive, also to and from hosts
// whose kernel carries them; what cannot go is answered; drift, and the end of the thread, are repaired.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Family } from "#kernel/ip/address";
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

async function ping(from: Host, to: Host, family: Family, count = 2, more: readonly string[] = []): Promise<number> {
  const address = (host: Host): string => podOf(host.n, family).address.toString();
  const args = ["-n", "-q", "-c", `${count}`, "-i", "0.01", "-W", "2", "-I", address(from), ...more, address(to)];
  const child = from.netns.run(() => spawn("ping", args, { stdio: ["ignore", "pipe", "inherit"] }));
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  await once(child, "close");
  return Number(/(\d+) received/.exec(text)?.[1]);
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
        expect(await ping(from, to, family, 2, ["-M", "do", "-s", `${full}`])).toBe(2);
        expect(await ping(from, to, family, 2, ["-s", "4000"])).toBe(2);
      }
    }
    const { peers, drops } = a.userspace.traffic()!;
    expect(peers.map(({ sentPackets, receivedPackets }) => [sentPackets, receivedPackets])).toHaveLength(2);
    for (const { sentPackets, receivedPackets, sentDrops, receivedDrops } of peers) {
      expect(sentPackets).toBeGreaterThanOrEqual(16n);
      expect(receivedPackets).toBeGreaterThanOrEqual(16n);
      expect([sentDrops, receivedDrops]).toEqual([0n, 0n]);
    }
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
});
