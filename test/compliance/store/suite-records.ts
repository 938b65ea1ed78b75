// Records and snapshots: compare-and-swap in all its outcomes, order, odd keys and values, size, many clients.
import { expect, test } from "vitest";
import { LodenError } from "../../../spec/errors.ts";
import { requireEntry } from "./entries.ts";
import type { StoreRig, StoreTraits } from "./rig.ts";

const FOREVER = undefined;

export function recordTests(rig: () => Promise<StoreRig>, traits: StoreTraits): void {
  test("an empty network has no configuration and no records", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const snapshot = await store.snapshot();
    expect(snapshot).toMatchObject({ type: "snapshot", config: undefined, entries: [] });
    expect(snapshot.revision).toBeGreaterThan(0n);
  });

  test("a record is created once", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const { store: other } = await world.connect();
    const entry = requireEntry(await store.put("10.1.1.0-24", "ours", { expect: 0n, ttl: FOREVER }));
    expect(entry).toEqual({
      key: "10.1.1.0-24",
      value: "ours",
      modRevision: entry.modRevision,
      createRevision: entry.modRevision,
      lease: 0n,
    });
    expect(await other.put("10.1.1.0-24", "theirs", { expect: 0n, ttl: FOREVER })).toEqual({
      ok: false,
      current: entry,
    });
    const snapshot = await other.snapshot();
    expect(snapshot.entries).toEqual([entry]);
    expect(snapshot.revision).toBe(entry.modRevision);
  });

  test("a record is updated by who knows its revision", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const first = requireEntry(await store.put("k", "1", { expect: 0n, ttl: FOREVER }));
    const second = requireEntry(await store.put("k", "2", { expect: first.modRevision, ttl: FOREVER }));
    expect(second.createRevision).toBe(first.createRevision);
    expect(second.modRevision).toBeGreaterThan(first.modRevision);
    const lost = await store.put("k", "3", { expect: first.modRevision, ttl: FOREVER });
    expect(lost).toEqual({ ok: false, current: second });
    expect((await store.snapshot()).entries).toEqual([second]);
  });

  test("an update of what is not there is lost", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const gone = requireEntry(await store.put("k", "1", { expect: 0n, ttl: FOREVER }));
    expect(await store.delete("k", gone.modRevision)).toEqual({ ok: true });
    const lost = await store.put("k", "2", { expect: gone.modRevision, ttl: FOREVER });
    expect(lost).toEqual({ ok: false, current: undefined });
    const again = requireEntry(await store.put("k", "3", { expect: 0n, ttl: FOREVER }));
    expect(again.createRevision).toBe(again.modRevision);
  });

  test("a record is deleted by who knows its revision", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const entry = requireEntry(await store.put("k", "1", { expect: 0n, ttl: FOREVER }));
    expect(await store.delete("k", entry.modRevision + 1n)).toEqual({ ok: false, current: entry });
    expect(await store.delete("k", 0n)).toEqual({ ok: false, current: entry });
    expect(await store.delete("k", entry.modRevision)).toEqual({ ok: true });
    expect(await store.delete("k", entry.modRevision)).toEqual({ ok: false, current: undefined });
    expect(await store.delete("k", 0n)).toEqual({ ok: true });
    expect((await store.snapshot()).entries).toEqual([]);
  });

  test("of many that create one record, one wins", async () => {
    await using world = await rig();
    const clients = await Promise.all(Array.from({ length: 12 }, () => world.connect()));
    const results = await Promise.all(
      clients.map(({ store }, index) => store.put("10.1.1.0-24", `${index}`, { expect: 0n, ttl: 600 })),
    );
    const winners = results.filter((result) => result.ok);
    expect(winners).toHaveLength(1);
    for (const result of results) if (!result.ok) expect(result.current).toEqual(requireEntry(winners[0]));
  });

  test("no increment is lost among many clients", async () => {
    await using world = await rig();
    const clients = await Promise.all(Array.from({ length: 8 }, () => world.connect()));
    await world.admin.put("subnets/counter", "0");
    const increment = async ({ store }: (typeof clients)[number]): Promise<void> => {
      let [entry] = (await store.snapshot()).entries;
      for (let done = 0; done < 5;) {
        if (entry === undefined) throw new Error("the counter is gone");
        const result = await store.put("counter", `${Number(entry.value) + 1}`, { expect: entry.modRevision, ttl: 0n });
        entry = result.ok ? result.entry : result.current;
        if (result.ok) done += 1;
      }
    };
    await Promise.all(clients.map(increment));
    expect((await world.admin.leases()) === 0).toBe(true);
    const [first] = clients;
    expect((await first?.store.snapshot())?.entries[0]?.value).toBe("40");
  });

  test("a snapshot holds the configuration and the records in the order of their bytes", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await store.putConfig('{"Network":"10.1.0.0/16"}');
    // By UTF-16 code units, as JavaScript compares, the last two stand the other way round.
    const keys = ["10.1.10.0-24", "10.1.2.0-24", "10.1.2.0-24&fd00:1::-64", "a/b", "ä", "\uff61", "😀"];
    await world.admin.putAll(keys.toReversed().map((key) => [`subnets/${key}`, `value of ${key}`] as const));
    const snapshot = await store.snapshot();
    expect(snapshot.config).toMatchObject({ key: "config", value: '{"Network":"10.1.0.0/16"}', lease: 0n });
    expect(snapshot.entries.map((entry) => entry.key)).toEqual(keys);
    expect(snapshot.entries.map((entry) => entry.value)).toEqual(keys.map((key) => `value of ${key}`));
  });

  test("what is not of the network is left out", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    await world.admin.putAll(
      ["subnetsfoo", "subnets", "subnets/", "subnets/config", "configs", "else", "zoo"].map(
        (key) => [key, "x"] as const,
      ),
    );
    await world.admin.put("subnets/k", "v");
    const snapshot = await store.snapshot();
    expect(snapshot.entries.map((entry) => entry.key)).toEqual(["k"]);
    expect(snapshot.config).toBeUndefined();
    for (const key of ["", "config", "\ud800"]) {
      await expect(store.put(key, "v", { expect: 0n, ttl: FOREVER })).rejects.toMatchObject({
        code: "ERR_LEASE_INVALID",
      });
      await expect(store.delete(key, 0n)).rejects.toMatchObject({ code: "ERR_LEASE_INVALID" });
    }
  });

  test.each([
    ["nothing", ""],
    ["NUL", "a\0b"],
    ["a byte order mark", "\ufeff{}"],
    ["beyond the BMP", "💡".repeat(100)],
    ["line ends", "a\r\nb\u2028"],
    ["a mebibyte", "x".repeat(1024 * 1024)],
  ])("a value comes back as it was written: %s", async (_, value) => {
    await using world = await rig();
    const { store } = await world.connect();
    const entry = requireEntry(await store.put("k", value, { expect: 0n, ttl: FOREVER }));
    expect(entry.value === value).toBe(true);
    expect((await store.snapshot()).entries[0]?.value === value).toBe(true);
  });

  test("a value that is no text becomes one", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const entry = requireEntry(await store.put("k", "a\udc00b", { expect: 0n, ttl: FOREVER }));
    expect(entry.value).toBe("a\ufffdb");
    expect((await store.snapshot()).entries[0]).toEqual(entry);
  });

  if (traits.bytes)
    test("bytes that are not UTF-8 cost nobody else anything", async () => {
      await using world = await rig();
      const { store } = await world.connect();
      await world.admin.put("subnets/bad-value", Uint8Array.of(0x7b, 0xff, 0xc0, 0x7d));
      await world.admin.put(Buffer.from([...Buffer.from("subnets/"), 0xff, 0xfe]), "bad key");
      await world.admin.put("subnets/good", "{}");
      const { entries } = await store.snapshot();
      expect(entries.map(({ key, value }) => [key, value])).toEqual([
        ["bad-value", "{\ufffd\ufffd}"],
        ["good", "{}"],
      ]);
    });

  test("two thousand records come in one snapshot", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const records = Array.from({ length: 2_000 }, (_, i) => [`subnets/10.${i >> 8}.${i & 255}.0-24`, `${i}`] as const);
    await world.admin.putAll(records);
    const { entries } = await store.snapshot();
    expect(new Map(entries.map(({ key, value }) => [`subnets/${key}`, value]))).toEqual(new Map(records));
  });

  test("a closed store and an aborted call reject", async () => {
    await using world = await rig();
    const { store } = await world.connect();
    const reason = new Error("enough");
    await expect(store.snapshot(AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(store.put("k", "v", { expect: 0n, ttl: 60 }, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect((await store.snapshot()).entries).toEqual([]);
    await store.close();
    await expect(store.snapshot()).rejects.toBeInstanceOf(LodenError);
    await expect(store.keepAlive(1n)).rejects.toBeInstanceOf(LodenError);
  });
}
