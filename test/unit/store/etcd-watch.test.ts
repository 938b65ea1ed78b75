// The watch of the etcd client against a server that sends what real ones send seldom, on a clock that the test moves.
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Event_EventType } from "../../../daemon/store/etcd/generated/kv_pb.js";
import { EtcdSubnetStore } from "../../../daemon/store/etcd/subnet-store.ts";
import { FakeEtcd, header } from "../../support/fake-etcd.ts";
import { Follower } from "../../support/follower.ts";
import { ManualClock } from "../../support/manual-clock.ts";

let etcd: FakeEtcd;
let clock: ManualClock;
let store: EtcdSubnetStore;

beforeEach(async () => {
  etcd = await FakeEtcd.start();
  clock = new ManualClock();
  store = new EtcdSubnetStore({ endpoints: [etcd.endpoint], prefix: "/n", clock, random: { next: () => 0.5 } });
});

afterEach(async () => {
  await store.close();
  await etcd[Symbol.asyncDispose]();
});

const kv = (key: string, modRevision: bigint, value = ""): object => ({
  key: Buffer.from(`/n/subnets/${key}`),
  value: Buffer.from(value),
  modRevision,
  createRevision: modRevision,
  version: 1n,
});
const put = (key: string, revision: bigint): object => ({ type: Event_EventType.PUT, kv: kv(key, revision) });
const remove = (key: string, revision: bigint): object => ({ type: Event_EventType.DELETE, kv: kv(key, revision) });
const listing = (revision: bigint, ...keys: string[]): object => ({
  header: header(revision),
  kvs: keys.map((key) => kv(key, revision)),
  count: BigInt(keys.length),
});
const created = (revision: bigint, of = header(revision)): object => ({ header: of, watchId: 5n, created: true });

/** A follower whose watch has been created at revision 10. */
async function following(): Promise<Follower> {
  etcd.range = () => listing(10n, "a");
  const follower = new Follower(store);
  (await etcd.watch(0)).send(created(10n));
  return follower;
}

describe("a host that is reached differently now", () => {
  test("does not wait before the next try, however often it failed before", async () => {
    await using follower = await following();
    await follower.until(() => follower.snapshots === 1);
    for (let n = 0; n < 6; n++) {
      (await etcd.watch(n)).end(new ConnectError("etcdserver: no leader", Code.Unavailable));
      await follower.until(() => follower.troubles.length > n);
      if (n < 5) await clock.advance(5_000);
    }
    // Now it waits for seconds, and the clock stands still.
    store.reconnect();
    const watch = await etcd.watch(6);
    watch.send(created(10n));
    await follower.until(() => follower.troubles.at(-1) === "");
  });
});

describe("opening", () => {
  test("asks for the leader, progress, fragments, and the network's keys alone", async () => {
    await using follower = await following();
    const { metadata, requests } = await etcd.watch(0);
    expect(metadata.get("hasleader")).toBe("true");
    const value = requests[0]?.requestUnion.value;
    expect(value).toMatchObject({ startRevision: 10n, progressNotify: true, fragment: true, prevKv: false });
    expect(etcd.ranges[0]).toMatchObject({ revision: 0n, serializable: false });
    expect(Buffer.from(etcd.ranges[0]?.key ?? []).toString()).toBe("/n/config");
    expect(Buffer.from(etcd.ranges[0]?.rangeEnd ?? []).toString()).toBe("/n/subnets0");
    await follower.until(() => follower.snapshots === 1);
  });

  test("created and canceled at once, for compaction, brings a snapshot", async () => {
    etcd.range = () => listing(10n, "a");
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    etcd.range = () => listing(20n, "b");
    (await etcd.watch(0)).send({ ...created(20n), watchId: -1n, canceled: true, compactRevision: 15n });
    await follower.until(() => follower.snapshots === 2);
    expect([...follower.state.keys()]).toEqual(["b"]);
    expect((await etcd.watch(1)).start).toBe(20n);
  });

  test("a refusal is told with its reason and tried again from where it was", async () => {
    await using follower = await following();
    (await etcd.watch(0)).send({
      header: header(11n),
      watchId: 5n,
      canceled: true,
      cancelReason: "etcdserver: permission denied",
    });
    await follower.until(() => follower.troubles.length === 1);
    expect(follower.troubles[0]).toContain("permission denied");
    await clock.advance(100);
    const again = await etcd.watch(1);
    expect(again.start).toBe(10n);
    again.send(created(11n));
    await follower.until(() => follower.troubles.length === 2);
    expect(follower.troubles[1]).toBe("");
    expect(follower.snapshots).toBe(1);
  });

  test("a server that compacts ahead of every watch is not stormed", async () => {
    const times: number[] = [];
    etcd.range = () => {
      times.push(clock.monotonic());
      return listing(10n);
    };
    await using follower = new Follower(store);
    for (let round = 0; round < 5; round++) {
      await clock.until(() => etcd.watches[round]?.start !== undefined);
      etcd.watches[round]?.send({ ...created(10n), canceled: true, compactRevision: 10n });
    }
    await follower.until(() => follower.snapshots === 5);
    const waits = times.map((time, i) => time - (times[i - 1] ?? time));
    // The second listing is a normal thing; from the third on each waits, and the waits double.
    for (const [i, wait] of [75, 150, 300].entries()) expect(waits[i + 2]).toBeGreaterThanOrEqual(wait);
  });
});

describe("events", () => {
  test("in fragments are delivered as one batch", async () => {
    await using follower = await following();
    const watch = await etcd.watch(0);
    const at = { header: header(12n), watchId: 5n };
    watch.send(
      { ...at, fragment: true, events: [put("b", 11n)] },
      { ...at, fragment: true, events: [put("c", 12n)] },
      { ...at, events: [remove("a", 12n)] },
    );
    await follower.until(() => follower.events.length > 0);
    expect(follower.results.at(-1)).toMatchObject({ type: "events", revision: 12n });
    expect([...follower.state.keys()]).toEqual(["b", "c"]);
    expect(follower.results).toHaveLength(2);
  });

  test("known already are not told again", async () => {
    await using follower = await following();
    (await etcd.watch(0)).send({ header: header(11n), watchId: 5n, events: [put("a", 10n), put("b", 11n)] });
    await follower.until(() => follower.events.length > 0);
    expect(follower.events).toHaveLength(1);
  });

  test("under a newer header do not hide those that follow", async () => {
    await using follower = await following();
    const watch = await etcd.watch(0);
    watch.send({ header: header(500n), watchId: 5n, events: [put("b", 11n)] });
    await follower.until(() => follower.state.has("b"));
    expect(follower.revision).toBe(11n);
    watch.end();
    await follower.until(() => follower.troubles.length > 0);
    await clock.advance(100);
    expect((await etcd.watch(1)).start).toBe(11n);
  });

  test("of other watches and without a record are passed over", async () => {
    await using follower = await following();
    (await etcd.watch(0)).send(
      { header: header(11n), watchId: 6n, events: [remove("a", 11n)] },
      { header: header(11n), watchId: 5n, events: [{ type: Event_EventType.DELETE }] },
      { header: header(12n), watchId: 5n, events: [put("b", 12n)] },
    );
    await follower.until(() => follower.state.has("b"));
    expect([...follower.state.keys()]).toEqual(["a", "b"]);
  });
});

describe("progress", () => {
  test.each([
    ["of the watch itself counts", 29n, 2],
    ["in answer to a request does not", 30n, 1],
  ])("%s as known", async (_, found, snapshots) => {
    await using follower = await following();
    const first = await etcd.watch(0);
    first.send({ header: header(900n), watchId: -1n }, { header: header(30n), watchId: 5n });
    first.end();
    await follower.until(() => follower.troubles.length > 0);
    await clock.advance(100);
    const again = await etcd.watch(1);
    expect(again.start).toBe(10n);
    again.send(created(found), { header: header(31n), watchId: 5n, events: [put("a", 10n), put("b", 31n)] });
    await follower.until(() => follower.state.has("b") || follower.snapshots === 2);
    expect(follower.snapshots).toBe(snapshots);
  });

  test("is asked for in silence, and silence ends the session", async () => {
    await using follower = await following();
    await follower.until(() => follower.snapshots === 1);
    const watch = await etcd.watch(0);
    // Answered in time, the session lives on.
    for (let asked = 2; asked < 8; asked++) {
      await clock.until(() => watch.requests.length === asked);
      expect(watch.requests.at(-1)?.requestUnion.case).toBe("progressRequest");
      watch.send({ header: header(10n), watchId: -1n });
    }
    expect(clock.monotonic()).toBeGreaterThan(25_000);
    expect(follower.troubles).toEqual([]);
    await clock.until(() => follower.troubles.length > 0);
    expect(follower.troubles[0]).toContain("not a word on the watch for 15 s");
    await clock.until(() => etcd.watches.length === 2);
    (await etcd.watch(1)).send(created(10n));
    await follower.until(() => follower.troubles.at(-1) === "");
    expect(follower.snapshots).toBe(1);
  });
});

describe("another copy of the store", () => {
  test.each([
    ["a lower revision", header(9n)],
    ["another cluster", header(10n, 8n)],
    ["an older term", header(10n, 7n, 1n)],
  ])("known by %s brings a snapshot", async (_, found) => {
    await using follower = await following();
    await follower.until(() => follower.snapshots === 1);
    (await etcd.watch(0)).end(new ConnectError("etcdserver: no leader", Code.Unavailable));
    await follower.until(() => follower.troubles.length > 0);
    etcd.range = () => ({ ...listing(9n, "older"), header: found });
    await clock.advance(100);
    (await etcd.watch(1)).send(created(found.revision, found));
    await follower.until(() => follower.snapshots === 2);
    expect([...follower.state.keys()]).toEqual(["older"]);
  });

  test.each<[string, object[], number]>([
    ["with the last change in it is the same", [{ events: [put("a", 10n)] }, { events: [put("b", 12n)] }], 1],
    ["without it is another", [{ events: [put("b", 12n)] }], 2],
    ["with another change at its revision is another", [{ events: [put("b", 10n), put("b", 12n)] }], 2],
    ["with the same key written otherwise is another", [{ events: [{ ...put("a", 10n), kv: kv("a", 10n, "2") }] }], 2],
    ["with a change that was never told is another", [{ events: [put("a", 10n), remove("a", 11n)] }], 2],
    ["that has nothing to tell is another", [{}], 2],
  ])("known by its history: one %s", async (_, messages, snapshots) => {
    await using follower = await following();
    const first = await etcd.watch(0);
    first.send({ header: header(11n), watchId: 5n });
    first.end();
    await follower.until(() => follower.troubles.length > 0);
    etcd.range = () => listing(12n, "b");
    await clock.advance(100);
    // Its revision, term and id are no lower than what was known.
    (await etcd.watch(1)).send(
      created(12n),
      ...messages.map((message) => ({ header: header(12n), watchId: 5n, ...message })),
    );
    await follower.until(() => follower.state.has("b"));
    expect(follower.snapshots).toBe(snapshots);
    expect([...follower.state.keys()]).toEqual(snapshots === 1 ? ["a", "b"] : ["b"]);
  });

  test("may follow a listing that found nothing, so that another is needed", async () => {
    etcd.range = () => listing(10n);
    await using follower = new Follower(store);
    (await etcd.watch(0)).send(created(10n));
    (await etcd.watch(0)).end();
    await follower.until(() => follower.troubles.length > 0);
    etcd.range = () => listing(12n, "b");
    await clock.advance(100);
    await follower.until(() => follower.state.has("b"));
  });

  test("is not seen in a member that lags behind the listing", async () => {
    etcd.range = () => listing(10n, "a");
    await using follower = new Follower(store);
    const watch = await etcd.watch(0);
    watch.send(created(8n), { header: header(11n), watchId: 5n, events: [put("b", 11n)] });
    await follower.until(() => follower.state.has("b"));
    expect(follower.snapshots).toBe(1);
    expect(etcd.ranges).toHaveLength(1);
  });
});

describe("a failed listing", () => {
  test.each([
    ["an empty message", () => ({})],
    ["a header without a revision", () => ({ header: header(0n) })],
    ["an error", () => new ConnectError("etcdserver: request timed out", Code.Unavailable)],
  ])("never looks like an empty store: %s", async (_, range) => {
    etcd.range = range;
    await using follower = new Follower(store);
    await follower.until(() => follower.troubles.length === 1);
    await clock.advance(200);
    await follower.until(() => follower.troubles.length === 2);
    expect(follower.results).toEqual([]);
    etcd.range = () => listing(10n, "a");
    await clock.advance(1_000);
    await follower.until(() => follower.state.has("a"));
  });

  test("is given up in time", async () => {
    etcd.range = () => "never";
    const call = store.snapshot().catch((error: unknown) => error);
    await etcd.ranged(1);
    await clock.advance(8_000);
    expect(await call).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      message: expect.stringContaining("no answer to KV/Range within 8 s"),
    });
  });

  test("a server that gives the same page again and again is caught", async () => {
    etcd.range = () => ({ ...listing(10n, "a"), more: true });
    await expect(store.snapshot()).rejects.toMatchObject({
      code: "ERR_STORE",
      message: expect.stringContaining("not in key order"),
    });
  });
});
