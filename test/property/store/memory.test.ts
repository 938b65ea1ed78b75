// The store in memory against a model so plain that it can be seen to be right: a map, a list of all that happened, and
// for each lease the time it ends. Random commands, then the two must agree in every answer and every watch add up.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StoreEvent } from "../../../daemon/store/port.ts";
import { MemorySubnetStore } from "../../../daemon/store/memory.ts";
import { MemoryWorld } from "../../../daemon/store/memory-world.ts";
import { Follower, stateOf } from "../../support/follower.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const key = fc.constantFrom("10.1.1.0-24", "10.1.2.0-24", "10.1.3.0-24", "k");
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("put"),
      key,
      right: fc.boolean(),
      ttl: fc.option(fc.integer({ min: 1, max: 20 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete"), key, right: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("keepAlive"), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("revoke"), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass"), seconds: fc.integer({ min: 0, max: 15 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut"), off: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("back"), up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("config") }) },
) as fc.Arbitrary<Command>;

type Command =
  | { do: "put"; key: string; right: boolean; ttl: number | null }
  | { do: "delete"; key: string; right: boolean }
  | { do: "keepAlive" | "revoke"; key: string }
  | { do: "pass"; seconds: number }
  | { do: "compact" | "config" }
  | { do: "cut"; off: boolean }
  | { do: "back"; up: boolean };

interface ModelRecord {
  value: string;
  mod: bigint;
  create: bigint;
  lease: bigint;
}

class Model {
  records = new Map<string, ModelRecord>();
  leases = new Map<bigint, { granted: number; end: number }>();
  config: string | undefined;
  revision = 1n;
  now = 0;

  /** Each lease that is over takes its records along, the earliest granted first, all of one at one revision. */
  expire(): void {
    for (const [id, { end }] of this.leases) if (end <= this.now) this.end(id);
  }

  end(id: bigint): void {
    this.leases.delete(id);
    const bound = [...this.records].filter(([, record]) => record.lease === id);
    for (const [name] of bound) this.records.delete(name);
    if (bound.length > 0) this.revision += 1n;
  }
}

async function play(commands: readonly Command[]): Promise<void> {
  const clock = new ManualClock();
  const world = new MemoryWorld(clock);
  const writer = new MemorySubnetStore(world, { random: { next: () => 0.5 } });
  const reader = new MemorySubnetStore(world, { random: { next: () => 0.5 } });
  await using steady = new Follower(writer);
  await using shaken = new Follower(reader);
  let model = new Model();
  let backup: { model: Model; copy: ReturnType<MemoryWorld["copyOut"]> } | undefined;
  let value = 0;

  const step = async (c: Command): Promise<void> => {
    switch (c.do) {
      case "put": {
        const before = model.records.get(c.key);
        const expectation = c.right ? (before?.mod ?? 0n) : (before?.mod ?? 0n) + 1n;
        const text = `${++value}`;
        const result = await writer.put(c.key, text, { expect: expectation, ttl: c.ttl ?? undefined });
        expect(result.ok).toBe(c.right);
        if (!result.ok) return expect(result.current?.modRevision).toBe(before?.mod);
        model.revision += 1n;
        const { lease } = result.entry;
        model.records.set(c.key, { value: text, mod: model.revision, create: before?.create ?? model.revision, lease });
        if (c.ttl !== null) model.leases.set(lease, { granted: c.ttl, end: model.now + c.ttl });
        expect(lease === 0n).toBe(c.ttl === null);
        return;
      }
      case "delete": {
        const before = model.records.get(c.key);
        const expectation = c.right ? (before?.mod ?? 0n) : (before?.mod ?? 0n) + 1n;
        expect((await writer.delete(c.key, expectation)).ok).toBe(c.right);
        if (c.right && model.records.delete(c.key)) model.revision += 1n;
        return;
      }
      case "keepAlive": {
        const lease = model.records.get(c.key)?.lease ?? 0n;
        const known = model.leases.get(lease);
        expect(await writer.keepAlive(lease)).toBe(known?.granted ?? 0);
        if (known !== undefined) known.end = model.now + known.granted;
        return;
      }
      case "revoke": {
        const lease = model.records.get(c.key)?.lease ?? 0n;
        await writer.revoke(lease);
        if (lease !== 0n) model.end(lease);
        return;
      }
      case "pass":
        // A second at a time, so that what ends at different seconds ends at different revisions in the model too.
        for (let i = 0; i < c.seconds; i++) {
          model.now += 1;
          model.expire();
          await clock.advance(1_000);
        }
        return;
      case "compact":
        return world.compact();
      case "config":
        model.config = `${++value}`;
        model.revision += 1n;
        return writer.putConfig(model.config);
      case "cut":
        return reader.partition(c.off);
      case "back":
        if (c.up) {
          backup = { model: structuredClone(model), copy: world.copyOut() };
        } else if (backup !== undefined) {
          const { now } = model;
          model = Object.assign(new Model(), structuredClone(backup.model), { now });
          for (const lease of model.leases.values()) lease.end = now + lease.granted;
          world.restore(backup.copy);
        }
        return;
    }
  };

  for (const each of commands) {
    await step(each);
    const snapshot = await writer.snapshot();
    expect(snapshot.revision).toBe(model.revision);
    expect(snapshot.config?.value).toBe(model.config);
    expect(new Map(snapshot.entries.map(({ key: name, ...rest }) => [name, rest]))).toEqual(
      new Map(
        [...model.records].map(([name, r]) => [
          name,
          { value: r.value, modRevision: r.mod, createRevision: r.create, lease: r.lease },
        ]),
      ),
    );
    expect(world.leases).toBe(model.leases.size);
    for (const [id, { granted, end }] of model.leases) {
      expect(await writer.timeToLive(id)).toEqual({ ttl: end - model.now, granted });
    }
  }
  reader.partition(false);
  // The longest back-off, so that the shaken watch is back; within it no lease may end that the model keeps.
  await clock.advance(10_000);
  const want = stateOf(await writer.snapshot());
  await Promise.all([steady, shaken].map((follower) => follower.untilEqual(writer)));
  for (const follower of [steady, shaken]) expect(follower.state).toEqual(want);
  await writer.close();
  await reader.close();
  world.close();
}

describe("MemoryWorld", () => {
  test("does what a plain model does", async () => {
    await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: 40 }), play), { numRuns: 300 });
  });

  test("tells a watch nothing but the difference", async () => {
    const world = new MemoryWorld(new ManualClock());
    const store = new MemorySubnetStore(world, { random: { next: () => 0.5 } });
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    for (let i = 0; i < 5; i++) world.put("subnets/k", `${i}`);
    world.delete("subnets/k", "subnets/none");
    await follower.until(() => follower.events.some((event: StoreEvent) => event.type === "delete"));
    expect(follower.events.map(({ type }) => type)).toEqual(["put", "put", "put", "put", "put", "delete"]);
    expect(world.revision).toBe(7n);
  });
});
