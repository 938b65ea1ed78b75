// What the simulator found, each as the shortest story of it.
import { Address } from "#kernel/ip/address";
import type { Transport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { LeaseHolder } from "../../daemon/lease/holder.ts";
import { parseNetwork } from "../../daemon/lease/network.ts";
import { PeerTable } from "../../daemon/lease/peers.ts";
import { silentLog } from "../../daemon/log.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import type { SubnetStore } from "../../daemon/store/port.ts";
import { MemorySubnetStore } from "../../daemon/store/memory.ts";
import { MemoryWorld } from "../../daemon/store/memory-world.ts";
import { PREFIX } from "../sim/etcd.ts";
import { NONE } from "../sim/mutations.ts";
import { run } from "../sim/run.ts";
import { World } from "../sim/world.ts";
import { ManualClock } from "../support/manual-clock.ts";

const random = { next: () => 0.5 };

/** A holder that takes the first free subnet. */
function holderOn(store: SubnetStore, clock: ManualClock): { holder: LeaseHolder; stop: AbortController } {
  const holder = new LeaseHolder({
    store,
    clock,
    random: { next: () => 0 },
    log: silentLog,
    network: parseNetwork('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}'),
    claimant: { nodeId: "us", publicAddress: { 4: Address.parse("192.168.0.1") }, previous: undefined },
    backendType: "vxlan",
    backendData: {},
    renewMarginSeconds: 60,
    onTrouble: () => undefined,
  });
  return { holder, stop: new AbortController() };
}

test("a restored store gives revisions out again: a record under a known one is read", () => {
  const table = new PeerTable("own", silentLog);
  const snapshot = (address: string) => {
    const value = `{"PublicIP":"${address}","PublicIPv6":null}`;
    const entry = { key: "10.5.3.0-24", value, modRevision: 3n, createRevision: 3n, lease: 1n };
    return { type: "snapshot" as const, revision: 4n, config: undefined, entries: [entry] };
  };
  table.apply(snapshot("192.168.0.13"));
  table.apply(snapshot("192.168.0.73"));
  expect(table.leases().map(({ publicAddress }) => publicAddress[4]?.toString())).toEqual(["192.168.0.73"]);
});

test("a subnet with containers that went to another while the daemon was down is kept, and claimed back", async () => {
  const setup = { machines: 1, members: 1, slots: 4, ttlSeconds: 30, backend: "vxlan", directRouting: false } as const;
  const world = new World("kept subnet", { ...setup, page: 5_000, resyncSeconds: 5 }, NONE, false);
  const machine = world.machines[0]!;
  machine.start();
  await world.timeline.until(2_000);
  const key = machine.daemon?.held?.lease.key ?? "";
  const { containers } = machine;
  machine.kill();
  await world.timeline.until(60_000);
  expect(world.etcd.truth.now.has(key)).toBe(false);
  world.etcd.put(key, '{"PublicIP":"192.168.0.99","PublicIPv6":null,"BackendType":"vxlan"}');
  machine.start();
  await world.timeline.until(70_000);
  expect(machine.daemon?.held?.lease.key).toBe(key);
  expect(machine.daemon?.reportsConflict).toBe(true);
  expect([machine.containers, world.judge.found]).toEqual([containers, undefined]);
  expect([...machine.kernel.objects.keys()]).toContain("link flannel.1");
  world.etcd.delete(key);
  await world.timeline.until(80_000);
  expect(machine.daemon?.reportsConflict).toBe(false);
  expect(world.etcd.truth.now.get(key)?.value).toContain('"PublicIP":"192.168.0.11"');
  world.close();
});

test("a lease that is another's is a conflict as soon as a renewal finds it gone, without the watch", async () => {
  const clock = new ManualClock();
  const world = new MemoryWorld(clock);
  const key = "10.5.1.0-24";
  const store = new MemorySubnetStore(world, { random });
  const { holder, stop } = holderOn(store, clock);
  const acquired = holder.acquire(stop.signal);
  await clock.advance(1_000);
  await acquired;
  const kept = holder.keep(stop.signal);
  world.revoke(world.get(`subnets/${key}`)!.lease);
  world.put(`subnets/${key}`, '{"PublicIP":"192.168.0.9","PublicIPv6":null}');
  await clock.advance(60_000);
  expect(holder.conflict?.message).toContain("192.168.0.9");
  stop.abort();
  await kept;
  world.close();
});

test("a node that waits because another has its address sees that it was given a new one", async () => {
  const setup = { machines: 2, members: 1, slots: 4, ttlSeconds: 30, backend: "vxlan", directRouting: false } as const;
  const world = new World("new address", { ...setup, page: 5_000, resyncSeconds: 5 }, NONE, false);
  const [first, second] = [world.machines[0]!, world.machines[1]!];
  const { address } = second;
  second.address = first.address;
  first.start();
  await world.timeline.until(2_000);
  second.start();
  await world.timeline.until(10_000);
  expect([second.daemon?.held, second.daemon?.reportsConflict]).toEqual([undefined, true]);
  second.readdress(address);
  await world.timeline.until(15_000);
  expect([second.daemon?.held?.lease.publicAddress[4], second.daemon?.reportsConflict]).toEqual([address, false]);
  expect(world.judge.found).toBeUndefined();
  world.close();
});

test("a store that goes away between configuration and lease does not keep a rebooted host down", async () => {
  const setup = { machines: 1, members: 1, slots: 4, ttlSeconds: 30, backend: "vxlan", directRouting: false } as const;
  const world = new World("half a start", { ...setup, page: 5_000, resyncSeconds: 5 }, NONE, false);
  const machine = world.machines[0]!;
  machine.start();
  await world.timeline.until(40_000);
  const key = machine.daemon?.held?.lease.key;
  machine.reboot(true);
  machine.start();
  while (machine.daemon?.told.records === undefined) await world.timeline.until(world.timeline.now + 1);
  machine.line.set("halfOpen");
  await world.timeline.until(100_000);
  expect(machine.daemon.held?.lease.key).toBe(key);
  expect([...machine.kernel.objects.keys()]).toContain("link flannel.1");
  world.close();
});

test("a deletion that overtakes the answer to the write is not forgotten", async () => {
  const clock = new ManualClock();
  const world = new MemoryWorld(clock);
  const key = "10.5.1.0-24";
  let isLate = false;
  const after = async ({ method }: { readonly method: string }): Promise<void> => {
    if (method !== "put" || !isLate) return;
    isLate = false;
    world.delete(`subnets/${key}`);
    await clock.sleep(100);
  };
  const store = new MemorySubnetStore(world, { random, faults: { after } });
  const { holder, stop } = holderOn(store, clock);
  const acquired = holder.acquire(stop.signal);
  await clock.advance(1_000);
  expect((await acquired).key).toBe(key);
  const kept = holder.keep(stop.signal);
  const watched = (async () => {
    for await (const result of store.watch({ signal: stop.signal })) holder.observe(result);
  })();
  await clock.advance(10);
  isLate = true;
  world.delete(`subnets/${key}`);
  await clock.advance(1_000);
  expect(isLate).toBe(false);
  expect(world.get(`subnets/${key}`)?.value).toContain('"NodeID":"us"');
  stop.abort();
  await Promise.all([kept, watched]);
  world.close();
});

test("a listing takes no page from another copy of the store", async () => {
  const copies = [1n, 2n];
  const asked: bigint[] = [];
  const unary = async (...[, , , , request]: Parameters<Transport["unary"]>): Promise<unknown> => {
    const { revision } = request as unknown as { readonly revision: bigint };
    asked.push(revision);
    // The store is restored between the first page and the second.
    const clusterId = copies[Math.min(asked.length, 2) - 1]!;
    const isFirst = revision === 0n;
    const key = Buffer.from(`${PREFIX}/subnets/${isFirst ? "10.5.1.0-24" : "10.5.2.0-24"}`);
    const kv = { key, value: Buffer.from(`copy ${clusterId}`), modRevision: 3n, createRevision: 3n, lease: 0n };
    return { message: { header: { clusterId, raftTerm: 2n, revision: 4n }, kvs: [kv], more: isFirst, count: 2n } };
  };
  const transport = { unary } as unknown as Transport;
  const connect = (): Promise<Transport> => Promise.resolve(transport);
  const clock = new ManualClock();
  const store = new EtcdSubnetStore({ endpoints: ["http://store:2379"], prefix: PREFIX, clock, random, connect });
  const { entries } = await store.snapshot();
  expect(entries.map(({ value }) => value)).toEqual(["copy 2", "copy 2"]);
  expect(asked).toEqual([0n, 4n, 0n, 4n]);
  await store.close();
});

test("a store restored between a listing and the watch that follows it is listed again", async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const record = (key: string, modRevision: bigint) => ({
    key: Buffer.from(`${PREFIX}/subnets/${key}`),
    value: Buffer.from(""),
    modRevision,
    createRevision: modRevision,
    lease: 0n,
  });
  let isRestored = false;
  const header = () => ({ clusterId: 1n, memberId: 1n, revision: 3n, raftTerm: isRestored ? 2n : 5n });
  const unary = async (): Promise<unknown> => {
    const kvs = [record(isRestored ? "10.5.4.0-24" : "10.5.2.0-24", 3n)];
    return { message: { header: header(), kvs, more: false, count: 1n } };
  };
  const stream = async (...[, signal]: Parameters<Transport["stream"]>): Promise<unknown> => {
    isRestored = true;
    const created = { header: header(), watchId: 0n, created: true, canceled: false, fragment: false, events: [] };
    const message = async function* () {
      yield created;
      await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    };
    return { message: message() };
  };
  const connect = (): Promise<Transport> => Promise.resolve({ unary, stream } as unknown as Transport);
  const store = new EtcdSubnetStore({ endpoints: ["http://store:2379"], prefix: PREFIX, clock, random, connect });
  const stop = new AbortController();
  const watched = (async () => {
    for await (const result of store.watch({ signal: stop.signal })) {
      if (result.type === "snapshot") lines.push(result.entries.map(({ key }) => key).join(" "));
    }
  })();
  await clock.advance(10_000);
  expect(lines).toEqual(["10.5.2.0-24", "10.5.4.0-24"]);
  stop.abort();
  await watched;
  await store.close();
});

test("a holder that was silent comes back by a write, on which whoever is about to take its lease fails", async () => {
  const clock = new ManualClock();
  const world = new MemoryWorld(clock);
  const store = new MemorySubnetStore(world, { random });
  const start = async (): Promise<bigint> => {
    const { holder, stop } = holderOn(store, clock);
    const { key } = await holder.acquire(stop.signal);
    return world.get(`subnets/${key}`)!.modRevision;
  };
  const seen = await start();
  await clock.advance(30_000);
  expect(await start()).toBe(seen);
  await clock.advance(200_000);
  expect(await start()).toBeGreaterThan(seen);
});

test("a lease in its last second is alive: who has its holder's address waits for its end", async () => {
  const clock = new ManualClock();
  const world = new MemoryWorld(clock);
  const store = new MemorySubnetStore(world, { random });
  const key = "10.5.1.0-24";
  const value = '{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"vxlan","NodeID":"them","Epoch":1}';
  await store.put(key, value, { expect: 0n, ttl: 60 });
  const { modRevision } = world.get(`subnets/${key}`)!;
  await clock.advance(59_500);
  const { holder, stop } = holderOn(store, clock);
  const acquired = holder.acquire(stop.signal);
  await clock.advance(400);
  expect(world.get(`subnets/${key}`)?.modRevision).toBe(modRevision);
  await clock.advance(60_000);
  expect((await acquired).key).toBe(key);
});

test("a peer that writes another lease after a restoration has left the one that the store lost", () => {
  const table = new PeerTable("own", silentLog);
  const entry = (key: string, node: string, modRevision: bigint) => ({
    key,
    value: `{"PublicIP":"192.168.0.${node}","PublicIPv6":null,"NodeID":"${node}"}`,
    modRevision,
    createRevision: modRevision,
    lease: 1n,
  });
  const both = [entry("10.5.2.0-24", "2", 2n), entry("10.5.3.0-24", "3", 3n)];
  table.apply({ type: "snapshot", revision: 3n, entries: both, config: undefined });
  table.apply({ type: "snapshot", revision: 1n, entries: [], config: undefined, restored: true });
  expect(table.leases()).toHaveLength(2);
  const moved = { type: "put", entry: entry("10.5.4.0-24", "2", 2n) } as const;
  expect(table.apply({ type: "events", revision: 2n, events: [moved] })).toMatchObject({
    put: [{ key: "10.5.4.0-24" }],
    deleted: ["10.5.2.0-24"],
  });
  expect(table.leases().map(({ key }) => key)).toEqual(["10.5.3.0-24", "10.5.4.0-24"]);
});

test("a node's present lease wins over the one that a restored store lacks, though both stay", async () => {
  const setup = {
    machines: 4,
    members: 1,
    slots: 7,
    ttlSeconds: 60,
    directRouting: false,
    page: 5_000,
    resyncSeconds: 5,
  };
  const steps = [
    { after: 1_000, fault: "full", machine: 0, x: 0.477, y: 0.267 },
    { after: 801, fault: "sameAddress", machine: 0, x: 0.253, y: 0.0129 },
    { after: 1_000, fault: "pause", machine: 3, x: 0.919, y: 0.1175 },
    { after: 1_000, fault: "rollBack", machine: 1, x: 0.8287129271775484, y: 0.3957 },
    { after: 1_000, fault: "drain", machine: 0, x: 0.455, y: 0.828 },
    { after: 2_935, fault: "kernelWell", machine: 3, x: 0.574, y: 0.402 },
  ] as const;
  const plan = { seed: "20522", setup: { ...setup, backend: "vxlan" as const }, steps };
  expect((await run(plan, { mutation: NONE })).violation).toBeUndefined();
});

test("a node's later lease wins over one in whose place something unreadable stands", async () => {
  const setup = {
    machines: 4,
    members: 1,
    slots: 6,
    ttlSeconds: 300,
    directRouting: false,
    page: 5_000,
    resyncSeconds: 5,
  };
  const steps = [
    { after: 1_000, fault: "drain", machine: 1, x: 0.38764470745809376, y: 0.6492002275772393 },
    { after: 1_000, fault: "garbage", machine: 3, x: 0.3392927835229784, y: 0.33024148223921657 },
    { after: 1_000, fault: "reboot", machine: 2, x: 0.18678306112997234, y: 0.03954404778778553 },
    { after: 1_000, fault: "sameAddress", machine: 2, x: 0.302569959545508, y: 0.4102918221615255 },
    { after: 1_000, fault: "memberUp", machine: 0, x: 0.9030690509825945, y: 0.783801217796281 },
  ] as const;
  const plan = { seed: "21457", setup: { ...setup, backend: "vxlan" as const }, steps };
  expect((await run(plan, { mutation: NONE })).violation).toBeUndefined();
});

test("nodes that take over each other's addresses do not wait for each other for ever", async () => {
  const setup = { machines: 4, members: 1, slots: 5, ttlSeconds: 60, directRouting: false, page: 2, resyncSeconds: 30 };
  const steps = [
    { after: 1_000, fault: "sameAddress", machine: 3, x: 0.5073718160856515, y: 0.31460540974512696 },
    { after: 1_000, fault: "sameAddress", machine: 2, x: 0.33756481064483523, y: 0.532079272903502 },
    { after: 1_000, fault: "sameAddress", machine: 1, x: 0.9878896670415998, y: 0.13531874911859632 },
  ] as const;
  const plan = { seed: "32884", setup: { ...setup, backend: "vxlan" as const }, steps };
  expect((await run(plan, { mutation: NONE })).violation).toBeUndefined();
});

test("what is kept of a lease whose record cannot be used yields to a later lease of the same node", async () => {
  const setup = { machines: 2, members: 1, slots: 7, ttlSeconds: 30, directRouting: false, page: 2, resyncSeconds: 30 };
  const steps = [
    { after: 766, fault: "garbage", machine: 2, x: 0.7511377967894077, y: 0.9835826072376221 },
    { after: 287, fault: "reboot", machine: 1, x: 0.12545437831431627, y: 0.7715442969929427 },
    { after: 1_000, fault: "newAddress", machine: 1, x: 0.35982322809286416, y: 0.8725892275106162 },
    { after: 380, fault: "resume", machine: 2, x: 0.9479586272500455, y: 0.20896192942745984 },
  ] as const;
  const plan = { seed: "43305", setup: { ...setup, backend: "vxlan" as const }, steps };
  expect((await run(plan, { mutation: NONE })).violation).toBeUndefined();
});
