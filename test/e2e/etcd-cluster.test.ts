// The store client and the lease code on a real cluster of three etcd members, which are killed, paused, cut off,
// replaced, compacted and restored from a backup meanwhile.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock, systemRandom } from "../../daemon/clock.ts";
import type { EtcdOptions } from "../../daemon/store/etcd/options.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { readTraffic, trafficSince } from "../support/etcd-metrics.ts";
import type { EtcdMember } from "../support/etcd-member.ts";
import { Follower, stateOf } from "../support/follower.ts";
import { enterLan } from "../support/lan.ts";
import { LeaseNode } from "../support/lease-node.ts";
import { ownLoopback } from "../support/store-server.ts";
import { StoreWriter } from "../support/store-writer.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}';

/** A dead member is noticed within a second, so that a test need not wait for the default's eight. */
const IMPATIENT = { dial: 400, request: 1_000, watchProgress: 200, watchSilence: 800 };

/** Of leases that are renewed several times in a test, and must not run out in it: an election takes a part of it. */
const TTL_SECONDS = 10;

let cluster: EtcdCluster;
let count = 0;
const stores: EtcdSubnetStore[] = [];

beforeAll(async () => {
  enterLan();
  cluster = await EtcdCluster.start();
});

afterAll(async () => {
  for (const store of stores) await store.close();
  await cluster[Symbol.asyncDispose]();
});

function open(prefix: string, options: Partial<EtcdOptions> = {}): EtcdSubnetStore {
  const store = new EtcdSubnetStore({
    endpoints: cluster.endpoints,
    prefix,
    clock: systemClock,
    random: systemRandom,
    limits: IMPATIENT,
    ...options,
  });
  stores.push(store);
  return store;
}

/** With the default limits, for what a test does by itself: it is answered, however busy the machine is. */
const openPatient = (prefix: string): EtcdSubnetStore => open(prefix, { limits: {} });

const newPrefix = (): string => `/cluster/${++count}`;

type Fault = (member: EtcdMember) => Promise<() => Promise<void>>;

const FAULTS: Readonly<Record<string, Fault>> = {
  "killed with -9": async (member) => {
    await member.kill();
    return async () => {
      cluster.run(member);
      await member.serving();
    };
  },
  paused: async (member) => {
    member.pause(true);
    return async () => member.pause(false);
  },
  "cut off": async (member) => {
    member.host.cut(true);
    return async () => member.host.cut(false);
  },
};

describe("with one member of three gone", () => {
  test.each(Object.keys(FAULTS))("%s, each in turn: no write, no event and no lease is lost", async (name) => {
    const prefix = newPrefix();
    const node = new LeaseNode({ store: open(prefix), n: 1, config: CONFIG, ttlSeconds: TTL_SECONDS });
    const lease = await node.start();
    const before = (await openPatient(prefix).snapshot()).entries.find(({ key }) => key === lease.key);
    await using follower = new Follower(open(prefix));
    await using writer = new StoreWriter(open(prefix), "written");
    // The leader of the moment among them, whichever it is.
    for (const member of cluster.members) {
      const heal = await FAULTS[name]!(member);
      await cluster.leader(cluster.members.filter((other) => other !== member));
      await writer.written(5);
      await follower.until(() => Number(follower.state.get("written")) >= writer.acknowledged);
      await heal();
      await cluster.leader();
      await writer.written(5);
    }
    await writer.stop();
    const truth = await openPatient(prefix).snapshot();
    await follower.until(
      () => follower.revision >= truth.revision || follower.state.get("written") === stateOf(truth).get("written"),
    );
    expect(follower.state).toEqual(stateOf(truth));
    const after = truth.entries.find(({ key }) => key === lease.key);
    expect(after).toEqual(before);
    await node[Symbol.asyncDispose]();
  });
});

describe("without a quorum", () => {
  test("for longer than a lease lives: the subnet stays, and is held again when the store is back", async () => {
    const prefix = newPrefix();
    await using node = new LeaseNode({ store: open(prefix), n: 1, config: CONFIG, ttlSeconds: 2 });
    const lease = await node.start();
    await using follower = new Follower(open(prefix));
    await follower.until(() => follower.state.has(lease.key));
    const [leader, [other]] = [await cluster.leader(), await cluster.followers()];
    await leader.kill();
    await other!.kill();
    const deadline = node.holder.held!.deadline!;
    await systemClock.sleep(deadline - systemClock.monotonic());
    await node.until(() => node.troubles.some((text) => text.includes("has ended as far as this node knows")));
    expect(node.holder.held!.lease).toEqual(lease);
    expect([...follower.state.keys()]).toEqual([lease.key]);
    for (const member of [leader, other!]) cluster.run(member);
    await cluster.leader();
    await node.until(() => node.holder.held!.deadline! > systemClock.monotonic());
    const [record] = (await openPatient(prefix).snapshot()).entries;
    expect(record).toMatchObject({ key: lease.key });
    // Whole seconds: a renewal comes every two thirds of one. A lease that is gone has less than none.
    expect((await openPatient(prefix).timeToLive(record!.lease)).ttl).toBeGreaterThanOrEqual(0);
  });
});

describe("a backup", () => {
  test("that is restored under running nodes costs them no lease", async () => {
    const prefix = newPrefix();
    const nodes = [1, 2, 3].map((n) => new LeaseNode({ store: open(prefix), n, config: CONFIG, ttlSeconds: 30 }));
    const leases = [await nodes[0]!.start(), await nodes[1]!.start()];
    await using follower = new Follower(open(prefix));
    await using writer = new StoreWriter(open(prefix), "unrelated");
    await writer.written(3);
    const backup = cluster.save();
    // Not in the backup: a lease, some records, and the end of one.
    leases.push(await nodes[2]!.start());
    await writer.written(10);
    await writer.stop();
    const before = await openPatient(prefix).snapshot();
    await cluster.restore(backup);
    await cluster.leader();
    const keys = leases.map(({ key }) => key).toSorted();
    await follower.until(() => keys.every((key) => follower.state.has(key)) && follower.revision < before.revision);
    for (const [i, node] of nodes.entries()) {
      const others = keys.filter((key) => key !== leases[i]!.key);
      await node.until(() => others.every((key) => node.peers.includes(key)));
      expect(node.holder.held!.lease.key).toBe(leases[i]!.key);
    }
    const truth = await openPatient(prefix).snapshot();
    expect(truth.entries.map(({ key }) => key)).toEqual(expect.arrayContaining(keys));
    await follower.until(() => follower.revision >= truth.revision);
    expect(follower.state).toEqual(stateOf(truth));
    for (const node of nodes) await node[Symbol.asyncDispose]();
  });

  test("whose history has grown past what a node knew is told from the history the node knew", async () => {
    const prefix = newPrefix();
    const admin = openPatient(prefix);
    await admin.put("kept", "1", { expect: 0n, ttl: undefined });
    const backup = cluster.save();
    await using proxy = await TcpProxy.start(ownLoopback(), new URL(cluster.endpoints[0]!));
    await using follower = new Follower(open(prefix, { endpoints: [`http://${proxy.authority}`] }));
    await admin.put("lost", "1", { expect: 0n, ttl: undefined });
    await follower.until(() => follower.state.has("lost"));
    proxy.cut();
    await cluster.restore(backup);
    await cluster.leader();
    for (let i = 0; i < 5; i++) await admin.put(`new-${i}`, "1", { expect: 0n, ttl: undefined });
    proxy.mend();
    const truth = await openPatient(prefix).snapshot();
    expect(truth.revision).toBeGreaterThan(follower.revision);
    await follower.until(() => follower.revision >= truth.revision);
    expect(follower.state).toEqual(stateOf(truth));
  });
});

describe("a client", () => {
  test("that was away while history was compacted gets what there is", async () => {
    const prefix = newPrefix();
    const admin = openPatient(prefix);
    await using proxy = await TcpProxy.start(ownLoopback(), new URL(cluster.endpoints[0]!));
    await using follower = new Follower(open(prefix, { endpoints: [`http://${proxy.authority}`] }));
    const first = await admin.put("a", "1", { expect: 0n, ttl: undefined });
    await follower.until(() => follower.state.has("a"));
    const { snapshots } = follower;
    proxy.cut();
    await admin.delete("a", first.ok ? first.entry.modRevision : 0n);
    await admin.put("b", "1", { expect: 0n, ttl: undefined });
    await cluster.compact();
    proxy.mend();
    await follower.until(() => follower.state.has("b"));
    expect([...follower.state.keys()]).toEqual(["b"]);
    expect(follower.snapshots).toBe(snapshots + 1);
  });

  test("of a member that its peers cannot reach goes to another", async () => {
    const prefix = newPrefix();
    const [member, ...others] = cluster.members as [EtcdMember, EtcdMember];
    const endpoints = [member, ...others].map(({ clientUrl }) => clientUrl);
    // It begins with the first.
    const store = open(prefix, { endpoints, random: { next: () => 0 } });
    await using follower = new Follower(store);
    await using writer = new StoreWriter(store, "written");
    await writer.written(1);
    member.isolate(true);
    await cluster.leader(others);
    await writer.written(5);
    await follower.until(() => Number(follower.state.get("written")) >= writer.acknowledged);
    member.isolate(false);
    await cluster.leader();
    await writer.written(1);
  });

  test("goes on while a slow member stops and goes", async () => {
    const prefix = newPrefix();
    const store = open(prefix);
    await using follower = new Follower(store);
    await using writer = new StoreWriter(store, "written");
    const [member] = cluster.members as [EtcdMember];
    for (let i = 0; i < 5; i++) {
      member.pause(true);
      await systemClock.sleep(150);
      member.pause(false);
      await writer.written(2);
    }
    await cluster.leader();
    await writer.stop();
    await follower.until(() => Number(follower.state.get("written")) >= writer.acknowledged);
    expect(follower.state).toEqual(stateOf(await openPatient(prefix).snapshot()));
  });

  test("outlives the replacement of the members one by one", async () => {
    const prefix = newPrefix();
    await using node = new LeaseNode({ store: open(prefix), n: 1, config: CONFIG, ttlSeconds: TTL_SECONDS });
    const lease = await node.start();
    await using follower = new Follower(open(prefix));
    await using writer = new StoreWriter(open(prefix), "written");
    // The last one stays: a client with a fixed list must know one of those that are left.
    for (const member of cluster.members.slice(0, 2)) {
      await cluster.replace(member);
      await cluster.leader();
      await writer.written(5);
    }
    await writer.stop();
    await follower.until(() => Number(follower.state.get("written")) >= writer.acknowledged);
    expect([...follower.state.keys()].toSorted()).toEqual([lease.key, "written"].toSorted());
    expect(node.holder.held!.lease).toEqual(lease);
  });
});

describe("200 nodes that start at once", () => {
  test("get 200 subnets of 254", async ({ annotate }) => {
    const prefix = newPrefix();
    const requests = new Map<string, number>();
    const onRequest = (method: string): void => void requests.set(method, (requests.get(method) ?? 0) + 1);
    // With the default limits: so many at once make one machine slow.
    const nodes = Array.from({ length: 200 }, (_, n) => {
      return new LeaseNode({ store: open(prefix, { onRequest, limits: {} }), n, config: CONFIG });
    });
    const before = await Promise.all(cluster.endpoints.map(readTraffic));
    const start = performance.now();
    const leases = await Promise.all(nodes.map((node) => node.start()));
    const leased = performance.now();
    const keys = leases.map(({ key }) => key).toSorted();
    expect(new Set(keys).size).toBe(200);
    await Promise.all(nodes.map((node) => node.until(() => node.peers.length === 199)));
    const known = performance.now();
    for (const [i, node] of nodes.entries()) expect(node.peers).toEqual(keys.filter((key) => key !== leases[i]!.key));
    const { entries } = await openPatient(prefix).snapshot();
    expect(entries.map(({ key }) => key).toSorted()).toEqual(keys);
    // One list of endpoints for all, and yet no member has them all to itself.
    const after = await Promise.all(cluster.endpoints.map(readTraffic));
    const watches = after.map((traffic, i) => trafficSince(before[i]!, traffic)["Watch/Watch"] ?? 0);
    for (const each of watches) expect(each).toBeGreaterThan(200 / 3 / 2);
    await annotate(
      JSON.stringify({ leasedMs: leased - start, knownMs: known - start, ...Object.fromEntries(requests) }),
    );
    for (const node of nodes) await node[Symbol.asyncDispose]();
  });
});
