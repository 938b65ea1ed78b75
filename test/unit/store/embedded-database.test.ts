// The embedded store's directory: modes, the lock, and what is said about a directory or a database that cannot be used.
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEmbeddedStore } from "../../../daemon/store/embedded/open.ts";
import { bytes, contents, freshDirectory } from "../../support/embedded.ts";

let directory: string;
let dataDir: string;

beforeEach(() => {
  directory = freshDirectory();
  dataDir = join(directory, "a", "data");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);

/** A store with many rows, closed. */
async function fill(): Promise<string> {
  const store = openEmbeddedStore({ dataDir });
  await Promise.all(
    Array.from({ length: 2000 }, (_, index) =>
      store.engine.put({ key: bytes(`key-${index}`), value: bytes("x".repeat(100)) }),
    ),
  );
  await store.close();
  return join(dataDir, "store.db");
}

test("the directory and its files are private, whatever the umask and the directory that was there", async () => {
  mkdirSync(dataDir, { recursive: true });
  chmodSync(dataDir, 0o755);
  const before = process.umask(0);
  try {
    const store = openEmbeddedStore({ dataDir });
    await store.engine.put({ key: bytes("k") });
    expect(mode(dataDir)).toBe("700");
    expect(readdirSync(dataDir).toSorted()).toEqual(["owner.json", "store.db", "store.db-wal"]);
    for (const name of readdirSync(dataDir)) expect(mode(join(dataDir, name))).toBe("600");
    await store.close();
    expect(readdirSync(dataDir)).toEqual(["store.db"]);
  } finally {
    process.umask(before);
  }
});

test("identity stays, and starts are counted", async () => {
  const first = openEmbeddedStore({ dataDir });
  const { identity } = first.engine;
  await first.close();
  const second = openEmbeddedStore({ dataDir });
  expect(second.engine.identity).toEqual({ ...identity, raftTerm: identity.raftTerm + 1n });
  await second.close();
});

test("a second store on the directory is refused, and told who has it", async () => {
  const store = openEmbeddedStore({ dataDir });
  const listener = await store.listen({ host: "127.0.0.1", port: 0 });
  await store.engine.put({ key: bytes("k"), value: bytes("v") });
  expect(() => openEmbeddedStore({ dataDir })).toThrow(
    expect.objectContaining({
      code: "ERR_STORE_LOCKED",
      message: expect.stringMatching(
        new RegExp(`${dataDir} is in use by process ${process.pid} \\(since .*, listening on ${listener.endpoint}\\)`),
      ) as string,
    }) as Error,
  );
  // The attempt has not broken the lock or the database.
  expect(() => openEmbeddedStore({ dataDir })).toThrow("is in use by");
  expect(contents(store.engine)).toEqual(["k=v@2"]);
  await store.close();
  await openEmbeddedStore({ dataDir }).close();
});

describe("what is no store is refused and left as it is", () => {
  test("a directory with something else in it", () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o755 });
    writeFileSync(join(dataDir, "precious"), "text");
    expect(() => openEmbeddedStore({ dataDir })).toThrow(/neither empty nor the directory of a store/);
    expect(readdirSync(dataDir)).toEqual(["precious"]);
    expect(mode(dataDir)).toBe("755");
  });

  test("a file where the directory should be", () => {
    writeFileSync(join(directory, "file"), "");
    expect(() => openEmbeddedStore({ dataDir: join(directory, "file") })).toThrow(/cannot use the store's directory/);
  });

  test("a database of something else", () => {
    mkdirSync(dataDir, { recursive: true });
    using db = new DatabaseSync(join(dataDir, "store.db"));
    db.exec("CREATE TABLE songs (name TEXT); INSERT INTO songs VALUES ('one')");
    db.close();
    expect(() => openEmbeddedStore({ dataDir })).toThrow(
      expect.objectContaining({
        code: "ERR_STORE_CORRUPT",
        message: expect.stringContaining("not one of a Loden") as string,
      }) as Error,
    );
  });

  test("a store of a later version", async () => {
    const file = await fill();
    using db = new DatabaseSync(file);
    db.exec("PRAGMA user_version = 2");
    db.close();
    expect(() => openEmbeddedStore({ dataDir })).toThrow(/its format is 2, this version of Loden reads 1/);
  });
});

describe("a damaged database is ERR_STORE_CORRUPT, with advice", () => {
  const corrupt = expect.objectContaining({
    code: "ERR_STORE_CORRUPT",
    message: expect.stringMatching(/store\.db is damaged .*Put back a copy .* start with an empty one/s) as string,
  }) as Error;

  test("when it is text", () => {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(join(dataDir, "store.db"), "this is not a database. ".repeat(1000));
    expect(() => openEmbeddedStore({ dataDir })).toThrow(corrupt);
  });

  test("when half of it is missing", async () => {
    const file = await fill();
    truncateSync(file, Math.floor(statSync(file).size / 2 / 4096) * 4096);
    expect(() => openEmbeddedStore({ dataDir })).toThrow(corrupt);
  });

  test("when pages in the middle are overwritten", async () => {
    const file = await fill();
    const content = readFileSync(file);
    content.fill(0xa5, 4096 * 3, 4096 * 20);
    writeFileSync(file, content);
    expect(() => openEmbeddedStore({ dataDir })).toThrow(corrupt);
  });

  test("when its first page is overwritten", async () => {
    const file = await fill();
    const content = readFileSync(file);
    content.fill(0, 0, 4096);
    writeFileSync(file, content);
    expect(() => openEmbeddedStore({ dataDir })).toThrow(corrupt);
  });
});

test("what a crash cut off in the write-ahead log is as if it had not been sent", async () => {
  const store = openEmbeddedStore({ dataDir });
  for (let index = 0; index < 20; index++) await store.engine.put({ key: bytes("k"), value: bytes(String(index)) });
  const copy = join(directory, "copy");
  mkdirSync(copy, { mode: 0o700 });
  const log = readFileSync(join(dataDir, "store.db-wal"));
  writeFileSync(join(copy, "store.db"), readFileSync(join(dataDir, "store.db")));
  writeFileSync(join(copy, "store.db-wal"), log.subarray(0, log.length - 5000));
  await store.close();
  const after = openEmbeddedStore({ dataDir: copy });
  const [record = ""] = contents(after.engine);
  const [, value, revision] = /^k=(\d+)@(\d+)$/.exec(record) ?? [];
  expect(Number(value)).toBeLessThan(19);
  expect(Number(revision)).toBe(Number(value) + 2);
  expect(after.engine.revision).toBe(BigInt(revision ?? 0));
  await after.close();
});
