// Group commit: one fsync for many writers, failures apart from each other, and what becomes of faults of the disk.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../../daemon/clock.ts";
import { type Change, CommitQueue } from "../../../daemon/store/embedded/commit.ts";
import { StoreDatabase } from "../../../daemon/store/embedded/database.ts";
import { refuse } from "../../../daemon/store/embedded/errors.ts";
import { bytes, freshDirectory, TemporaryStore } from "../../support/embedded.ts";

let directory: string;
let db: StoreDatabase;
let commits: (readonly Change[])[];
let faults: unknown[];
/** Statements that fail, and with what. */
let failing: Map<string, Error>;
let queue: CommitQueue;

beforeEach(() => {
  directory = freshDirectory();
  db = StoreDatabase.open(join(directory, "data"), systemRandom);
  commits = [];
  faults = [];
  failing = new Map();
  const run = db.run.bind(db);
  db.run = (sql, ...parameters) => {
    const error = failing.get(sql);
    if (error !== undefined) throw error;
    return run(sql, ...parameters);
  };
  const horizon = { current: 1n, compacted: -1n };
  queue = new CommitQueue(
    db,
    horizon,
    (changes) => commits.push(changes),
    (fault) => faults.push(fault),
  );
});

afterEach(() => {
  db.close();
  rmSync(directory, { recursive: true });
});

const put = (key: string) => queue.run((transaction) => transaction.put({ key: bytes(key) }).header.revision);
const keys = () =>
  db.rows<{ key: Uint8Array }>("SELECT key FROM history ORDER BY id").map(({ key }) => Buffer.from(key).toString());

/** As SQLite reports it. */
function sqliteError(errcode: number): Error {
  return Object.assign(new Error(`SQLite error ${errcode}`), { code: "ERR_SQLITE_ERROR", errcode });
}

test("writers that come together share one commit, each with a revision of its own", async () => {
  const revisions = await Promise.all(Array.from({ length: 100 }, (_, index) => put(`k${index}`)));
  expect(revisions).toEqual(Array.from({ length: 100 }, (_, index) => BigInt(index + 2)));
  expect(commits).toHaveLength(1);
  expect(commits[0]?.map(({ revision }) => revision)).toEqual(revisions);
  expect(db.meta("revision")).toBe(101n);
});

test("one that is refused takes nothing with it, and leaves nothing behind", async () => {
  const outcomes = await Promise.allSettled([
    put("a"),
    queue.run((transaction) => {
      transaction.put({ key: bytes("half") });
      return refuse("leaseNotFound");
    }),
    put("b"),
  ]);
  expect(outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.refusal))).toEqual([
    2n,
    "leaseNotFound",
    3n,
  ]);
  expect(keys()).toEqual(["a", "b"]);
});

test("a commit that changes nothing takes no revision and tells nobody", async () => {
  await queue.run((transaction) => transaction.deleteRange({ key: bytes("absent") }));
  expect(commits).toEqual([]);
  expect(await put("a")).toBe(2n);
});

test("stopping commits what is queued and refuses what comes later", async () => {
  const last = put("last");
  queue.stop();
  expect(await last).toBe(2n);
  await expect(put("late")).rejects.toMatchObject({ refusal: "stopped" });
});

describe("faults of the disk", () => {
  test("a full disk is an answer: nothing was written, and writing goes on when there is room", async () => {
    failing.set("COMMIT", sqliteError(13));
    await expect(Promise.allSettled([put("a"), put("b")])).resolves.toMatchObject([
      { reason: { refusal: "noSpace" } },
      { reason: { refusal: "noSpace" } },
    ]);
    failing.clear();
    expect(faults).toEqual([]);
    expect(await put("c")).toBe(2n);
    expect(keys()).toEqual(["c"]);
  });

  test.each([
    ["an fsync that failed", "COMMIT", 10],
    ["a damaged page", "SAVEPOINT job", 11],
  ])("after %s nothing is written or acknowledged any more", async (_, statement, code) => {
    const fault = sqliteError(code);
    failing.set(statement, fault);
    await expect(put("a")).rejects.toMatchObject({ refusal: "stopped" });
    failing.clear();
    await expect(put("b")).rejects.toMatchObject({ refusal: "stopped" });
    expect(faults).toEqual([fault]);
    expect(keys()).toEqual([]);
  });
});

test("a store that is full refuses puts, lets keys go, and takes puts again after compaction", async () => {
  await using temporary = new TemporaryStore({ quotaBytes: 300_000n });
  const { engine } = temporary;
  const large = { key: bytes("k"), value: bytes("x".repeat(100_000)) };
  let puts = 0;
  await expect(async () => {
    for (; puts < 10; puts++) await engine.put(large);
  }).rejects.toMatchObject({ refusal: "noSpace" });
  expect(puts).toBe(3);
  expect(engine.isFull).toBe(true);
  const success = [{ request: { case: "requestPut" as const, value: large } }];
  await expect(engine.txn({ compare: [], success, failure: [] })).rejects.toMatchObject({ refusal: "noSpace" });
  await engine.deleteRange({ key: bytes("k") });
  await engine.compact(engine.revision, true);
  expect(engine.isFull).toBe(false);
  await engine.put(large);
});
