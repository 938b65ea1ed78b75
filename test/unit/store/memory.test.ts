// What the simulator asks of the store in memory beside the port: faults before and after a call, and a world that
// turns the same for the same seed.
import { describe, expect, test } from "vitest";
import { type MemoryCall, MemorySubnetStore } from "../../../daemon/store/memory.ts";
import { MemoryWorld } from "../../../daemon/store/memory-world.ts";
import { LodenError } from "../../../spec/errors.ts";
import { Follower } from "../../support/follower.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const random = { next: (): number => 0.5 };
const lost = (): never => {
  throw new LodenError("ERR_STORE_UNAVAILABLE", "memory: the answer was lost");
};

describe("faults", () => {
  test("before a call keep it from happening; after it, only its caller does not know", async () => {
    const world = new MemoryWorld(new ManualClock());
    const before = new MemorySubnetStore(world, { random, faults: { before: lost } });
    const after = new MemorySubnetStore(world, { random, faults: { after: lost } });
    await expect(before.put("k", "1", { expect: 0n, ttl: undefined })).rejects.toThrow("lost");
    expect(world.get("subnets/k")).toBeUndefined();
    await expect(after.put("k", "1", { expect: 0n, ttl: undefined })).rejects.toThrow("lost");
    expect(world.get("subnets/k")?.value).toBe("1");
  });

  test("are told which client calls what", async () => {
    const calls: MemoryCall[] = [];
    const world = new MemoryWorld(new ManualClock());
    const store = new MemorySubnetStore(world, {
      name: "n1",
      random,
      faults: { before: (call) => void calls.push(call) },
    });
    await store.put("k", "1", { expect: 0n, ttl: 60 });
    await store.keepAlive(1n);
    await store.snapshot();
    expect(calls).toEqual([
      { client: "memory (n1)", method: "put", subject: "k" },
      { client: "memory (n1)", method: "keepAlive", subject: "1" },
      { client: "memory (n1)", method: "snapshot" },
    ]);
  });

  test("delay a call by the world's clock", async () => {
    const clock = new ManualClock();
    const world = new MemoryWorld(clock);
    const slow = new MemorySubnetStore(world, { random, faults: { before: () => clock.sleep(5_000) } });
    const write = slow.put("k", "1", { expect: 0n, ttl: undefined });
    await clock.advance(4_999);
    expect(world.get("subnets/k")).toBeUndefined();
    await clock.advance(1);
    expect(await write).toMatchObject({ ok: true });
  });

  test("of a watch delay and fail its deliveries, and it recovers", async () => {
    const clock = new ManualClock();
    const world = new MemoryWorld(clock);
    let broken = true;
    const faults = { before: ({ method }: MemoryCall) => (method === "watch" && broken ? lost() : undefined) };
    const store = new MemorySubnetStore(world, { random, faults });
    await using follower = new Follower(store);
    await follower.until(() => follower.troubles.length > 0);
    expect(follower.results).toEqual([]);
    broken = false;
    await clock.advance(10_000);
    await follower.until(() => follower.snapshots === 1);
    expect(follower.troubles.at(-1)).toBe("");
  });
});

describe("the world", () => {
  test("ends leases by its clock without being asked", async () => {
    const clock = new ManualClock();
    const world = new MemoryWorld(clock);
    let changes = 0;
    world.onChange(() => (changes += 1));
    for (const ttl of [30, 10, 20]) world.put(`subnets/${ttl}`, "", world.grant(ttl));
    changes = 0;
    await clock.advance(10_000);
    expect(changes).toBe(1);
    await clock.advance(20_000);
    expect(changes).toBe(3);
    expect(world.list("subnets/")).toEqual([]);
    expect(world.leases).toBe(0);
  });

  test("keeps history until it is compacted", () => {
    const world = new MemoryWorld(new ManualClock());
    const start = world.revision;
    world.put("a", "1");
    world.put("b", "1");
    expect(world.since(start)?.map(({ revision }) => revision)).toEqual([start + 1n, start + 2n]);
    expect(world.since(start + 2n)).toEqual([]);
    world.compact(start + 1n);
    expect(world.since(start)).toBeUndefined();
    expect(world.since(start + 1n)).toHaveLength(1);
    expect(world.compacted).toBe(start + 1n);
  });

  test("shares one listing among all who ask at one revision", () => {
    const world = new MemoryWorld(new ManualClock());
    for (let i = 0; i < 100; i++) world.put(`subnets/${i}`, "");
    const first = world.list("subnets/");
    expect(world.list("subnets/")).toBe(first);
    world.put("subnets/0", "new");
    expect(world.list("subnets/")).not.toBe(first);
  });
});
