// The SubnetStore port: what the fabric asks of the shared store. One network's configuration and leases, as text under
// keys; what the text means is lease/'s business. Every write of a lease is a compare-and-swap on its mod revision.
// Implementations: memory.ts, etcd/ (which also speaks to the embedded store). All pass test/compliance/store.

/**
 * One stored record. Lease keys are relative: `10.5.1.0-24` stands for `<prefix>/subnets/10.5.1.0-24`. Left out, as if
 * they did not exist, are records that can be no lease and whose key would be taken for another: a key that is not
 * UTF-8, an empty one, and `config` below subnets/.
 */
export interface Entry {
  readonly key: string;
  /** Bytes that are not UTF-8 read as U+FFFD. */
  readonly value: string;
  readonly modRevision: bigint;
  readonly createRevision: bigint;
  /** The store's lease that bounds the record's life, 0n for a record without end (a reservation). */
  readonly lease: bigint;
}

/**
 * That a subnet was given back or its lease ended, kept for a day so that others come first when a subnet is chosen
 * (spec/kv.md). No lease record, and not under subnets/.
 */
export interface ReleaseMark {
  /** Of the lease record that went. */
  readonly key: string;
  /** Of the mark itself: of two subnets the one with the lower was released before the other. */
  readonly modRevision: bigint;
}

/** How long a release mark lives, in seconds: as long as a lease that nobody renews does in flannel. */
export const RELEASE_MARK_SECONDS = 86_400;

/** All there is at one revision, from one request. */
export interface Snapshot {
  readonly type: "snapshot";
  readonly revision: bigint;
  /** The network configuration, absent when the key does not exist. Its key is "config". */
  readonly config: Entry | undefined;
  /** The records under subnets/, in the order of their keys' bytes. */
  readonly entries: readonly Entry[];
  /** The release marks, the longest ago first; absent when there are none. */
  readonly released?: readonly ReleaseMark[];
  /**
   * On a watch: the store is another copy than the one told of before, as after a backup was restored. What is absent was
   * perhaps never in that copy, and has not been seen to be deleted.
   */
  readonly restored?: true;
}

export type StoreEvent =
  | { readonly type: "put"; readonly entry: Entry }
  | { readonly type: "delete"; readonly key: string; readonly modRevision: bigint };

/** What changed up to and including `revision`, in revision order. `key` "config" tells of the configuration. */
export interface Events {
  readonly type: "events";
  readonly revision: bigint;
  readonly events: readonly StoreEvent[];
  /** Release marks that were written; absent when there were none. */
  readonly released?: readonly ReleaseMark[];
}

export type WatchResult = Snapshot | Events;

export type WriteResult =
  | { readonly ok: true; readonly entry: Entry }
  /** The record was not as expected: what is there now, or undefined when nothing is. Nothing was written. */
  | { readonly ok: false; readonly current: Entry | undefined };

export interface PutOptions {
  /** Mod revision the record must have; 0n when it must not exist. */
  readonly expect: bigint;
  /**
   * Life in whole seconds for a fresh store lease; `undefined` for a record without end; or the id of a store lease
   * held already (0n for none), to keep its life as it is. A store may lengthen a very short life (etcd: to 2 s). When
   * the lease of that id is gone, nothing is written and the put rejects with ERR_STORE, fields.reason "lease-not-found".
   */
  readonly ttl: number | bigint | undefined;
}

export type DeleteResult =
  | { readonly ok: true }
  /** The record was not as expected: what is there now, or undefined when nothing is. Nothing was deleted. */
  | { readonly ok: false; readonly current: Entry | undefined };

/**
 * Every method rejects with a LodenError: ERR_STORE_UNAVAILABLE when no endpoint answers in time, ERR_STORE_AUTH,
 * ERR_STORE_FULL, ERR_STORE; or with the reason of `signal` when that aborts. A rejected write may or may not have
 * happened: read before writing again. A failed read never returns an empty result.
 */
export interface SubnetStore {
  /** For logs and errors: the endpoints or "memory". Never holds credentials. */
  readonly name: string;
  /** Configuration and leases in one request, whatever their number. */
  snapshot(signal?: AbortSignal): Promise<Snapshot>;
  put(key: string, value: string, options: PutOptions, signal?: AbortSignal): Promise<WriteResult>;
  /** Writes the network configuration, for tools and demos; unconditional. */
  putConfig(value: string, signal?: AbortSignal): Promise<void>;
  /** Deletes the record when its mod revision is `expect` (0n: succeeds when there is none). */
  delete(key: string, expect: bigint, signal?: AbortSignal): Promise<DeleteResult>;
  /**
   * Leaves a mark that the record of that key has gone, unless the record is there again or a mark is that is no older than
   * `after`, the last mod revision that the record is known to have had. Resolves to whether it was written.
   */
  markReleased(key: string, after: bigint, signal?: AbortSignal): Promise<boolean>;
  /** Renews a store lease for its whole life. Resolves to the seconds left; 0 or less says that it is gone. */
  keepAlive(lease: bigint, signal?: AbortSignal): Promise<number>;
  /** Whole seconds a store lease has left (0: less than one; below: it is gone) and the life it was granted. */
  timeToLive(lease: bigint, signal?: AbortSignal): Promise<{ readonly ttl: number; readonly granted: number }>;
  /** Ends a store lease and deletes the records bound to it. Succeeds when it is gone already. */
  revoke(lease: bigint, signal?: AbortSignal): Promise<void>;
  /**
   * The state, for ever: a snapshot first, then events that add up to it, and a new snapshot whenever events may have
   * been missed (compaction, a store restored from an older copy, a consumer that fell far behind). Reconnects by itself
   * and reports each failure to `onTrouble`; ends only when `signal` aborts or the consumer leaves the loop.
   */
  watch(options: WatchOptions): AsyncIterable<WatchResult>;
  /**
   * This host has another address now: connections made from the old one are dead, which nobody would tell for a long
   * time, and are given up. Calls under way may fail. Absent where there are none.
   */
  reconnect?(): void;
  close(): Promise<void>;
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Told of every failure that the watch recovers from by itself, and (undefined) of the recovery. */
  readonly onTrouble?: (error: Error | undefined) => void;
}
