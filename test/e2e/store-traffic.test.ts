// How much a node asks of the store, as etcd itself counts it: a cold start of a whole daemon, and a minute of idling.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Clock, systemClock, systemRandom } from "../../daemon/clock.ts";
import { DEFAULT_LIMITS } from "../../daemon/store/etcd/options.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { EtcdRig } from "../support/etcd-rig.ts";
import { readTraffic, trafficSince } from "../support/etcd-metrics.ts";
import { enterLan } from "../support/lan.ts";
import { LeaseNode } from "../support/lease-node.ts";
import { LodendHost } from "../support/lodend.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const CONFIG = '{"Network":"10.64.0.0/12","Backend":{"Type":"vxlan"}}';

let directory: TempDir;
let cluster: EtcdCluster;
let url: string;

beforeAll(async () => {
  enterLan();
  directory = tempDir("traffic");
  cluster = await EtcdCluster.start({ size: 1 });
  url = cluster.endpoints[0]!;
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

test("a cold start takes the same few requests, however many leases there are", async ({ annotate }) => {
  const [few, many] = [10, 1_000];
  const leases = (from: number, to: number): [string, string][] =>
    Array.from({ length: to - from }, (_, i) => {
      const [high, low] = [(from + i) >> 8, (from + i) & 255];
      const mac = `0a:00:00:00:${[high, low].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
      const data = { PublicIP: `198.18.${high}.${low}`, BackendType: "vxlan", BackendData: { VNI: 1, VtepMAC: mac } };
      return [`subnets/10.70.${low}.${high << 4}-28`, JSON.stringify(data)];
    });
  const { admin } = new EtcdRig({ endpoint: url } as ConstructorParameters<typeof EtcdRig>[0], "/coreos.com/network");
  await admin.put("config", CONFIG);
  const counted: Record<string, number>[] = [];
  for (const [n, from, to] of [
    [1, 0, few],
    [2, few, many],
  ] as const) {
    await admin.putAll(leases(from, to));
    using host = new LodendHost(n, directory.path);
    const before = await readTraffic(url);
    const daemon = host.start(`--etcd-endpoints=${url}`, "--iptables-resync=3600");
    await daemon.printed(/"msg":"ready: /);
    // The node may be ready before etcd has counted its watch.
    const since = async (): Promise<Record<string, number>> => trafficSince(before, await readTraffic(url));
    await expect.poll(since).toHaveProperty("Watch/Watch");
    counted.push(await since());
    daemon.child.kill("SIGKILL");
    await daemon.finished;
  }
  for (const requests of counted) {
    // Read for the configuration and the lease, and for the peers; written once. The first watch may end before it is
    // asked for, the first renewal comes about when the node is ready.
    expect(requests).toMatchObject({ "KV/Range": 2, "KV/Txn": 1, "Lease/LeaseGrant": 1 });
    expect([1, 2]).toContain(requests["Watch/Watch"]);
    expect([undefined, 1]).toContain(requests["Lease/LeaseKeepAlive"]);
    const known = ["KV/Range", "KV/Txn", "Lease/LeaseGrant", "Lease/LeaseKeepAlive", "Watch/Watch"];
    expect([...known, "receivedBytes", "sentBytes"]).toEqual(expect.arrayContaining(Object.keys(requests)));
  }
  await annotate(JSON.stringify(counted));
});

test("an idle node costs a request and a few hundred bytes a minute", async ({ annotate }) => {
  // Twenty times as fast: a minute takes three seconds.
  const pace = 20;
  const clock: Clock = {
    monotonic: () => systemClock.monotonic() * pace,
    wall: () => systemClock.wall(),
    sleep: (ms, signal) => systemClock.sleep(ms / pace, signal),
  };
  // Patience with answers costs no traffic, and is in the machine's time.
  const { dial, request, pingTimeout, watchProgress, watchSilence } = DEFAULT_LIMITS;
  const limits = {
    dial: dial * pace,
    request: request * pace,
    pingTimeout: pingTimeout * pace,
    watchSilence: watchProgress + (watchSilence - watchProgress) * pace,
  };
  const store = new EtcdSubnetStore({ endpoints: [url], prefix: "/idle", clock, random: systemRandom, limits });
  await using node = new LeaseNode({ store, n: 1, config: CONFIG, clock });
  await node.start();
  await node.until(() => node.snapshots === 1);
  const from = clock.monotonic();
  const before = await readTraffic(url);
  await clock.sleep(60_000);
  const traffic = trafficSince(before, await readTraffic(url));
  const minutes = (clock.monotonic() - from) / 60_000;
  expect(node.troubles).toEqual([]);
  const { receivedBytes = 0, sentBytes = 0, ...requests } = traffic;
  // A renewal every 48 to 60 seconds, and nothing else but words on the watch that is open.
  expect(Object.keys(requests)).toEqual(["Lease/LeaseKeepAlive"]);
  expect(requests["Lease/LeaseKeepAlive"]).toBeLessThanOrEqual(minutes * 1.25 + 1);
  expect((receivedBytes + sentBytes) / minutes).toBeLessThan(1_000);
  await annotate(JSON.stringify({ minutes, ...traffic }));
  await store.close();
});
