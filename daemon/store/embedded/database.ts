// The SQLite database of the store: opened under an exclusive lock, checked, and its statements kept prepared. A write
// that was committed is on the disk (WAL with synchronous=FULL), so that what is acknowledged survives kill -9 and loss
// of power; https://www.sqlite.org/wal.html and https://www.sqlite.org/pragma.html.
import { statSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { errorText, LodenError } from "#spec/errors";
import type { Random } from "../../clock.ts";
import { DATABASE_NAME, lockedError, prepareDataDir } from "./data-dir.ts";
import { corruptError, isCorrupt, isLocked } from "./errors.ts";
import { APPLICATION_ID, createSchema, type MetaName, SCHEMA_VERSION } from "./schema.ts";

/** A killed predecessor may hold the lock for a moment while the kernel takes it apart; milliseconds. */
const LOCK_WAIT = 500;

/** Larger databases are not read through at start: it would take seconds. SQLite notices damage where it reads. */
const CHECKED_BYTES = 256 * 1024 * 1024;

/** The write-ahead log is cut back to this size after a checkpoint, whatever it grew to. */
const WAL_BYTES = 16 * 1024 * 1024;

const PRAGMAS = `
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA synchronous = FULL;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -32768;
PRAGMA journal_size_limit = ${WAL_BYTES};
`;

export class StoreDatabase {
  readonly file: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(file: string, db: DatabaseSync) {
    this.file = file;
    this.#db = db;
  }

  /**
   * Opens or makes the database in `dir` and counts this start (`raft_term`).
   * @throws LodenError ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE
   */
  static open(dir: string, random: Random): StoreDatabase {
    prepareDataDir(dir);
    const file = path.join(dir, DATABASE_NAME);
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(file, { timeout: LOCK_WAIT });
      db.exec(PRAGMAS);
      const { journal_mode: mode } = db.prepare("PRAGMA journal_mode = WAL").get() ?? {};
      if (mode !== "wal")
        throw new Error(`the file system allows only the journal mode ${String(mode)}, WAL is needed`);
      check(db, file, random);
      const opened = new StoreDatabase(file, db);
      opened.setMeta("raft_term", opened.meta("raft_term") + 1n);
      return opened;
    } catch (cause) {
      db?.close();
      if (cause instanceof LodenError) throw cause;
      if (isLocked(cause)) throw lockedError(dir, cause);
      if (isCorrupt(cause)) throw corruptError(file, errorText(cause), cause);
      throw new LodenError("ERR_STORE", `cannot open the store's database ${file}: ${errorText(cause)}`, {
        cause,
        fields: { file },
      });
    }
  }

  /** All rows. Integers are bigint. The caller names their type: it follows from the columns of `sql`. */
  rows<Row>(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...parameters) as Row[];
  }

  /** The first row or undefined. */
  row(sql: string, ...parameters: SQLInputValue[]): Readonly<Record<string, SQLOutputValue>> | undefined {
    return this.#prepare(sql).get(...parameters);
  }

  /** Rows one by one. The same statement must not be used again before the iteration has ended. */
  iterate<Row>(sql: string, ...parameters: SQLInputValue[]): IterableIterator<Row> {
    return this.#prepare(sql).iterate(...parameters) as IterableIterator<Row>;
  }

  /** @returns the number of rows changed */
  run(sql: string, ...parameters: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...parameters).changes);
  }

  /** False outside of BEGIN and COMMIT, and after SQLite has rolled a transaction back by itself. */
  get isInTransaction(): boolean {
    return this.#db.isTransaction;
  }

  meta(name: MetaName): bigint {
    const value = this.row("SELECT value FROM meta WHERE name = ?", name)?.["value"];
    if (typeof value !== "bigint") throw corruptError(this.file, `its table meta has no ${name}`);
    return value;
  }

  setMeta(name: MetaName, value: bigint): void {
    this.run("UPDATE meta SET value = ? WHERE name = ?", value, name);
  }

  /** Bytes of the database, and of those the ones that hold data. */
  size(): { readonly total: bigint; readonly inUse: bigint } {
    const pragma = (name: string): bigint => BigInt(Number(this.row(`PRAGMA ${name}`)?.[name]));
    const page = pragma("page_size");
    const pages = pragma("page_count");
    return { total: page * pages, inUse: page * (pages - pragma("freelist_count")) };
  }

  /** Writes the database anew without the room that deleted rows left. Takes as long as copying it. */
  defragment(): void {
    this.#db.exec("VACUUM");
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      statement.setReadBigInts(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Makes the tables in a new file; else holds the file against what this version of Loden can read. */
function check(db: DatabaseSync, file: string, random: Random): void {
  const pragma = (name: string): unknown => db.prepare(`PRAGMA ${name}`).get()?.[name];
  const { tables } = db.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() ?? {};
  if (tables === 0 && pragma("application_id") === 0) {
    createSchema(db, {
      revision: 1n,
      // etcd's: so that a first compaction at 0 is none that was done before.
      compacted: -1n,
      raft_term: 1n,
      cluster_id: randomId(random),
      member_id: randomId(random),
    });
    return;
  }
  if (pragma("application_id") !== APPLICATION_ID) {
    throw corruptError(file, "it is an SQLite database, but not one of a Loden store");
  }
  const version = pragma("user_version");
  if (version !== SCHEMA_VERSION) {
    throw corruptError(file, `its format is ${String(version)}, this version of Loden reads ${SCHEMA_VERSION}`);
  }
  if (statSync(file).size > CHECKED_BYTES) return;
  const { quick_check: verdict } = db.prepare("PRAGMA quick_check(1)").get() ?? {};
  if (verdict !== "ok") throw corruptError(file, String(verdict));
}

/** 63 random bits, not zero: ids are int64 on disk and in leases. */
export function randomId(random: Random): bigint {
  const part = (bits: number): bigint => BigInt(Math.floor(random.next() * 2 ** bits));
  return ((part(31) << 32n) | part(32)) + 1n;
}
