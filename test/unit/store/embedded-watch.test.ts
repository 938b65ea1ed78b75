// Watch streams of the embedded store: order of answers, ids, filters, history from memory and from disk, compaction.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytes, describeEvents, TemporaryStore, TestWatch } from "../../support/embedded.ts";

let temporary: TemporaryStore;
let watch: TestWatch;

beforeEach(() => {
  temporary = new TemporaryStore();
  watch = new TestWatch(temporary.engine);
});

afterEach(async () => {
  watch.end();
  await temporary[Symbol.asyncDispose]();
});

const put = async (key: string, value = "v"): Promise<void> => {
  await temporary.engine.put({ key: bytes(key), value: bytes(value) });
};
const remove = (key: string) => temporary.engine.deleteRange({ key: bytes(key) });
const events = async (): Promise<string[]> => (await watch.all()).flatMap(describeEvents);

describe("creation", () => {
  test("ids count up from 0, or are those asked for; taken ones are refused", async () => {
    expect(await watch.create("a")).toMatchObject({ watchId: 0n, created: true });
    expect(await watch.create("a", { watchId: 2n })).toMatchObject({ watchId: 2n, created: true });
    expect(await watch.create("a")).toMatchObject({ watchId: 1n });
    expect(await watch.create("a")).toMatchObject({ watchId: 3n });
    const refused = { watchId: -1n, created: true, canceled: true };
    expect(await watch.create("a", { watchId: 2n })).toMatchObject({
      ...refused,
      cancelReason: "mvcc: duplicate watch ID provided on the WatchStream",
    });
    expect(await watch.create("b", { rangeEnd: bytes("a") })).toMatchObject({
      ...refused,
      cancelReason: "mvcc: watcher range is empty",
    });
  });

  test("an id is free again after cancellation, which is answered once", async () => {
    await watch.create("a", { watchId: 5n });
    await watch.session.cancel(5n);
    expect(await watch.next()).toMatchObject({ watchId: 5n, canceled: true, events: [] });
    await watch.session.cancel(5n);
    expect(await watch.all()).toEqual([]);
    await put("a1");
    expect(await watch.create("a", { watchId: 5n })).toMatchObject({ watchId: 5n, created: true });
    expect(await events()).toEqual([]);
  });

  test("the answer tells the revision, and events come from the one after it", async () => {
    await put("a1");
    expect((await watch.create("a")).header.revision).toBe(2n);
    await put("a2");
    expect(await events()).toEqual(["PUT a2=v@3"]);
  });

  test("ranges are as for reading: one key, up to an end, or from a key on; no key is the first", async () => {
    for (const request of [{ rangeEnd: bytes("") }, { rangeEnd: bytes("b") }, { rangeEnd: bytes("\u{0}") }]) {
      await watch.create("a", request);
    }
    await watch.create("", { rangeEnd: bytes("\u{0}") });
    for (const key of ["A", "a", "aa", "b"]) await put(key);
    const seen = Map.groupBy(await watch.all(), ({ watchId }) => watchId);
    const keys = [0n, 1n, 2n, 3n].map((id) =>
      seen
        .get(id)
        ?.flatMap(describeEvents)
        .map((line) => line.split(/[ =]/)[1]),
    );
    expect(keys).toEqual([["a"], ["a", "aa"], ["a", "aa", "b"], ["A", "a", "aa", "b"]]);
  });
});

describe("events", () => {
  test("of one transaction come in one answer, in its order", async () => {
    await watch.create("k");
    const request = (key: string) => ({
      request: { case: "requestPut" as const, value: { key: bytes(key), value: bytes("v") } },
    });
    await temporary.engine.txn({ compare: [], success: ["k3", "k1", "x", "k2"].map(request), failure: [] });
    const answer = await watch.next();
    expect(describeEvents(answer)).toEqual(["PUT k3=v@2", "PUT k1=v@2", "PUT k2=v@2"]);
  });

  test("filters leave out puts or deletions; previous values come when asked for", async () => {
    await watch.create("k", { filters: [0], prevKv: true });
    await watch.create("k", { filters: [1], prevKv: true });
    await watch.create("k", { filters: [0, 1] });
    await put("k", "one");
    await put("k", "two");
    await remove("k");
    const seen = Map.groupBy(await watch.all(), ({ watchId }) => watchId);
    expect(seen.get(0n)?.flatMap(describeEvents)).toEqual(["DELETE k@4 was k=two@3"]);
    expect(seen.get(1n)?.flatMap(describeEvents)).toEqual(["PUT k=one@2", "PUT k=two@3 was k=one@2"]);
    expect(seen.get(2n)).toBeUndefined();
  });

  test("a start in the future brings nothing before it", async () => {
    await watch.create("k", { startRevision: 4n });
    for (const value of ["1", "2", "3", "4"]) await put("k", value);
    expect(await events()).toEqual(["PUT k=3@4", "PUT k=4@5"]);
  });

  test("history is the same from memory and, after a restart, from disk", async () => {
    for (const value of ["1", "2"]) await put("k", value);
    await remove("k");
    await put("k", "3");
    const expected = ["PUT k=1@2", "PUT k=2@3 was k=1@2", "DELETE k@4 was k=2@3", "PUT k=3@5"];
    for (let time = 0; time < 2; time++) {
      await watch.create("k", { startRevision: 1n, prevKv: true });
      expect(await events()).toEqual(expected);
      await temporary.restart();
      watch = new TestWatch(temporary.engine);
    }
  });

  test("a watcher that reads nothing for ten thousand changes gets them all, in bounded portions", async () => {
    await watch.create("k");
    const large = "x".repeat(2000);
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 500 }, (_, index) => put(`k${round}-${index}`, large)));
    }
    const answers = await watch.all();
    expect(answers.flatMap((answer) => answer.events).map(({ kv }) => kv.modRevision)).toEqual(
      Array.from({ length: 10_000 }, (_, index) => BigInt(index + 2)),
    );
    const sizes = answers.map((answer) => answer.events.length * large.length);
    expect(Math.max(...sizes)).toBeLessThan(4 * 1024 * 1024);
    // Each answer says how far it goes, so that a client may go on from there.
    for (const { header, events: some } of answers) expect(header.revision).toBe(some.at(-1)?.kv.modRevision);
  });

  test("large ones are cut up for a watch that allows it, and come whole for one that does not", async () => {
    for (let index = 0; index < 5; index++) await put(`k${index}`, "x".repeat(600_000));
    await remove("nothing");
    await temporary.engine.deleteRange({ key: bytes("k"), rangeEnd: bytes("l") });
    const startRevision = temporary.engine.revision;
    await watch.create("k", { startRevision, prevKv: true, fragment: true });
    const parts = await watch.all();
    expect(parts.map((part) => part.fragment)).toEqual([true, true, false]);
    expect(parts.flatMap((part) => part.events)).toHaveLength(5);
    await watch.session.cancel(0n);
    await watch.next();
    await watch.create("k", { startRevision, prevKv: true });
    expect((await watch.all()).map((answer) => answer.events.length)).toEqual([5]);
  });
});

describe("compaction", () => {
  test("a start before it is answered with where to start", async () => {
    for (const value of ["1", "2", "3"]) await put("k", value);
    await temporary.engine.compact(3n);
    expect(await watch.create("k", { startRevision: 2n })).toMatchObject({ created: true });
    expect(await watch.next()).toMatchObject({ watchId: 0n, canceled: true, compactRevision: 3n, events: [] });
    await watch.create("k", { startRevision: 3n });
    expect(await events()).toEqual(["PUT k=2@3", "PUT k=3@4"]);
  });

  test("a deletion at the compacted revision is still told", async () => {
    await put("k");
    await remove("k");
    await temporary.engine.compact(3n, true);
    await temporary.restart();
    watch = new TestWatch(temporary.engine);
    await watch.create("k", { startRevision: 3n, prevKv: true });
    expect(await events()).toEqual(["DELETE k@3"]);
  });

  test("a watcher that fell behind it is told, others are not", async () => {
    await put("k", "1");
    await temporary.restart();
    watch = new TestWatch(temporary.engine);
    // Created, but its history not read yet.
    await watch.create("k", { startRevision: 2n });
    await watch.create("k");
    await put("k", "2");
    await temporary.engine.compact(3n, true);
    const answers = await watch.all();
    expect(answers.find(({ watchId }) => watchId === 0n)).toMatchObject({ canceled: true, compactRevision: 3n });
    expect(answers.filter(({ watchId }) => watchId === 1n).flatMap(describeEvents)).toEqual(["PUT k=2@3"]);
  });
});

describe("progress", () => {
  test("comes after all events up to its revision", async () => {
    await watch.create("k");
    await put("k");
    watch.session.requestProgress();
    expect(describeEvents(await watch.next())).toEqual(["PUT k=v@2"]);
    expect(await watch.next()).toEqual({ header: { revision: 2n }, watchId: -1n, events: [] });
  });

  test("is told to quiet watches that asked for it", async () => {
    await watch.create("k", { progressNotify: true });
    await watch.create("k");
    await put("other");
    const next = watch.next();
    await temporary.clock.advance(600_000);
    expect(await next).toEqual({ header: { revision: 2n }, watchId: 0n, events: [] });
    await put("k");
    expect(describeEvents(await watch.next())).toEqual(["PUT k=v@3"]);
    expect(describeEvents(await watch.next())).toEqual(["PUT k=v@3"]);
    await temporary.clock.advance(600_000);
    expect(await watch.all()).toEqual([]);
    await temporary.clock.advance(600_000);
    expect(await watch.next()).toMatchObject({ watchId: 0n, header: { revision: 3n } });
  });
});

describe("a client that asks and does not read", () => {
  test("is not listened to after a thousand answers, until it reads", async () => {
    let created = 0;
    const asking = (async () => {
      for (; created < 3000; created++) await watch.session.create({ key: bytes("k") });
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(created).toBeLessThan(1001);
    for (let answer = 0; answer < 3000; answer++) expect((await watch.next()).created).toBe(true);
    await asking;
    expect(created).toBe(3000);
  });

  test("is let go when the stream ends", async () => {
    const asking = (async () => {
      for (let count = 0; count < 1500; count++) await watch.session.create({ key: bytes("k") });
    })();
    await new Promise((resolve) => setImmediate(resolve));
    watch.end();
    await asking;
    expect((await watch.session.responses().next()).done).toBe(true);
  });
});
