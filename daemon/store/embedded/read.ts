// Reading keys: ranges at the newest or an older revision, with etcd's limit, filters, order and count
// (etcdserver/apply.go of etcd 3.4 says in which sequence they work on each other).
import type { StoreDatabase } from "./database.ts";
import { refuse } from "./errors.ts";
import { compareBytes, compareNumbers, isEmptyRange, type KeyRange, keyRange } from "./key-range.ts";
import { FOREVER } from "./schema.ts";
import { type Bytes, type KeyValue, type RangeRequest, type RangeResponse, SORT_ORDER, SORT_TARGET } from "./types.ts";

/** The revisions that can be read. */
export interface Horizon {
  /** Of the newest write, that of a transaction under way included. */
  readonly current: bigint;
  /** The oldest revision that can still be read. */
  readonly compacted: bigint;
}

/** Answers beyond this would take the process down with them; bytes of keys and values. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** A larger limit is none; one more than it must fit in an int64. */
const MAX_LIMIT = 1n << 40n;

const COLUMNS = "key, create_revision AS createRevision, revision AS modRevision, version, value, lease";
const COLUMNS_WITHOUT_VALUE = COLUMNS.replace("value", "x'' AS value");

const WHERE_KEY: Readonly<Record<KeyRange["kind"], string>> = {
  one: "key = ?",
  from: "key >= ?",
  bounded: "key >= ? AND key < ?",
};
/** The literal lets SQLite use the index of current versions. */
const WHERE_CURRENT = `until = ${FOREVER}`;
const WHERE_PAST = "revision <= ? AND until > ? AND version > 0";

function condition(
  range: KeyRange,
  revision: bigint | undefined,
): { readonly where: string; readonly values: (Bytes | bigint)[] } {
  const keys = range.kind === "bounded" ? [range.from, range.end] : [range.from];
  if (revision === undefined) return { where: `${WHERE_KEY[range.kind]} AND ${WHERE_CURRENT}`, values: keys };
  return { where: `${WHERE_KEY[range.kind]} AND ${WHERE_PAST}`, values: [...keys, revision, revision] };
}

/** The newest version of one key, or undefined when it does not exist. */
export function readKey(db: StoreDatabase, key: Bytes): KeyValue | undefined {
  return db.row(`SELECT ${COLUMNS} FROM history WHERE key = ? AND ${WHERE_CURRENT}`, key) as KeyValue | undefined;
}

/** The newest versions of a range in key order, one by one; the caller may stop at any of them. */
export function iterateRange(db: StoreDatabase, range: KeyRange): IterableIterator<KeyValue> {
  const { where, values } = condition(range, undefined);
  return db.iterate<KeyValue>(`SELECT ${COLUMNS} FROM history WHERE ${where} ORDER BY key`, ...values);
}

export function countRange(db: StoreDatabase, range: KeyRange, revision?: bigint): bigint {
  const { where, values } = condition(range, revision);
  return db.row(`SELECT count(*) AS n FROM history WHERE ${where}`, ...values)?.["n"] as bigint;
}

/** The key's version that held just before `revision`, unless compaction has removed it. */
export function readBefore(db: StoreDatabase, key: Bytes, revision: bigint): KeyValue | undefined {
  const sql = `SELECT ${COLUMNS} FROM history WHERE key = ? AND revision < ? AND until = ? AND version > 0`;
  return db.row(sql, key, revision, revision) as KeyValue | undefined;
}

/** @throws RefusedError compacted, futureRevision */
export function checkRevision(revision: bigint, horizon: Horizon): void {
  if (revision <= 0n) return;
  if (revision > horizon.current) refuse("futureRevision");
  if (revision < horizon.compacted) refuse("compacted");
}

/** @throws RefusedError emptyKey, compacted, futureRevision, responseTooLarge */
export function readRange(db: StoreDatabase, request: RangeRequest, horizon: Horizon): RangeResponse {
  if (request.key.length === 0) refuse("emptyKey");
  const { limit = 0n, revision = 0n, sortOrder = 0, sortTarget = 0 } = request;
  checkRevision(revision, horizon);
  const range = keyRange(request.key, request.rangeEnd);
  const header = { revision: horizon.current };
  if (isEmptyRange(range)) return { header, kvs: [], more: false, count: 0n };
  const at = revision > 0n && revision < horizon.current ? revision : undefined;
  if (request.countOnly === true) return { header, kvs: [], more: false, count: countRange(db, range, at) };

  const isPlain = sortOrder === SORT_ORDER.NONE && !hasFilter(request);
  const wanted = isPlain && limit > 0n && limit < MAX_LIMIT ? limit + 1n : -1n;
  const isWithoutValues = request.keysOnly === true && sortTarget !== SORT_TARGET.VALUE;
  const found = fetch(db, range, at, wanted, isWithoutValues);
  // With a limit that cut nothing off, and without one, all keys of the range are here.
  const isWhole = wanted < 0n || BigInt(found.length) < wanted;
  const count = isWhole ? BigInt(found.length) : countRange(db, range, at);
  let kvs = found.filter((kv) => passes(kv, request));
  if (sortTarget !== SORT_TARGET.KEY || sortOrder === SORT_ORDER.DESCEND) kvs = sort(kvs, sortTarget, sortOrder);
  const more = limit > 0n && BigInt(kvs.length) > limit;
  if (more) kvs.length = Number(limit);
  if (request.keysOnly === true) for (const kv of kvs) kv.value = new Uint8Array(0);
  return { header, kvs, more, count };
}

function fetch(
  db: StoreDatabase,
  range: KeyRange,
  revision: bigint | undefined,
  limit: bigint,
  isWithoutValues: boolean,
): KeyValue[] {
  const { where, values } = condition(range, revision);
  const columns = isWithoutValues ? COLUMNS_WITHOUT_VALUE : COLUMNS;
  const sql = `SELECT ${columns} FROM history WHERE ${where} ORDER BY key LIMIT ?`;
  const kvs: KeyValue[] = [];
  let bytes = 0;
  for (const kv of db.iterate<KeyValue>(sql, ...values, limit)) {
    bytes += kv.key.length + kv.value.length;
    if (bytes > MAX_ANSWER_BYTES) refuse("responseTooLarge");
    kvs.push(kv);
  }
  return kvs;
}

function hasFilter(request: RangeRequest): boolean {
  return [request.minModRevision, request.maxModRevision, request.minCreateRevision, request.maxCreateRevision].some(
    (bound) => bound !== undefined && bound !== 0n,
  );
}

/** 0n is no bound. */
function isWithin(value: bigint, min = 0n, max = 0n): boolean {
  return (min === 0n || value >= min) && (max === 0n || value <= max);
}

function passes(kv: KeyValue, request: RangeRequest): boolean {
  return (
    isWithin(kv.modRevision, request.minModRevision, request.maxModRevision) &&
    isWithin(kv.createRevision, request.minCreateRevision, request.maxCreateRevision)
  );
}

function sort(kvs: KeyValue[], target: number, order: number): KeyValue[] {
  const compare = (a: KeyValue, b: KeyValue): number => {
    if (target === SORT_TARGET.VERSION) return compareNumbers(a.version, b.version);
    if (target === SORT_TARGET.CREATE) return compareNumbers(a.createRevision, b.createRevision);
    if (target === SORT_TARGET.MOD) return compareNumbers(a.modRevision, b.modRevision);
    return target === SORT_TARGET.VALUE ? compareBytes(a.value, b.value) : compareBytes(a.key, b.key);
  };
  return kvs.toSorted(order === SORT_ORDER.DESCEND ? (a, b) => compare(b, a) : compare);
}
