// Store leases: granted with a write, renewed, kept, revoked, run out.
import { expect, test } from "vitest";
import { Follower } from "../../support/follower.ts";
import { requireEntry } from "./entries.ts";
import type { StoreRig } from "./rig.ts";

export function storeLeaseTests(rig: () => Promise<StoreRig>): void {
  test("a life in seconds becomes a store lease of its own", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const first = requireEntry(await store.put("a", "1", { expect: 0n, ttl: 600 }));
    const second = requireEntry(await store.put("b", "1", { expect: 0n, ttl: 86_400 }));
    expect(first.lease).not.toBe(0n);
    expect(second.lease).not.toBe(first.lease);
    expect((await store.snapshot()).entries).toEqual([first, second]);
    const left = await store.timeToLive(second.lease);
    expect(left.granted).toBe(86_400);
    expect(left.ttl).toBeGreaterThan(86_000);
    expect(left.ttl).toBeLessThanOrEqual(86_400);
    expect(await store.keepAlive(first.lease)).toBe(600);
  });

  test("a record goes when its life is over, and a watch sees it go", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    requireEntry(await store.put("immortal", "1", { expect: 0n, ttl: undefined }));
    await follower.until(() => follower.state.has("immortal"));
    const entry = requireEntry(await store.put("mortal", "1", { expect: 0n, ttl: 2 }));
    await follower.until(() => follower.events.some((event) => event.type === "put" && event.entry.key === "mortal"));
    await world.pass(3);
    await follower.until(() => !follower.state.has("mortal"));
    expect(follower.events.at(-1)).toMatchObject({ type: "delete", key: "mortal" });
    expect((await store.snapshot()).entries.map(({ key }) => key)).toEqual(["immortal"]);
    expect((await store.timeToLive(entry.lease)).ttl).toBeLessThanOrEqual(0);
    expect(await store.keepAlive(entry.lease)).toBeLessThanOrEqual(0);
  });

  test("a release mark is left once a record is gone, and told in the order of release", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    const [a, b] = [
      requireEntry(await store.put("a", "1", { expect: 0n, ttl: 600 })),
      requireEntry(await store.put("b", "1", { expect: 0n, ttl: 600 })),
    ];
    // Whose record stands was not released.
    expect(await store.markReleased("a", a.modRevision)).toBe(false);
    expect((await store.snapshot()).released).toBeUndefined();
    for (const { key, modRevision } of [b, a]) {
      await store.delete(key, modRevision);
      expect(await store.markReleased(key, modRevision)).toBe(true);
    }
    // Somebody else has marked the same end.
    expect(await store.markReleased("b", b.modRevision)).toBe(false);
    const { released = [], entries } = await store.snapshot();
    expect([released.map(({ key }) => key), entries]).toEqual([["b", "a"], []]);
    await follower.until(() => follower.released.length === 2);
    expect(follower.released).toEqual(released);
    // Taken and released again, it is the last of them.
    const again = requireEntry(await store.put("b", "2", { expect: 0n, ttl: 600 }));
    await store.delete("b", again.modRevision);
    expect(await store.markReleased("b", again.modRevision)).toBe(true);
    expect((await store.snapshot()).released?.map(({ key }) => key)).toEqual(["a", "b"]);
    await follower.until(() => follower.released.length === 3);
  });

  test("a renewed life begins anew", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const entry = requireEntry(await store.put("k", "1", { expect: 0n, ttl: 100 }));
    await world.pass(60);
    expect(await store.keepAlive(entry.lease)).toBe(100);
    await world.pass(60);
    const [alive] = (await store.snapshot()).entries;
    expect(alive).toEqual(entry);
  });

  test("a record whose life is renewed by a write moves to the new store lease", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const first = requireEntry(await store.put("k", "1", { expect: 0n, ttl: 600 }));
    const second = requireEntry(await store.put("k", "2", { expect: first.modRevision, ttl: 600 }));
    expect(second.lease).not.toBe(first.lease);
    await store.revoke(first.lease);
    expect((await store.snapshot()).entries).toEqual([second]);
  });

  test("a write can keep the life that a record has", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const first = requireEntry(await store.put("k", "1", { expect: 0n, ttl: 600 }));
    const second = requireEntry(await store.put("k", "2", { expect: first.modRevision, ttl: first.lease }));
    expect(second.lease).toBe(first.lease);
    expect(await world.admin.leases()).toBe(1);
    await store.revoke(first.lease);
    expect((await store.snapshot()).entries).toEqual([]);
  });

  test("a reservation stays one", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const first = requireEntry(await store.put("k", "1", { expect: 0n, ttl: undefined }));
    expect(first.lease).toBe(0n);
    const second = requireEntry(await store.put("k", "2", { expect: first.modRevision, ttl: first.lease }));
    expect(second.lease).toBe(0n);
    expect(await world.admin.leases()).toBe(0);
  });

  test("a write on a store lease that is gone writes nothing", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const entry = requireEntry(await store.put("k", "1", { expect: 0n, ttl: 600 }));
    await store.revoke(entry.lease);
    await expect(store.put("k", "2", { expect: 0n, ttl: entry.lease })).rejects.toMatchObject({
      code: "ERR_STORE",
      fields: { reason: "lease-not-found" },
    });
    expect((await store.snapshot()).entries).toEqual([]);
  });

  test("a revoked store lease takes its records along, and can be revoked again", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    const entry = requireEntry(await store.put("a", "1", { expect: 0n, ttl: 600 }));
    requireEntry(await store.put("b", "1", { expect: 0n, ttl: entry.lease }));
    await follower.until(() => follower.state.size === 2);
    await store.revoke(entry.lease);
    await follower.until(() => follower.state.size === 0);
    await store.revoke(entry.lease);
    await store.revoke(4_711n);
    expect((await store.timeToLive(entry.lease)).ttl).toBeLessThanOrEqual(0);
  });

  test("a lost write leaves no store lease behind", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const entry = requireEntry(await store.put("k", "1", { expect: 0n, ttl: 600 }));
    expect(await store.put("k", "2", { expect: 0n, ttl: 600 })).toEqual({ ok: false, current: entry });
    expect(await world.admin.leases()).toBe(1);
  });

  test("a deleted record leaves its store lease, and its key can be taken again", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const entry = requireEntry(await store.put("k", "1", { expect: 0n, ttl: 600 }));
    expect(await store.delete("k", entry.modRevision)).toEqual({ ok: true });
    requireEntry(await store.put("k", "2", { expect: 0n, ttl: undefined }));
    await store.revoke(entry.lease);
    expect((await store.snapshot()).entries.map(({ value }) => value)).toEqual(["2"]);
  });

  test.each([0, -1, 1.5, Number.NaN])("a life of %d seconds is refused", async (ttl) => {
    await using world = await rig();
    const { store } = await world.connect();
    await expect(store.put("k", "1", { expect: 0n, ttl })).rejects.toMatchObject({ code: "ERR_INTERNAL" });
    expect((await store.snapshot()).entries).toEqual([]);
  });
}
