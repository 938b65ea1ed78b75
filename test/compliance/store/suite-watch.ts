// The watch while all is well: a snapshot, then events that add up to the state, whoever writes and however slowly the
// consumer takes them.
import { expect, test } from "vitest";
import type { SubnetStore } from "../../../daemon/store/port.ts";
import { Follower, stateOf } from "../../support/follower.ts";
import { requireEntry } from "./entries.ts";
import type { StoreRig, StoreTraits } from "./rig.ts";

export function watchTests(rig: () => Promise<StoreRig>, traits: StoreTraits): void {
  test("a snapshot comes first, also of an empty network", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    await follower.until(() => follower.results.length > 0);
    expect(follower.results[0]).toMatchObject({ type: "snapshot", config: undefined, entries: [] });
  });

  test("each write is told with its record", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    const first = requireEntry(await store.put("k", "1", { expect: 0n, ttl: 600 }));
    const second = requireEntry(await store.put("k", "2", { expect: first.modRevision, ttl: undefined }));
    await store.delete("k", second.modRevision);
    await follower.until(() => follower.events.length === 3);
    expect(follower.events).toEqual([
      { type: "put", entry: first },
      { type: "put", entry: second },
      { type: "delete", key: "k", modRevision: second.modRevision + 1n },
    ]);
    expect(follower.snapshots).toBe(1);
  });

  test("the configuration is told of as config", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    await store.putConfig("one");
    await store.putConfig("two");
    await follower.until(() => follower.state.get("config") === "two");
    expect((await store.snapshot()).config?.value).toBe("two");
    await world.admin.delete("config");
    await follower.until(() => !follower.state.has("config"));
    expect(follower.events.map((event) => (event.type === "put" ? event.entry.key : event.key))).toEqual([
      "config",
      "config",
      "config",
    ]);
    expect((await store.snapshot()).config).toBeUndefined();
  });

  test("what is not of the network is not told of", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    for (const path of ["subnetsfoo", "subnets/", "subnets/config", "configs", "else", "zoo"]) {
      await world.admin.put(path, "x");
      await world.admin.delete(path);
    }
    await world.admin.put("subnets/k", "v");
    await follower.until(() => follower.state.has("k"));
    expect(follower.events).toHaveLength(1);
    expect(follower.snapshots).toBe(1);
  });

  if (traits.bytes)
    test("bytes that are not UTF-8 disturb no event", async () => {
      await using world = await rig();
      const { store } = await world.connect();
      await using follower = new Follower(store);
      await follower.until(() => follower.snapshots === 1);
      await world.admin.put("subnets/bad", Uint8Array.of(0xff));
      await world.admin.put(Buffer.from([...Buffer.from("subnets/"), 0xff]), "bad key");
      await world.admin.put("subnets/good", "v");
      await follower.until(() => follower.state.has("good"));
      expect([...follower.state]).toEqual([
        ["bad", "\ufffd"],
        ["good", "v"],
      ]);
    });

  test("events add up under concurrent writes, whenever a watch began", async () => {
    await using world = await rig();
    const writers = await Promise.all(Array.from({ length: 4 }, () => world.connect()));
    const { store: reader } = await world.connect();
    const followers: Follower[] = [];
    const write = async (store: SubnetStore, seed: number): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        const key = `10.1.${(i * 7 + seed * 3) % 16}.0-24`;
        const current = (await store.snapshot()).entries.find((entry) => entry.key === key);
        const expected = current?.modRevision ?? 0n;
        await (i % 3 === 2
          ? store.delete(key, expected)
          : store.put(key, `${seed}.${i}`, { expect: expected, ttl: 600 }));
        if (i % 10 === seed) followers.push(new Follower(reader));
      }
    };
    await Promise.all(writers.map(({ store }, seed) => write(store, seed)));
    const want = stateOf(await reader.snapshot());
    for (const follower of followers) {
      await follower.untilEqual(reader);
      expect(follower.state).toEqual(want);
      expect(follower.snapshots).toBe(1);
    }
    expect(followers).toHaveLength(16);
    await Promise.all(followers.map((follower) => follower[Symbol.asyncDispose]()));
  });

  test("several changes of one revision arrive together", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    const { lease } = requireEntry(await store.put("a", "1", { expect: 0n, ttl: 600 }));
    requireEntry(await store.put("b", "1", { expect: 0n, ttl: lease }));
    await follower.until(() => follower.state.size === 2);
    await store.revoke(lease);
    await follower.until(() => follower.state.size < 2);
    expect(follower.state.size).toBe(0);
  });

  test("a blocked consumer loses nothing and costs no memory", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const stop = new AbortController();
    const watch = store.watch({ signal: stop.signal })[Symbol.asyncIterator]();
    const state = new Map<string, string>();
    expect((await watch.next()).value).toMatchObject({ type: "snapshot" });
    // More than any buffer keeps (watch-buffer.ts).
    for (let round = 0; round < 10; round++) {
      const records = Array.from({ length: 1_000 }, (_, i) => [`subnets/${i}`, `${round}`] as const);
      await world.admin.putAll(records);
    }
    await world.admin.delete("subnets/0");
    const want = stateOf(await store.snapshot());
    for (let taken = 0; state.size !== want.size || state.get("999") !== "9" || state.has("0"); taken++) {
      expect(taken).toBeLessThan(12_000);
      const { value } = await watch.next();
      if (value?.type === "snapshot") {
        state.clear();
        for (const [key, text] of stateOf(value)) state.set(key, text);
      }
      for (const event of value?.type === "events" ? value.events : []) {
        if (event.type === "put") state.set(event.entry.key, event.entry.value);
        else state.delete(event.key);
      }
    }
    expect(state).toEqual(want);
    stop.abort();
  });

  test("an abort ends a watch at once, with its consumer waiting or busy", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const stop = new AbortController();
    const [waiting, busy, late] = [1, 2, 3].map(() => store.watch({ signal: stop.signal })[Symbol.asyncIterator]());
    await waiting?.next();
    await busy?.next();
    const pending = waiting?.next();
    stop.abort();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(await busy?.next()).toEqual({ done: true, value: undefined });
    expect(await late?.next()).toEqual({ done: true, value: undefined });
  });

  test("leaving the loop ends a watch, and closing the store ends all", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    for await (const result of store.watch({ signal: new AbortController().signal })) {
      expect(result.type).toBe("snapshot");
      break;
    }
    const watch = store.watch({ signal: new AbortController().signal })[Symbol.asyncIterator]();
    await watch.next();
    const pending = watch.next();
    await store.close();
    expect(await pending).toEqual({ done: true, value: undefined });
  });
}
