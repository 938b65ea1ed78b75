// A daemon that is stopped, killed and started again under traffic: a thousand echo requests a second lose nothing, what
// peers left meanwhile is cleared away. Besides, what `loden plan` and `loden state` say, with the daemon up and down. (A boot
// while the store is away is in lodend-life.test.ts.)
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../daemon/clock.ts";
import { EtcdClient } from "../../daemon/store/etcd/client.ts";
import { KV } from "../../daemon/store/etcd/generated/rpc_pb.js";
import type { StateDocument } from "#spec/state-document";
import { seededRandom } from "../support/app-rig.ts";
import { Echo } from "../support/echo-stream.ts";
import { startEtcd } from "../support/etcd.ts";
import { enterLan } from "../support/lan.ts";
import { LODEN, LodendHost, SWITCH_ADDRESS } from "../support/lodend.ts";
import { bridgeJson, iproute, iprouteJson } from "../support/netns.ts";
import type { Finished, Started } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const PREFIX = "/coreos.com/network";
const READY = /"msg":"ready: /;
const CONFIG = '{"Network":"10.0.0.0/8","SubnetLen":24,"SubnetMax":"10.63.255.0","Backend":{"Type":"vxlan"}}';
/** Peers that are leases and nothing else, so that a start has work to do. */
const GHOSTS = 2_000;
/** Operations that one transaction of etcd's takes. */
const BATCH = 128;
/** Which moments the daemons are killed at: any from the first to past the last of a start. */
const SEED = Number(process.env["LODEN_SEED"] ?? 4);
const LONGEST_START_MS = 2_000;
const RESTARTS = 20;
/** One request a millisecond. */
const INTERVAL_MS = 1;

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: readonly [LodendHost, LodendHost];
const daemons = new Map<LodendHost, Started>();

beforeAll(async () => {
  enterLan();
  directory = tempDir("restart");
  etcd = await startEtcd();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  etcd.ctl("put", `${PREFIX}/config`, CONFIG);
  await putGhosts();
  hosts = [new LodendHost(1, directory.path), new LodendHost(2, directory.path)];
  for (const host of hosts) await start(host).printed(READY);
});
afterAll(async () => {
  for (const host of hosts) {
    await stop(host, "SIGKILL");
    host[Symbol.dispose]();
  }
  await proxy[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function putGhosts(): Promise<void> {
  const options = { endpoints: [etcd.endpoint], prefix: PREFIX, clock: systemClock, random: seededRandom(SEED) };
  const client = new EtcdClient(options);
  for (let from = 0; from < GHOSTS; from += BATCH) {
    const success = Array.from({ length: Math.min(BATCH, GHOSTS - from) }, (_, n) => {
      const [key, value] = ghost(from + n).map((text) => Buffer.from(text)) as [Buffer, Buffer];
      return { request: { case: "requestPut" as const, value: { key, value } } };
    });
    await client.unary(KV.method.txn, { success }, { repeatable: true });
  }
  client.close();
}

function ghost(n: number): [key: string, value: string] {
  const hex = [n >> 8, n & 255].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
  const data = { VNI: 1, VtepMAC: `0a:00:00:00:${hex}` };
  const value = { PublicIP: `172.16.${n >> 7}.${(n & 127) + 1}`, BackendType: "vxlan", BackendData: data };
  return [`${PREFIX}/subnets/10.${64 + (n >> 8)}.${n & 255}.0-24`, JSON.stringify(value)];
}

const flags = (host: LodendHost): string[] => [
  `--etcd-endpoints=http://${proxy.authority}`,
  `--node-id=${host.name}`,
  "--ip-masq",
  "-v=1",
];

function start(host: LodendHost, ...more: readonly string[]): Started {
  const daemon = host.start(...flags(host), ...more);
  daemons.set(host, daemon);
  return daemon;
}

async function stop(host: LodendHost, signal: NodeJS.Signals): Promise<void> {
  const daemon = daemons.get(host);
  daemons.delete(host);
  daemon?.child.kill(signal);
  await daemon?.finished;
}

const routesOf = (host: LodendHost): string[] =>
  host.netns.run(() => iprouteJson("route", "show", "dev", "flannel.1")).map(({ dst }) => String(dst));

function kernelOf(host: LodendHost): unknown {
  const dev = ["dev", "flannel.1"] as const;
  return host.netns.run(() => ({
    link: iprouteJson("link", "show", ...dev).map(({ ifindex, address, mtu }) => ({ ifindex, address, mtu })),
    routes: iprouteJson("route", "show", ...dev)
      .map(({ dst, gateway }) => `${String(dst)} ${String(gateway)}`)
      .toSorted(),
    neighbours: iprouteJson("neigh", "show", ...dev)
      .map(({ dst, lladdr }) => `${String(dst)} ${String(lladdr)}`)
      .toSorted(),
    fdb: bridgeJson("fdb", "show", ...dev)
      .map(({ mac, dst }) => `${String(mac)} ${String(dst)}`)
      .toSorted(),
  }));
}

/** `loden plan` or `loden state` on the host. */
function view(host: LodendHost, ...args: readonly string[]): Promise<Finished> {
  const own = [`--subnet-file=${host.subnetFile}`, `--state-dir=${host.stateDirectory}`];
  return host.run(process.execPath, LODEN, ...args, ...own, ...flags(host));
}

test("a thousand packets a second pass through restarts and kills at any moment of a start", async () => {
  const [a, b] = hosts;
  // The first may have been ready before the second had a lease.
  for (const host of hosts) await expect.poll(() => routesOf(host)).toHaveLength(GHOSTS + 1);
  const before = hosts.map(kernelOf);
  const random = seededRandom(SEED);
  // Both ways at once, as a ping that is to send each millisecond falls behind.
  const echoes = await Promise.all([
    Echo.start(a.netns, b.subnet.address.toString(), INTERVAL_MS),
    Echo.start(b.netns, a.subnet.address.toString(), INTERVAL_MS),
  ]);
  for (let round = 0; round < RESTARTS; round++) {
    const host = hosts[round % 2]!;
    await stop(host, round % 3 === 0 ? "SIGTERM" : "SIGKILL");
    const daemon = start(host);
    // Every fourth comes up; the others die on the way.
    if (round % 4 === 3) await daemon.printed(READY);
    else await systemClock.sleep(LONGEST_START_MS * random.next());
  }
  for (const host of hosts) {
    await stop(host, "SIGKILL");
    await start(host).printed(READY);
  }
  expect(hosts.map(kernelOf)).toEqual(before);
  const counts = await Promise.all(echoes.map((echo) => echo.stop()));
  const sent = counts.reduce((sum, count) => sum + count.sent, 0);
  process.stdout.write(`${sent} echo requests passed through ${RESTARTS + 2} restarts, LODEN_SEED=${SEED}\n`);
  expect(counts.map(({ lost }) => lost)).toEqual([0, 0]);
});

test("what is stale after a time away goes, other configuration comes, and no packet is lost", async () => {
  const [a, b] = hosts;
  const echo = await Echo.start(a.netns, b.subnet.address.toString(), INTERVAL_MS);
  await stop(a, "SIGKILL");
  etcd.ctl("del", ghost(0)[0]);
  // What an earlier version may have left: a route with our number, a neighbour and an entry on our device.
  a.netns.run(() => {
    iproute("route", "add", "10.200.1.0/24", "via", "192.168.99.77", "protocol", "76");
    iproute("neigh", "add", "10.200.1.0", "lladdr", "0a:00:00:00:ff:ff", "dev", "flannel.1", "nud", "permanent");
  });
  await start(a, "--ip-blackhole-route", "--ip-masq-fully-random-disable").printed(READY);
  await expect.poll(() => routesOf(a)).not.toContain("10.64.0.0/24");
  await expect.poll(() => routesOf(a)).toHaveLength(GHOSTS);
  const text = (): string =>
    a.netns.run(() => JSON.stringify([iprouteJson("route", "show"), iprouteJson("neigh", "show")]));
  await expect.poll(text).not.toContain("10.200.1.0");
  expect(text()).toContain("blackhole");
  expect(await echo.stop()).toMatchObject({ lost: 0 });
});

test("plan and state tell what differs, with the daemon and without, and change nothing", async () => {
  const [a] = hosts;
  const settled = await view(a, "plan");
  expect(settled).toMatchObject({ status: 0, stderr: "" });
  expect(settled.stdout).toMatch(/by the running lodend:\nnothing to change: \d+ objects are as they should be/);
  const whole = JSON.parse((await view(a, "state", "--json")).stdout) as StateDocument;
  expect(whole).toMatchObject({ format: 1, source: "lodend", nodeId: a.name, changes: [], unread: {}, fights: [] });
  expect(whole.desired).toContainEqual({
    key: "route 10.64.1.0/24",
    kind: "route",
    because: "10.64.1.0-24",
    spec: { destination: "10.64.1.0/24", gateway: "10.64.1.0", link: "flannel.1", onlink: true },
  });
  expect(whole.actual.length).toBe(whole.desired.length);

  await stop(a, "SIGTERM");
  a.netns.run(() => {
    iproute("route", "delete", "10.64.1.0/24");
    iproute("link", "set", "flannel.1", "mtu", "1300");
    iproute("route", "add", "10.200.1.0/24", "via", "192.168.99.77", "protocol", "76");
  });
  const before = kernelOf(a);
  const { status, stdout, stderr } = await view(a, "plan", "--ip-blackhole-route", "--ip-masq-fully-random-disable");
  expect({ status, stderr }).toEqual({ status: 4, stderr: "" });
  expect(stdout).toContain("+ route 10.64.1.0/24 (wanted by 10.64.1.0-24): it is missing");
  expect(stdout).toContain("~ link flannel.1 (wanted by base): mtu is 1300, wanted 1450");
  // Tables that are as a start would write them are no change.
  expect(stdout).toMatch(/ 3 to change$/m);
  expect(stdout).toContain("- route 10.200.1.0/24: it bears this daemon's mark, and nothing wants it");
  const document = JSON.parse((await view(a, "plan", "--json")).stdout) as StateDocument;
  expect(document.source).toBe("last-state");
  expect(document.changes.map(({ key }) => key)).toContain("route 10.64.1.0/24");
  // With random ports, as this one has no flags, it is another.
  expect(document.changes.map(({ key }) => key)).toContain("nft-table inet loden");
  expect(document.changes.map(({ key }) => key)).not.toContain("nft-table inet loden-peers");
  const state = await view(a, "state");
  expect(state.stdout).toContain("  = route 10.64.2.0/24\n");
  expect(kernelOf(a)).toEqual(before);
  await start(a).printed(READY);
});

test("plan without a daemon and without a state says what is missing", async () => {
  const { status, stderr } = await hosts[0].run(
    process.execPath,
    LODEN,
    "plan",
    "--subnet-file=/nowhere/x.env",
    "--state-dir=",
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(/lodend is not running and left no state .*--state-dir/);
});
