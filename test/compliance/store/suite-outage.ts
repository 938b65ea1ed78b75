// The watch when things go wrong: connections lost, history compacted meanwhile, the server killed, the store restored
// from an older copy. State is lost on proof alone, and no change is missed.
import { expect, test } from "vitest";
import { Follower, stateOf } from "../../support/follower.ts";
import { requireEntry } from "./entries.ts";
import type { StoreRig, StoreTraits } from "./rig.ts";

export function outageTests(rig: () => Promise<StoreRig>, traits: StoreTraits): void {
  test("a watch that was cut off goes on where it was", async () => {
    await using world = await rig();
    const client = await world.connect();
    await world.admin.putAll([["subnets/a", "1"]]);
    await using follower = new Follower(client.store);
    await follower.until(() => follower.state.size === 1);
    client.cut(true);
    await world.admin.put("subnets/b", "1");
    await world.admin.delete("subnets/a");
    await follower.until(() => follower.troubles.length > 0);
    expect([...follower.state.keys()]).toEqual(["a"]);
    client.cut(false);
    await world.pass(10);
    await follower.until(() => follower.state.has("b") && !follower.state.has("a"));
    expect(follower.snapshots).toBe(1);
    expect(follower.troubles.at(-1)).toBe("");
  });

  test("calls of a client that is cut off reject and say where", async () => {
    await using world = await rig();
    const { store, cut } = await world.connect();
    await store.snapshot();
    cut(true);
    const unavailable = { code: "ERR_STORE_UNAVAILABLE", retry: true, message: expect.stringContaining(store.name) };
    await expect(store.snapshot()).rejects.toMatchObject(unavailable);
    await expect(store.put("k", "1", { expect: 0n, ttl: 60 })).rejects.toMatchObject(unavailable);
    await expect(store.putConfig("1")).rejects.toMatchObject(unavailable);
    await expect(store.delete("k", 1n)).rejects.toMatchObject(unavailable);
    await expect(store.keepAlive(1n)).rejects.toMatchObject(unavailable);
    await expect(store.timeToLive(1n)).rejects.toMatchObject(unavailable);
    await expect(store.revoke(1n)).rejects.toMatchObject(unavailable);
    cut(false);
    expect((await store.snapshot()).entries).toEqual([]);
  });

  test("compaction while away brings a snapshot", async () => {
    await using world = await rig();
    const client = await world.connect();
    await world.admin.putAll([
      ["subnets/stays", "1"],
      ["subnets/goes", "1"],
    ]);
    await using follower = new Follower(client.store);
    await follower.until(() => follower.state.size === 2);
    client.cut(true);
    await world.admin.delete("subnets/goes");
    await world.admin.put("subnets/comes", "1");
    await world.admin.put("subnets/stays", "2");
    await world.admin.compact();
    await follower.until(() => follower.troubles.length > 0);
    client.cut(false);
    await world.pass(10);
    await follower.until(() => follower.snapshots === 2);
    expect(follower.state).toEqual(
      new Map([
        ["comes", "1"],
        ["stays", "2"],
      ]),
    );
    await world.admin.delete("subnets/comes");
    await follower.until(() => follower.state.size === 1);
    expect(follower.snapshots).toBe(2);
  });

  test("a deletion at the very revision of the compaction is not missed", async () => {
    await using world = await rig();
    const client = await world.connect();
    await world.admin.putAll([["subnets/stays", "1"]]);
    await world.admin.putAll([["subnets/goes", "1"]]);
    await using follower = new Follower(client.store);
    await follower.until(() => follower.state.size === 2);
    client.cut(true);
    await world.admin.delete("subnets/goes");
    await world.admin.compact();
    await follower.until(() => follower.troubles.length > 0);
    client.cut(false);
    await world.pass(10);
    await follower.until(() => !follower.state.has("goes"));
    expect([...follower.state.keys()]).toEqual(["stays"]);
  });

  test("compaction disturbs no watch that is up to date", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    for (const value of ["1", "2", "3"]) {
      await world.admin.put("subnets/k", value);
      await follower.until(() => follower.state.get("k") === value);
      await world.admin.compact();
    }
    expect(follower.snapshots).toBe(1);
    expect(follower.troubles).toEqual([]);
  });

  test("a write whose answer was lost is found by reading", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const { store: other, cut } = await world.connect();
    await other.snapshot();
    const attempt = other.put("k", "mine", { expect: 0n, ttl: undefined }).catch((error: unknown) => error);
    cut(true);
    await attempt;
    cut(false);
    const [found] = (await store.snapshot()).entries;
    const result = await other.put("k", "mine", { expect: found?.modRevision ?? 0n, ttl: undefined });
    expect(requireEntry(result).value).toBe("mine");
  });

  if (traits.server)
    test("a killed server comes back with all that was acknowledged, and watches go on", async () => {
      await using world = await rig();
      const { store } = await world.connect();
      await world.admin.put("subnets/first", "1");
      await using follower = new Follower(store);
      await follower.until(() => follower.snapshots === 1);
      for (let round = 0; round < 3; round++) {
        const before = requireEntry(await store.put(`10.1.${round}.0-24`, "1", { expect: 0n, ttl: 600 }));
        await world.restart();
        const [, after] = [
          before,
          requireEntry(await retried(() => store.put(`10.2.${round}.0-24`, "1", { expect: 0n, ttl: 600 }))),
        ];
        expect(after.modRevision).toBeGreaterThan(before.modRevision);
        expect((await store.timeToLive(before.lease)).ttl).toBeGreaterThan(500);
        await follower.until(() => follower.state.size === 2 * (round + 1) + 1);
      }
      expect(follower.snapshots).toBe(1);
      expect(follower.state).toEqual(stateOf(await store.snapshot()));
    });

  test("a store restored from an older copy brings a snapshot", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    await world.admin.put("subnets/old", "1");
    await follower.until(() => follower.state.has("old"));
    const restore = await world.backUp();
    await retried(() => store.putConfig("new"));
    for (let i = 0; i < 5; i++) await world.admin.put("subnets/new", `${i}`);
    await follower.until(() => follower.state.get("new") === "4");
    const { snapshots } = follower;
    await restore();
    await world.pass(10);
    await follower.until(() => follower.snapshots > snapshots);
    await follower.until(() => !follower.state.has("new"));
    expect([...follower.state.keys()]).toEqual(["old"]);
    // What is gone was not deleted: consumers are told.
    expect(follower.results.findLast(({ type }) => type === "snapshot")).toMatchObject({ restored: true });
    await world.admin.put("subnets/newer", "1");
    await follower.until(() => follower.state.has("newer"));
  });
}

/** The first call after a restart may meet the dead connection. */
async function retried<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}
