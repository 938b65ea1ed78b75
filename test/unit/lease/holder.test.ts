// The holder of a lease on a store in memory and a clock that stands still: taking up, races, renewal, loss, dispute.
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import { describe, expect, test } from "vitest";
import { LeaseHolder } from "../../../daemon/lease/holder.ts";
import { parseNetwork } from "../../../daemon/lease/network.ts";
import { silentLog } from "../../../daemon/log.ts";
import { type MemoryFaults, MemorySubnetStore } from "../../../daemon/store/memory.ts";
import { MemoryWorld } from "../../../daemon/store/memory-world.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const DAY = 86_400;
const MINUTE = 60_000;
const network = parseNetwork('{"Network":"10.3.0.0/16","Backend":{"Type":"vxlan"}}');

interface Rig {
  readonly clock: ManualClock;
  readonly world: MemoryWorld;
}

function makeRig(): Rig {
  const clock = new ManualClock();
  return { clock, world: new MemoryWorld(clock) };
}

interface NodeShape {
  readonly id?: string;
  readonly ip?: string;
  readonly previous?: string;
  readonly random?: number;
  readonly faults?: MemoryFaults;
  readonly ttlSeconds?: number;
}

function makeNode({ clock, world }: Rig, shape: NodeShape = {}) {
  const { id = "us", ip = "192.168.0.1", previous, random = 0, faults, ttlSeconds } = shape;
  const troubles = new Map<string, string>();
  const stop = new AbortController();
  const chance = { next: () => random };
  const store = new MemorySubnetStore(world, { name: id, random: chance, ...(faults && { faults }) });
  const holder = new LeaseHolder({
    store,
    clock,
    random: chance,
    log: silentLog,
    network,
    claimant: {
      nodeId: id,
      publicAddress: { 4: Address.parse(ip) },
      previous: previous === undefined ? undefined : { 4: Prefix.parse(previous) },
    },
    backendType: "vxlan",
    backendData: { 4: { VNI: 1 } },
    renewMarginSeconds: 3600,
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    onTrouble: (name, error) => void (error === undefined ? troubles.delete(name) : troubles.set(name, error.message)),
  });
  const watching = async (): Promise<void> => {
    for await (const result of store.watch({ signal: stop.signal })) holder.observe(result);
  };
  return {
    store,
    holder,
    troubles,
    stop,
    /** Acquires on the manual clock, within a second. */
    async start(): Promise<string> {
      const acquired = holder.acquire(stop.signal);
      await clock.advance(1_000);
      const lease = await acquired;
      void holder.keep(stop.signal);
      void watching();
      await clock.advance(0);
      return lease.key;
    },
  };
}

const record = (world: MemoryWorld, key: string): Record<string, unknown> | undefined => {
  const value = world.get(`subnets/${key}`)?.value;
  return value === undefined ? undefined : (JSON.parse(value) as Record<string, unknown>);
};

describe("acquire", () => {
  test("creates a record with flannel's life", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    expect(await node.start()).toBe("10.3.1.0-24");
    expect(rig.world.get("subnets/10.3.1.0-24")?.value).toBe(
      '{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1},"NodeID":"us","Epoch":1}',
    );
    expect(rig.world.timeToLive(rig.world.get("subnets/10.3.1.0-24")!.lease).granted).toBe(DAY);
  });

  test("takes up its record after a restart without writing it", async () => {
    const rig = makeRig();
    await makeNode(rig).start();
    const before = rig.world.get("subnets/10.3.1.0-24");
    await rig.clock.advance(5 * MINUTE);
    const { revision } = rig.world;
    const again = makeNode(rig);
    expect(await again.start()).toBe("10.3.1.0-24");
    expect(rig.world.get("subnets/10.3.1.0-24")).toEqual(before);
    expect(rig.world.revision).toBe(revision);
  });

  test("takes up a flannel record, and its subnet with it", async () => {
    const rig = makeRig();
    const value = '{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1}}';
    rig.world.put("subnets/10.3.77.0-24", value, rig.world.grant(DAY));
    expect(await makeNode(rig).start()).toBe("10.3.77.0-24");
    expect(record(rig.world, "10.3.77.0-24")).toMatchObject({ NodeID: "us", Epoch: 1 });
  });

  test("keeps a reservation a reservation", async () => {
    const rig = makeRig();
    rig.world.put("subnets/10.3.77.0-24", '{"PublicIP":"192.168.0.1","PublicIPv6":null}');
    const node = makeNode(rig);
    expect(await node.start()).toBe("10.3.77.0-24");
    expect(rig.world.get("subnets/10.3.77.0-24")?.lease).toBe(0n);
    await rig.clock.advance(3 * DAY * 1_000);
    expect(record(rig.world, "10.3.77.0-24")).toMatchObject({ NodeID: "us" });
    expect(node.holder.held?.deadline).toBeUndefined();
  });

  test("ten nodes that start at once all get a subnet of their own, whoever loses a race", async () => {
    const rig = makeRig();
    const nodes = Array.from({ length: 10 }, (_, n) => makeNode(rig, { id: `n${n}`, ip: `192.168.0.${n + 1}` }));
    const keys = Promise.all(nodes.map((node) => node.holder.acquire(node.stop.signal)));
    await rig.clock.advance(60_000);
    const held = (await keys).map(({ key }) => key);
    expect(new Set(held).size).toBe(10);
    for (const [n, key] of held.entries()) expect(record(rig.world, key)).toMatchObject({ NodeID: `n${n}` });
  });

  test("a write whose answer is lost is found again, and made once", async () => {
    const rig = makeRig();
    let lost = 0;
    const faults: MemoryFaults = {
      after: ({ method }) => {
        if (method === "put" && lost++ === 0) throw new LodenError("ERR_STORE_UNAVAILABLE", "no answer");
      },
    };
    expect(await makeNode(rig, { faults, random: 0.5 }).start()).toMatch(/^10\.3\.\d+\.0-24$/);
    expect(rig.world.list("subnets/")).toHaveLength(1);
    expect(lost).toBeGreaterThan(0);
  });

  test("waits for the store and says so", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    node.store.partition(true);
    const acquired = node.holder.acquire(node.stop.signal);
    await rig.clock.advance(MINUTE);
    expect(node.troubles.get("store")).toContain("does not answer");
    node.store.partition(false);
    await rig.clock.advance(6_000);
    expect((await acquired).key).toBe("10.3.1.0-24");
    expect(node.troubles.size).toBe(0);
  });

  test("waits for a free subnet and says so", async () => {
    const rig = makeRig();
    rig.world.put("subnets/10.3.0.0-16", '{"PublicIP":"192.168.0.9"}');
    const node = makeNode(rig);
    const acquired = node.holder.acquire(node.stop.signal);
    await rig.clock.advance(MINUTE);
    expect(node.troubles.get("lease")).toContain("out of subnets");
    rig.world.delete("subnets/10.3.0.0-16");
    await rig.clock.advance(6_000);
    expect((await acquired).key).toBe("10.3.1.0-24");
    expect(node.troubles.size).toBe(0);
  });

  test("deletes what no longer fits and what is left over", async () => {
    const rig = makeRig();
    rig.world.put("subnets/10.99.1.0-24", '{"PublicIP":"192.168.0.1"}', rig.world.grant(DAY));
    rig.world.put("subnets/10.3.5.0-24", '{"PublicIP":"192.168.0.1"}', rig.world.grant(DAY));
    rig.world.put("subnets/10.3.6.0-24", '{"PublicIP":"192.168.0.1"}', rig.world.grant(DAY));
    expect(await makeNode(rig, { previous: "10.3.6.0/24" }).start()).toBe("10.3.6.0-24");
    expect(rig.world.list("subnets/").map(({ key }) => key)).toEqual(["subnets/10.3.6.0-24"]);
  });

  test("ends with errors that waiting cannot help", async () => {
    const rig = makeRig();
    const faults = { before: () => Promise.reject(new LodenError("ERR_STORE_AUTH", "who are you?")) };
    const node = makeNode(rig, { faults });
    await expect(node.holder.acquire(node.stop.signal)).rejects.toThrowError("who are you?");
  });

  test("ends when it is told to", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    node.store.partition(true);
    const acquired = node.holder.acquire(node.stop.signal);
    await rig.clock.advance(1_000);
    node.stop.abort(new Error("stop"));
    await expect(acquired).rejects.toThrowError("stop");
  });
});

describe("a dispute", () => {
  test("with a live holder is waited out, in words; the silent one's lease is taken over", async () => {
    const rig = makeRig();
    const first = makeNode(rig, { id: "first" });
    expect(await first.start()).toBe("10.3.1.0-24");
    const second = makeNode(rig, { id: "second" });
    const acquired = second.holder.acquire(second.stop.signal);
    await rig.clock.advance(30 * MINUTE);
    expect(second.troubles.get("lease")).toMatch(/another live node \(id first\) holds 10\.3\.1\.0-24/);
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "first" });

    first.stop.abort();
    await rig.clock.advance(4 * MINUTE);
    expect((await acquired).key).toBe("10.3.1.0-24");
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "second", Epoch: 2 });
    expect(second.troubles.size).toBe(0);
  });

  test("about a cloned id names the remedy", async () => {
    const rig = makeRig();
    await makeNode(rig, { id: "same", ip: "192.168.0.1" }).start();
    const second = makeNode(rig, { id: "same", ip: "192.168.0.2" });
    void second.holder.acquire(second.stop.signal).catch(() => undefined);
    await rig.clock.advance(MINUTE);
    expect(second.troubles.get("lease")).toMatch(/has this node's id same: give each its own --node-id/);
    second.stop.abort();
  });
});

describe("keep", () => {
  test("renews for weeks without touching the record", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    await node.start();
    const before = rig.world.get("subnets/10.3.1.0-24");
    await rig.clock.advance(7 * DAY * 1_000);
    expect(rig.world.get("subnets/10.3.1.0-24")).toEqual(before);
    expect(node.troubles.size).toBe(0);
  });

  test("takes a deleted lease again at once, the same subnet, one epoch on", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    await node.start();
    rig.world.delete("subnets/10.3.1.0-24");
    await rig.clock.advance(10);
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "us", Epoch: 2 });
  });

  test("takes an expired lease again after an outage longer than its life, and warned before", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    await node.start();
    node.store.partition(true);
    await rig.clock.advance(23.5 * 3600 * 1_000);
    expect(node.troubles.get("lease-renewal")).toMatch(/the lease ends in \d+ min and cannot be renewed/);
    await rig.clock.advance(2 * 3600 * 1_000);
    expect(node.troubles.get("lease-renewal")).toMatch(/has ended as far as this node knows/);
    expect(rig.world.get("subnets/10.3.1.0-24")).toBeUndefined();
    node.store.partition(false);
    await rig.clock.advance(6_000);
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "us" });
    expect(node.troubles.size).toBe(0);
  });

  test("with a short life is asked for so often that a store that returns is used at once", async () => {
    const rig = makeRig();
    const node = makeNode(rig, { ttlSeconds: 3, random: 0.99 });
    const key = await node.start();
    node.store.partition(true);
    await rig.clock.advance(60_000);
    expect(rig.world.get(`subnets/${key}`)).toBeUndefined();
    node.store.partition(false);
    await rig.clock.advance(500);
    expect(record(rig.world, key)).toMatchObject({ NodeID: "us" });
  });

  test("says who has it when it was given away, and takes it again when it is free", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    await node.start();
    rig.world.put("subnets/10.3.1.0-24", '{"PublicIP":"192.168.0.9","PublicIPv6":null,"NodeID":"thief"}');
    await rig.clock.advance(10 * MINUTE);
    expect(node.troubles.get("lease-renewal")).toMatch(
      /the node at 192\.168\.0\.9 \(id thief\) has taken this node's lease/,
    );
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "thief" });
    expect(node.holder.held?.lease.key).toBe("10.3.1.0-24");
    rig.world.delete("subnets/10.3.1.0-24");
    await rig.clock.advance(6_000);
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "us" });
    expect(node.troubles.size).toBe(0);
  });

  test("writes its record again over what flannel wrote for the same address", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    await node.start();
    rig.world.put("subnets/10.3.1.0-24", '{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"host-gw"}');
    await rig.clock.advance(10);
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ BackendType: "vxlan", NodeID: "us" });
  });

  test("is back after the store was restored from before the lease", async () => {
    const rig = makeRig();
    rig.world.put("config", "{}");
    const copy = rig.world.copyOut();
    const node = makeNode(rig);
    await node.start();
    await rig.clock.advance(10 * MINUTE);
    rig.world.restore(copy);
    await rig.clock.advance(2 * MINUTE);
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "us" });
    expect(node.troubles.size).toBe(0);
  });

  test("leaves the lease when it ends", async () => {
    const rig = makeRig();
    const node = makeNode(rig);
    await node.start();
    node.stop.abort();
    await rig.clock.advance(MINUTE);
    expect(record(rig.world, "10.3.1.0-24")).toMatchObject({ NodeID: "us" });
  });
});
