// Hosts whose reconcilers know each other's leases carry real packets between their pods: over VXLAN in both families,
// over plain routes with host-gw and DirectRouting, and through changes of backend and restarts of the daemon.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import type { Family } from "#kernel/ip/address";
import { makeFabric, makeLease, podOf, type FabricShape } from "../../support/fabric.ts";
import { addPod, joinHosts, leasesFor, makeHost, type Host, type Running } from "../../support/hosts.ts";

const families = [4, 6] as const;
let disposables: Disposable[] = [];

afterEach(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
  disposables = [];
});

/** Hosts on one switch, with a pod each. */
function cluster(count: number): Host[] {
  const hosts = Array.from({ length: count }, (_, index) => makeHost(index + 1));
  disposables.push(...hosts, joinHosts(hosts));
  for (const host of hosts) addPod(host, families);
  return hosts;
}

async function reconcile(hosts: readonly Host[], shape: FabricShape): Promise<Running[]> {
  const all = hosts.map((host) => host.reconcile(shape));
  for (const [index, { reconciler }] of all.entries()) {
    reconciler.replaceLeases(leasesFor(hosts, hosts[index]!, shape));
    await reconciler.settled();
    expect(reconciler.state()).toMatchObject({ failed: [], refused: [], ready: true, peers: hosts.length - 1 });
  }
  return all;
}

/** Packets that were answered out of `count`, pod to pod; `more` goes to ping. */
async function ping(from: Host, to: Host, family: Family, count = 2, more: readonly string[] = []): Promise<number> {
  const address = (host: Host): string => podOf(host.n, family).address.toString();
  const args = ["-n", "-q", "-c", `${count}`, "-i", "0.01", "-W", "10", "-I", address(from), ...more, address(to)];
  const child = from.netns.run(() => spawn("ping", args, { stdio: ["ignore", "pipe", "inherit"] }));
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  await once(child, "close");
  return Number(/(\d+) received/.exec(text)?.[1]);
}

describe("pods reach each other", () => {
  test.each<[string, FabricShape]>([
    ["vxlan", { families }],
    ["vxlan with all options", { families, options: { VNI: 77, Port: 4789, GBP: true, Learning: true, MTU: 1450 } }],
    ["vxlan with a VNI of 24 bits", { families, options: { VNI: 16_777_215 } }],
    ["vxlan with DirectRouting", { families, options: { DirectRouting: true } }],
    ["host-gw", { type: "host-gw", families }],
  ])("%s", async (_, shape) => {
    const [a, b, c] = cluster(3) as [Host, Host, Host];
    await reconcile([a, b, c], shape);
    for (const [from, to] of [
      [a, b],
      [b, a],
      [a, c],
      [c, b],
    ] as const) {
      for (const family of families) expect(await ping(from, to, family)).toBe(2);
    }
  });

  test("packets of the MTU that containers get pass unfragmented, in both families", async () => {
    const [a, b] = cluster(2) as [Host, Host];
    await reconcile([a, b], { families });
    const [backend] = makeFabric({ families }, a.node).backends;
    const mtu = backend!.mtu(a.node);
    // Less the headers of IP and ICMP echo; -M do forbids fragments.
    expect(await ping(a, b, 4, 2, ["-M", "do", "-s", `${mtu - 28}`])).toBe(2);
    expect(await ping(a, b, 6, 2, ["-M", "do", "-s", `${mtu - 48}`])).toBe(2);
  });
});

test("a device deleted under traffic is back, with its peers", async () => {
  const [a, b] = cluster(2) as [Host, Host];
  const [running] = await reconcile([a, b], {});
  const repaired = running!.event(({ type }) => type === "drift");
  a.ip("link", "delete", "flannel.1");
  await repaired;
  await running!.reconciler.settled();
  expect(await ping(a, b, 4)).toBe(2);
});

test("a restart of the daemon loses no packet, also with the leases unknown for a while", async () => {
  const [a, b] = cluster(2) as [Host, Host];
  const first = new AbortController();
  const before = a.reconcile({ families }, first.signal);
  const [other] = await reconcile([b], { families });
  other!.reconciler.replaceLeases(leasesFor([a, b], b, { families }));
  before.reconciler.replaceLeases(leasesFor([a, b], a, { families }));
  await before.reconciler.settled();
  await other!.reconciler.settled();
  const received = ping(a, b, 4, 200);
  first.abort();
  const after = a.reconcile({ families });
  await after.reconciler.settled();
  expect(await ping(a, b, 6)).toBe(2);
  after.reconciler.replaceLeases(leasesFor([a, b], a, { families }));
  await after.reconciler.settled();
  expect(await received).toBe(200);
  const changes = after.events.flatMap((event) => (event.type === "pass" ? [event.changes] : []));
  expect(changes.every((count) => count === 0)).toBe(true);
});

test("a move to another backend goes through both at once", async () => {
  const [a, b] = cluster(2) as [Host, Host];
  const running = await reconcile([a, b], {});
  const shape = { type: "host-gw" };
  const move = async (both: boolean): Promise<void> => {
    for (const [index, host] of [a, b].entries()) {
      const fabric = makeFabric(shape, host.node);
      const old = makeFabric({}, host.node).backends;
      const { reconciler } = running[index]!;
      reconciler.configure(both ? { ...fabric, backends: [...old, ...fabric.backends] } : fabric);
      const peers = [a, b].filter((other) => other !== host);
      reconciler.replaceLeases(peers.map((peer) => makeLease(peer.n, shape)));
      await reconciler.settled();
      expect(await ping(a, b, 4)).toBe(2);
    }
  };
  await move(true);
  expect(a.ip("route")).toMatch(/10\.5\.2\.0\/24 via 192\.168\.0\.2 dev eth0/);
  expect(a.ip("link")).toMatch(/flannel\.1/);
  await move(false);
  expect(a.ip("link")).not.toMatch(/flannel\.1/);
});
