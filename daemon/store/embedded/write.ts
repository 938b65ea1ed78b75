// One write transaction: puts and deletions that share one main revision. Works inside the SQLite transaction of
// commit.ts; what it did becomes visible to others only when that commits.
import type { StoreDatabase } from "./database.ts";
import { refuse } from "./errors.ts";
import { isEmptyRange, type KeyRange, keyRange } from "./key-range.ts";
import { type Horizon, iterateRange, readKey, readRange } from "./read.ts";
import { FOREVER } from "./schema.ts";
import {
  type Bytes,
  DELETE,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type Event,
  type KeyValue,
  PUT,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
} from "./types.ts";

const NOTHING: Bytes = new Uint8Array(0);

const INSERT =
  "INSERT INTO history (key, revision, until, create_revision, version, lease, value) VALUES (?, ?, ?, ?, ?, ?, ?)";
const SUPERSEDE = `UPDATE history SET until = ? WHERE key = ? AND until = ${FOREVER}`;

export class WriteTransaction {
  /** What it changed, in the order of the changes. */
  readonly events: Event[] = [];
  readonly #db: StoreDatabase;
  readonly #base: Horizon;

  /** @param base the revisions before this transaction */
  constructor(db: StoreDatabase, base: Horizon) {
    this.#db = db;
    this.#base = base;
  }

  get db(): StoreDatabase {
    return this.#db;
  }

  /** The revisions before this transaction. */
  get base(): Horizon {
    return this.#base;
  }

  /** The revision that its changes get. */
  get next(): bigint {
    return this.#base.current + 1n;
  }

  /** The revision it has reached: the next one as soon as something was changed. */
  get revision(): bigint {
    return this.events.length > 0 ? this.next : this.#base.current;
  }

  /** Reads what the transaction has written as well. */
  range(request: RangeRequest): RangeResponse {
    return readRange(this.#db, request, { current: this.revision, compacted: this.#base.compacted });
  }

  /**
   * With `checkLease`: refuses what `put` could not do. Separate, so that a transaction is refused before it has changed
   * anything, and because etcd checks in another order there.
   * @throws RefusedError keyNotFound
   */
  checkKept({ key, ignoreValue, ignoreLease }: PutRequest): void {
    const isOldNeeded = ignoreValue === true || ignoreLease === true;
    if (isOldNeeded && readKey(this.#db, key) === undefined) refuse("keyNotFound");
  }

  /** @throws RefusedError leaseNotFound */
  checkLease({ lease = 0n }: PutRequest): void {
    if (lease !== 0n && !hasLease(this.#db, lease)) refuse("leaseNotFound");
  }

  /** Takes a request that has been checked, its form included (`checkPutForm`). */
  put(request: PutRequest): PutResponse {
    const old = readKey(this.#db, request.key);
    const kv: KeyValue = {
      key: request.key,
      createRevision: old?.createRevision ?? this.next,
      modRevision: this.next,
      version: (old?.version ?? 0n) + 1n,
      value: request.ignoreValue === true ? (old?.value ?? NOTHING) : (request.value ?? NOTHING),
      lease: request.ignoreLease === true ? (old?.lease ?? 0n) : (request.lease ?? 0n),
    };
    if (old !== undefined) this.#db.run(SUPERSEDE, this.next, kv.key);
    this.#db.run(INSERT, kv.key, this.next, FOREVER, kv.createRevision, kv.version, kv.lease, kv.value);
    this.#record(PUT, kv, old);
    const header = { revision: this.next };
    return request.prevKv === true && old !== undefined ? { header, prevKv: old } : { header };
  }

  deleteRange(request: DeleteRangeRequest): DeleteRangeResponse {
    if (request.key.length === 0) refuse("emptyKey");
    const gone = this.#deleteAll(keyRange(request.key, request.rangeEnd));
    return {
      header: { revision: this.revision },
      deleted: BigInt(gone.length),
      prevKvs: request.prevKv === true ? gone : [],
    };
  }

  /** Ends a lease: deletes its keys in key order and forgets it. */
  revoke(lease: bigint): void {
    if (this.#db.run("DELETE FROM leases WHERE id = ?", lease) === 0) refuse("leaseNotFound");
    for (const key of leaseKeys(this.#db, lease)) this.#delete(readKey(this.#db, key));
  }

  #deleteAll(range: KeyRange): KeyValue[] {
    if (isEmptyRange(range)) return [];
    const gone = [...iterateRange(this.#db, range)];
    for (const kv of gone) this.#delete(kv);
    return gone;
  }

  #delete(old: KeyValue | undefined): void {
    if (old === undefined) return;
    this.#db.run(SUPERSEDE, this.next, old.key);
    this.#db.run(INSERT, old.key, this.next, this.next + 1n, 0n, 0n, 0n, NOTHING);
    this.#record(DELETE, tombstone(old.key, this.next), old);
  }

  #record(type: number, kv: KeyValue, old: KeyValue | undefined): void {
    this.events.push(old === undefined ? { type, kv } : { type, kv, prevKv: old });
  }
}

/** The `kv` of a delete event. */
export function tombstone(key: Bytes, revision: bigint): KeyValue {
  return { key, createRevision: 0n, modRevision: revision, version: 0n, value: NOTHING, lease: 0n };
}

/** @throws RefusedError emptyKey, valueProvided, leaseProvided */
export function checkPutForm(request: PutRequest): void {
  if (request.key.length === 0) refuse("emptyKey");
  if (request.ignoreValue === true && (request.value?.length ?? 0) > 0) refuse("valueProvided");
  if (request.ignoreLease === true && (request.lease ?? 0n) !== 0n) refuse("leaseProvided");
}

export function hasLease(db: StoreDatabase, id: bigint): boolean {
  return db.row("SELECT 1 FROM leases WHERE id = ?", id) !== undefined;
}

/** The keys bound to a lease, in key order. */
export function leaseKeys(db: StoreDatabase, lease: bigint): Bytes[] {
  // The condition on 0 lets SQLite use the index of bound keys.
  const sql = `SELECT key FROM history WHERE lease = ? AND lease <> 0 AND until = ${FOREVER} ORDER BY key`;
  return db.rows<{ key: Bytes }>(sql, lease).map(({ key }) => key);
}
