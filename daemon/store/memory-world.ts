// A key-value store in memory that behaves as etcd does (etcd's "API guarantees" and KV, lease and watch semantics):
// one revision counter, mod and create revisions, leases that end by the clock, compaction, a history to watch from,
// and being restored from an older copy. It is the world that tests and the simulator share between many clients; it
// knows nothing of chance and takes its time from the clock it is given, so that a run can be repeated.
import { LodenError } from "#spec/errors";
import type { Clock } from "../clock.ts";

export interface MemoryRecord {
  readonly key: string;
  readonly value: string;
  readonly modRevision: bigint;
  readonly createRevision: bigint;
  readonly lease: bigint;
}

/** What one revision changed: each key with its new record, or undefined when it was deleted. */
export interface MemoryChange {
  readonly revision: bigint;
  readonly keys: readonly { readonly key: string; readonly record: MemoryRecord | undefined }[];
}

interface MemoryLease {
  readonly granted: number;
  /** On the monotonic clock, in milliseconds. */
  deadline: number;
  readonly keys: Set<string>;
}

/** A copy of the world's state, to go back to as an administrator does with a backup. */
export interface MemoryCopy {
  readonly revision: bigint;
  readonly records: ReadonlyMap<string, MemoryRecord>;
  readonly leases: ReadonlyMap<bigint, number>;
}

const SECOND = 1_000;
/** The longest life etcd grants, in seconds. */
const MAX_TTL = 9_000_000_000;

export class MemoryWorld {
  readonly clock: Clock;
  #records = new Map<string, MemoryRecord>();
  #leases = new Map<bigint, MemoryLease>();
  #history: MemoryChange[] = [];
  #revision = 1n;
  #compacted = 0n;
  #copy = 1;
  #nextLease = 1n;
  #listeners = new Set<() => void>();
  /** The last listing by prefix: many clients ask for the same one. */
  readonly #listed = new Map<string, { revision: bigint; copy: number; records: MemoryRecord[] }>();
  #alarm: { readonly at: number; readonly stop: AbortController } | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get revision(): bigint {
    this.#expire();
    return this.#revision;
  }

  /** The revision up to which history is gone. */
  get compacted(): bigint {
    return this.#compacted;
  }

  /** Which copy of the data this is: grows with each restore, as etcd's cluster id changes. */
  get copy(): number {
    return this.#copy;
  }

  /** Store leases alive. */
  get leases(): number {
    this.#expire();
    return this.#leases.size;
  }

  get(key: string): MemoryRecord | undefined {
    this.#expire();
    return this.#records.get(key);
  }

  /** All records whose key starts with `prefix`, in the order of the keys' UTF-8 bytes. */
  list(prefix: string): readonly MemoryRecord[] {
    this.#expire();
    const last = this.#listed.get(prefix);
    if (last?.revision === this.#revision && last.copy === this.#copy) return last.records;
    const records = [...this.#records.values()]
      .filter((record) => record.key.startsWith(prefix))
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    this.#listed.set(prefix, { revision: this.#revision, copy: this.#copy, records });
    return records;
  }

  /** Writes a record. Throws ERR_STORE with reason "lease-not-found" when there is no such lease. */
  put(key: string, value: string, lease = 0n): MemoryRecord {
    this.#expire();
    const owner = this.#leases.get(lease);
    if (lease !== 0n && owner === undefined) throw leaseNotFound(lease);
    const before = this.#records.get(key);
    if (before !== undefined) this.#leases.get(before.lease)?.keys.delete(key);
    owner?.keys.add(key);
    const revision = this.#revision + 1n;
    const record: MemoryRecord = {
      key,
      value: value.toWellFormed(),
      modRevision: revision,
      createRevision: before?.createRevision ?? revision,
      lease,
    };
    this.#commit([{ key, record }]);
    return record;
  }

  /** Deletes records at one revision; those that do not exist do not count. Without any the revision stays. */
  delete(...keys: readonly string[]): void {
    this.#expire();
    this.#drop(keys);
  }

  grant(ttl: number): bigint {
    if (!Number.isSafeInteger(ttl) || ttl <= 0 || ttl > MAX_TTL) {
      throw new LodenError("ERR_INTERNAL", `ttl ${ttl} is not a life in whole seconds`);
    }
    this.#expire();
    const id = this.#nextLease++;
    this.#leases.set(id, { granted: ttl, deadline: this.clock.monotonic() + ttl * SECOND, keys: new Set() });
    this.#arm();
    return id;
  }

  /** Seconds of life after the renewal, 0 when the lease is gone. */
  keepAlive(id: bigint): number {
    this.#expire();
    const lease = this.#leases.get(id);
    if (lease === undefined) return 0;
    lease.deadline = this.clock.monotonic() + lease.granted * SECOND;
    return lease.granted;
  }

  timeToLive(id: bigint): { ttl: number; granted: number } {
    this.#expire();
    const lease = this.#leases.get(id);
    if (lease === undefined) return { ttl: -1, granted: 0 };
    return { ttl: Math.floor((lease.deadline - this.clock.monotonic()) / SECOND), granted: lease.granted };
  }

  revoke(id: bigint): void {
    this.#expire();
    const lease = this.#leases.get(id);
    this.#leases.delete(id);
    if (lease !== undefined) this.#drop([...lease.keys].toSorted());
  }

  /** Forgets the history up to `revision`: who has not seen it can only take a snapshot. */
  compact(revision: bigint = this.revision): void {
    if (revision <= this.#compacted || revision > this.#revision) return;
    this.#compacted = revision;
    this.#history = this.#history.filter((change) => change.revision > revision);
    this.#tell();
  }

  /** What happened after `revision`, oldest first; undefined when part of it has been compacted. */
  since(revision: bigint): readonly MemoryChange[] | undefined {
    this.#expire();
    if (revision < this.#compacted) return undefined;
    const first = this.#history.findLastIndex((change) => change.revision <= revision) + 1;
    return this.#history.slice(first);
  }

  copyOut(): MemoryCopy {
    this.#expire();
    const leases = new Map([...this.#leases].map(([id, lease]) => [id, lease.granted]));
    return { revision: this.#revision, records: new Map(this.#records), leases };
  }

  /** Goes back to a copy. Leases start their whole life again, and the history before it is gone, as after etcd's restore. */
  restore(copy: MemoryCopy): void {
    const now = this.clock.monotonic();
    this.#records = new Map(copy.records);
    this.#revision = copy.revision;
    this.#compacted = copy.revision;
    this.#history = [];
    this.#copy += 1;
    this.#leases = new Map(
      [...copy.leases].map(([id, granted]) => [id, { granted, deadline: now + granted * SECOND, keys: new Set() }]),
    );
    for (const record of this.#records.values()) this.#leases.get(record.lease)?.keys.add(record.key);
    this.#arm();
    this.#tell();
  }

  /** Calls `listener` after each change of records, history or copy. Returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the timer of the leases; the world can still be read. */
  close(): void {
    this.#alarm?.stop.abort();
    this.#alarm = undefined;
  }

  #commit(keys: MemoryChange["keys"]): void {
    this.#revision += 1n;
    for (const { key, record } of keys) {
      if (record === undefined) this.#records.delete(key);
      else this.#records.set(key, record);
    }
    this.#history.push({ revision: this.#revision, keys });
    this.#tell();
  }

  #drop(keys: readonly string[]): void {
    const present = [...new Set(keys)].filter((key) => this.#records.has(key));
    if (present.length === 0) return;
    for (const key of present) this.#leases.get(this.#records.get(key)?.lease ?? 0n)?.keys.delete(key);
    this.#commit(present.map((key) => ({ key, record: undefined })));
  }

  #expire(): void {
    const now = this.clock.monotonic();
    // No lease ends before the timer does: what every call asks costs nothing, however many leases there are.
    if (this.#alarm !== undefined && now < this.#alarm.at) return;
    for (const [id, lease] of this.#leases) {
      if (lease.deadline > now) continue;
      this.#leases.delete(id);
      this.#drop([...lease.keys].toSorted());
    }
  }

  /** One timer for the lease that ends first; a renewal makes it wake too early, and it looks again then. */
  #arm(): void {
    let at = Number.POSITIVE_INFINITY;
    for (const lease of this.#leases.values()) at = Math.min(at, lease.deadline);
    if (at === Number.POSITIVE_INFINITY || (this.#alarm !== undefined && this.#alarm.at <= at)) return;
    this.#alarm?.stop.abort();
    const stop = new AbortController();
    this.#alarm = { at, stop };
    this.clock.sleep(Math.max(0, at - this.clock.monotonic()), stop.signal).then(
      () => {
        this.#alarm = undefined;
        this.#expire();
        this.#arm();
      },
      () => {},
    );
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function leaseNotFound(lease: bigint): LodenError {
  return new LodenError("ERR_STORE", `store lease ${lease} does not exist any more; ask for a fresh one`, {
    fields: { lease: lease.toString(), reason: "lease-not-found" },
  });
}
