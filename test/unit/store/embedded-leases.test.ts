// Leases of the embedded store on a clock that the test moves: life, renewal, expiry, and what a restart makes of them.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytes, contents, describeEvents, TemporaryStore, TestWatch } from "../../support/embedded.ts";

let temporary: TemporaryStore;

beforeEach(() => {
  temporary = new TemporaryStore();
});

afterEach(async () => {
  await temporary[Symbol.asyncDispose]();
});

const put = async (key: string, lease: bigint): Promise<void> => {
  await temporary.engine.put({ key: bytes(key), value: bytes("v"), lease });
};

/** Moves the time on, and waits until what follows from it is committed. */
async function pass(seconds: number): Promise<void> {
  await temporary.clock.advance(seconds * 1000);
  await temporary.engine.deleteRange({ key: bytes("nothing") });
}

const left = (lease: bigint): bigint => temporary.engine.leases.status(lease, false).ttl;

describe("life", () => {
  test("a lease gets the id that is asked for, or one of its own", async () => {
    const { leases } = temporary.engine;
    expect(await leases.grant(100n, 7n)).toEqual({ id: 7n, ttl: 100n });
    const { id } = await leases.grant(100n, 0n);
    expect(id).toBeGreaterThan(0n);
    expect(id).toBeLessThan(2n ** 63n);
    await expect(leases.grant(100n, 7n)).rejects.toMatchObject({ refusal: "leaseExists" });
    await expect(leases.grant(9_000_000_001n, 0n)).rejects.toMatchObject({ refusal: "leaseTtlTooLarge" });
    expect(new Set(leases.list())).toEqual(new Set([7n, id]));
  });

  test.each([-5n, 0n, 1n])("a life of %d seconds is raised to 2", async (ttl) => {
    expect(await temporary.engine.leases.grant(ttl, 1n)).toEqual({ id: 1n, ttl: 2n });
  });

  test("its end deletes its keys in one revision and tells watches", async () => {
    const { engine } = temporary;
    const watch = new TestWatch(engine);
    await watch.create("k");
    await engine.leases.grant(10n, 1n);
    for (const key of ["kb", "ka", "kc"]) await put(key, 1n);
    await put("other", 0n);
    await pass(9);
    expect(contents(engine)).toHaveLength(4);
    expect(left(1n)).toBe(1n);
    await pass(1);
    expect(contents(engine)).toEqual(["other=v@5"]);
    const events = (await watch.all()).flatMap(describeEvents).slice(3);
    expect(events).toEqual(["DELETE ka@6", "DELETE kb@6", "DELETE kc@6"]);
    expect(engine.leases.status(1n, true)).toEqual({ id: 1n, ttl: -1n, grantedTtl: 0n, keys: [] });
    expect(await engine.leases.keepAlive(1n)).toBe(0n);
    watch.end();
  });

  test("leases that end together each take a revision", async () => {
    for (const id of [1n, 2n, 3n]) {
      await temporary.engine.leases.grant(10n, id);
      await put(`k${id}`, id);
    }
    const before = temporary.engine.revision;
    await pass(10);
    expect(contents(temporary.engine)).toEqual([]);
    expect(temporary.engine.revision).toBe(before + 3n);
  });

  test("a keep-alive gives the whole life again, as often as it comes", async () => {
    await temporary.engine.leases.grant(10n, 1n);
    await put("k", 1n);
    for (let time = 0; time < 20; time++) {
      await pass(9);
      expect(await temporary.engine.leases.keepAlive(1n)).toBe(10n);
      expect(left(1n)).toBe(10n);
    }
    expect(contents(temporary.engine)).toEqual(["k=v@2"]);
    await pass(10);
    expect(contents(temporary.engine)).toEqual([]);
  });

  test("a short lease ends in time behind a long one, and a very long one is waited for in parts", async () => {
    const { leases } = temporary.engine;
    await leases.grant(9_000_000_000n, 1n);
    await leases.grant(10_000n, 2n);
    await leases.grant(2n, 3n);
    await pass(2);
    expect(leases.list()).toEqual([2n, 1n]);
    await pass(9_998);
    expect(leases.list()).toEqual([1n]);
  });
});

describe("keys", () => {
  test("belong to the lease of their last put", async () => {
    const { engine } = temporary;
    await engine.leases.grant(100n, 1n);
    await engine.leases.grant(200n, 2n);
    await put("moved", 1n);
    await put("freed", 1n);
    await put("stays", 1n);
    await put("moved", 2n);
    await put("freed", 0n);
    await engine.put({ key: bytes("stays"), value: bytes("new"), ignoreLease: true });
    expect(engine.leases.status(1n, true).keys.map(String)).toEqual([bytes("stays")].map(String));
    await engine.leases.revoke(1n);
    expect(contents(engine).map((record) => record.split("=")[0])).toEqual(["freed", "moved"]);
    await expect(engine.leases.revoke(1n)).rejects.toMatchObject({ refusal: "leaseNotFound" });
    await expect(put("late", 1n)).rejects.toMatchObject({ refusal: "leaseNotFound" });
  });
});

describe("a restart", () => {
  test("keeps leases, their keys and the life that was left", async () => {
    await temporary.engine.leases.grant(1000n, 1n);
    await put("k", 1n);
    await pass(400);
    await temporary.restart();
    expect(left(1n)).toBe(600n);
    expect(temporary.engine.leases.status(1n, true)).toMatchObject({ grantedTtl: 1000n, keys: [bytes("k")] });
    await pass(600);
    expect(contents(temporary.engine)).toEqual([]);
  });

  test("does not count the time when the store was down", async () => {
    await temporary.engine.leases.grant(1000n, 1n);
    await temporary.store.close();
    await temporary.clock.advance(100_000_000);
    await temporary.restart();
    expect(left(1n)).toBe(1000n);
  });

  test("leaves time to find the store again", async () => {
    await temporary.engine.leases.grant(1000n, 1n);
    await temporary.engine.leases.grant(4n, 2n);
    await pass(3);
    await pass(996);
    await temporary.restart();
    expect(left(1n)).toBe(10n);
    expect(temporary.engine.leases.list()).toEqual([1n]);
  });

  test("by kill -9 takes away at most a minute of what had passed", async () => {
    await temporary.engine.leases.grant(1000n, 1n);
    await pass(330);
    await temporary.crash();
    expect(left(1n)).toBeGreaterThanOrEqual(670n);
    expect(left(1n)).toBeLessThanOrEqual(730n);
  });

  test("by kill -9 after a keep-alive does not take its life back", async () => {
    await temporary.engine.leases.grant(1000n, 1n);
    await pass(900);
    expect(await temporary.engine.leases.keepAlive(1n)).toBe(1000n);
    await temporary.crash();
    expect(left(1n)).toBe(1000n);
  });
});
