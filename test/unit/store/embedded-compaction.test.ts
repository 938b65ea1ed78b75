// Compaction of the embedded store: what can be read afterwards, what leaves the disk, and what is compacted unasked.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, test } from "vitest";
import type { AutoCompaction } from "../../../daemon/store/embedded/compaction.ts";
import { bytes, contents, TemporaryStore } from "../../support/embedded.ts";

let temporary: TemporaryStore;

afterEach(async () => {
  await temporary[Symbol.asyncDispose]();
});

function open(autoCompaction?: AutoCompaction): void {
  temporary = new TemporaryStore(autoCompaction === undefined ? {} : { autoCompaction });
}

const put = async (key: string, value: string): Promise<void> => {
  await temporary.engine.put({ key: bytes(key), value: bytes(value) });
};

/** Rows of history on the disk, of the closed store. */
async function rowsOnDisk(): Promise<number> {
  await temporary.store.close();
  using db = new DatabaseSync(join(temporary.dataDir, "store.db"), { readOnly: true });
  const { n } = db.prepare("SELECT count(*) AS n FROM history").get() ?? {};
  return Number(n);
}

describe("on request", () => {
  test("keeps what held at the revision and later, and nothing else", async () => {
    open();
    for (const value of ["1", "2", "3", "4"]) await put("changed", value);
    await put("gone", "x");
    await temporary.engine.deleteRange({ key: bytes("gone") });
    await put("kept", "x");
    await put("changed", "5");
    await temporary.engine.compact(8n, true);
    expect(contents(temporary.engine)).toEqual(["changed=5@9", "kept=x@8"]);
    const at8 = temporary.engine.range({ key: bytes("changed"), revision: 8n });
    expect(at8.kvs.map(({ modRevision }) => modRevision)).toEqual([5n]);
    expect(() => temporary.engine.range({ key: bytes("changed"), revision: 7n })).toThrow(
      "etcdserver: mvcc: required revision has been compacted",
    );
    expect(await rowsOnDisk()).toBe(3);
  });

  test("each revision once, none ahead", async () => {
    open();
    await put("k", "1");
    const { engine } = temporary;
    await expect(engine.compact(3n)).rejects.toMatchObject({ refusal: "futureRevision" });
    await engine.compact(2n);
    await expect(engine.compact(2n)).rejects.toMatchObject({ refusal: "compacted" });
    await put("k", "2");
    await put("k", "3");
    // Both in one commit: the lower one comes too late.
    const [high, low] = await Promise.allSettled([engine.compact(4n), engine.compact(3n)]);
    expect([high.status, low.status]).toEqual(["fulfilled", "rejected"]);
    expect(engine.compacted).toBe(4n);
  });

  test("of much history goes on beside other work, and after a restart", async () => {
    open();
    await Promise.all(Array.from({ length: 5000 }, (_, index) => put("k", String(index))));
    await temporary.engine.compact(5001n);
    // A crash right after the answer: the rows are on the disk still.
    await temporary.crash();
    expect(temporary.engine.compacted).toBe(5001n);
    // The removal of the new process comes before in the queue.
    for (let portion = 0; portion < 8; portion++) await put("other", "x");
    expect(await rowsOnDisk()).toBeLessThan(20);
  });
});

describe("by itself", () => {
  test("keeps the changes of the time that was set", async () => {
    open({ mode: "periodic", retention: 600_000 });
    for (let minute = 0; minute < 30; minute++) {
      await put("k", String(minute));
      await temporary.clock.advance(60_000);
      await put("settle", "x");
    }
    // Two changes a minute: what is older than ten minutes is gone, what is younger is there.
    const { compacted, revision } = temporary.engine;
    expect(Number(revision - compacted)).toBeGreaterThanOrEqual(20);
    expect(Number(revision - compacted)).toBeLessThanOrEqual(24);
  });

  test("keeps the number of revisions that was set", async () => {
    open({ mode: "revision", retention: 100 });
    await Promise.all(Array.from({ length: 300 }, (_, index) => put("k", String(index))));
    expect(temporary.engine.compacted).toBe(-1n);
    await temporary.clock.advance(300_000);
    await put("settle", "x");
    expect(temporary.engine.compacted).toBe(201n);
  });

  test("does nothing when it is switched off, or when nothing happens", async () => {
    open({ mode: "periodic", retention: 0 });
    await put("k", "1");
    await temporary.clock.advance(100_000_000);
    expect(temporary.engine.compacted).toBe(-1n);
  });
});

test("defragmentation gives room back and changes nothing", async () => {
  open();
  await Promise.all(Array.from({ length: 500 }, (_, index) => put(`k${index}`, "x".repeat(5000))));
  await temporary.engine.deleteRange({ key: bytes("k1"), rangeEnd: bytes("z") });
  await temporary.engine.compact(temporary.engine.revision, true);
  const before = temporary.engine.size();
  expect(before.total - before.inUse).toBeGreaterThan(1_000_000n);
  temporary.engine.defragment();
  const after = temporary.engine.size();
  expect(after.total).toBeLessThan(before.total / 2n);
  expect(contents(temporary.engine)).toHaveLength(1);
});
