// The other nodes' leases, from what the store's watch delivers: a snapshot, or events that add to it. A record that
// cannot be read is reported once and changes nothing: what was known under its key stays until the key is deleted.
import { errorText } from "#spec/errors";
import type { Log } from "../log.ts";
import type { Entry, Snapshot, WatchResult } from "../store/port.ts";
import { decodeLease } from "./record.ts";
import type { Lease } from "./types.ts";

export type PeerChange =
  /** The complete list: what is not in it is gone. */
  | { readonly type: "all"; readonly leases: readonly Lease[] }
  | { readonly type: "some"; readonly put: readonly Lease[]; readonly deleted: readonly string[] };

interface Known {
  readonly lease: Lease;
  /** As stored. What counts as the same is the value: a restored store may give another record the same revision. */
  readonly entry: Entry;
}

export class PeerTable {
  readonly #own: string;
  readonly #log: Log;
  #leases = new Map<string, Known>();
  readonly #unusable = new Map<string, string>();
  /** Peers that a restored store does not hold, with the number of the restoration that they were missed after. */
  readonly #missed = new Map<string, number>();
  #restorations = 0;

  /** @param own key of this node's own lease, which is no peer */
  constructor(own: string, log: Log) {
    this.#own = own;
    this.#log = log;
  }

  /** Never throws, whatever the store holds. */
  apply(result: WatchResult): PeerChange {
    if (result.type === "snapshot") return this.#replace(result);
    const put = new Map<string, Lease>();
    const deleted = new Set<string>();
    for (const event of result.events) {
      const key = event.type === "put" ? event.entry.key : event.key;
      if (key === "config" || key === this.#own) continue;
      this.#missed.delete(key);
      if (event.type === "delete") {
        put.delete(key);
        if (this.#leases.delete(key)) deleted.add(key);
        this.#usable(key);
        continue;
      }
      const lease = this.#read(event.entry);
      if (lease === undefined) continue;
      this.#leases.set(key, { lease, entry: event.entry });
      deleted.delete(key);
      put.set(key, lease);
      for (const old of this.#leftBy(lease)) {
        put.delete(old);
        deleted.add(old);
      }
    }
    return { type: "some", put: [...put.values()], deleted: [...deleted] };
  }

  /** Keys and values as stored, in no order. */
  *records(): Generator<[key: string, value: string]> {
    for (const [key, { entry }] of this.#leases) yield [key, entry.value];
  }

  lease(key: string): Lease | undefined {
    return this.#leases.get(key)?.lease;
  }

  /** The record that a lease was last read from. */
  entry(key: string): Entry | undefined {
    return this.#leases.get(key)?.entry;
  }

  get size(): number {
    return this.#leases.size;
  }

  leases(): Lease[] {
    return Array.from(this.#leases, ([key, { lease }]) =>
      this.#missed.has(key) ? { ...lease, isMissed: true } : lease,
    );
  }

  /** Times that the store was found to be another copy than before. */
  get restorations(): number {
    return this.#restorations;
  }

  /**
   * Gives up the peers that have been missed since that restoration or an earlier one: their leases have ended by now.
   * @returns their keys
   */
  forgetMissed(restoration: number): string[] {
    const gone = [...this.#missed].filter(([, since]) => since <= restoration).map(([key]) => key);
    for (const key of gone) {
      this.#missed.delete(key);
      this.#leases.delete(key);
    }
    return gone;
  }

  /** Text that says what is wrong, by lease key. */
  unusable(): ReadonlyMap<string, string> {
    return this.#unusable;
  }

  /**
   * Leases that a restored store does not hold, of the node that now writes another one: it has moved, and will not write
   * them again. Forgets them.
   */
  #leftBy({ key, nodeId }: Lease): string[] {
    if (nodeId === undefined) return [];
    const left = [...this.#missed.keys()].filter((old) => old !== key && this.lease(old)?.nodeId === nodeId);
    for (const old of left) {
      this.#missed.delete(old);
      this.#leases.delete(old);
    }
    return left;
  }

  #replace({ entries, restored }: Snapshot): PeerChange {
    const next = new Map<string, Known>();
    for (const entry of entries) {
      if (entry.key === this.#own) continue;
      const before = this.#leases.get(entry.key);
      if (before?.entry.value === entry.value) {
        const { lease } = before;
        const isSame = lease.revision === entry.modRevision;
        next.set(entry.key, { lease: isSame ? lease : { ...lease, revision: entry.modRevision }, entry });
        this.#usable(entry.key);
        continue;
      }
      const lease = this.#read(entry);
      if (lease !== undefined) next.set(entry.key, { lease, entry });
      else if (before !== undefined) next.set(entry.key, before);
    }
    const present = new Set(entries.map(({ key }) => key));
    for (const key of this.#unusable.keys()) if (!present.has(key)) this.#usable(key);
    if (restored === true) this.#restorations += 1;
    for (const [key, known] of this.#leases) {
      if (present.has(key)) this.#missed.delete(key);
      // Not there is not deleted, in a store that went back to before the lease: its holder is about to write it again.
      else if (restored === true || this.#missed.has(key)) {
        this.#missed.set(key, this.#missed.get(key) ?? this.#restorations);
        next.set(key, known);
      }
    }
    if (restored === true && this.#missed.size > 0) {
      this.#log.warn(
        { count: this.#missed.size },
        "the store was restored from a backup that lacks leases of peers; they are kept",
      );
    }
    this.#leases = next;
    return { type: "all", leases: this.leases() };
  }

  #read(entry: Entry): Lease | undefined {
    try {
      const lease = { ...decodeLease(entry.key, entry.value), revision: entry.modRevision };
      this.#usable(entry.key);
      return lease;
    } catch (error) {
      const text = errorText(error);
      if (this.#unusable.get(entry.key) !== text) {
        this.#unusable.set(entry.key, text);
        this.#log.warn({ lease: entry.key, err: error }, "a lease record cannot be read; it changes nothing");
      }
      return undefined;
    }
  }

  #usable(key: string): void {
    if (this.#unusable.delete(key))
      this.#log.info({ lease: key }, "the unreadable lease record is gone or readable now");
  }
}
