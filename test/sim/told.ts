// What one daemon has been told by its store client: each result of a watch is held against what the store really held,
// and the sum of them is what may count as a reason to remove something.
import type { Entry, Snapshot, SubnetStore, WatchOptions, WatchResult } from "../../daemon/store/port.ts";
import { readable } from "./judge.ts";
import type { Daemon } from "./machine.ts";

export interface ToldRecord {
  readonly modRevision: bigint;
  readonly value: string;
  /** The last of its values that could be read, since the record is there and the watch began. */
  readonly readable?: string | undefined;
}

export class Told {
  readonly store: SubnetStore;
  readonly #daemon: Daemon;
  /** What it was told when it last asked for everything. */
  #listed: Snapshot | undefined;
  /** Of the latest watch; undefined until its first snapshot. */
  records: Map<string, ToldRecord> | undefined;
  /** Records that a restored store lacks, with when: they have not been seen to be deleted, and may live their life. */
  readonly missed = new Map<string, { readonly readable: string; readonly since: number }>();

  constructor(daemon: Daemon, store: SubnetStore) {
    this.#daemon = daemon;
    this.store = Object.create(store, {
      watch: { value: (options: WatchOptions) => this.#watch(store, options) },
      snapshot: { value: (signal?: AbortSignal) => this.#snapshot(store, signal) },
      put: { value: (...write: Parameters<SubnetStore["put"]>) => this.#put(store, ...write) },
    }) as SubnetStore;
    // Private fields are the original's: its methods must be called on it.
    for (const name of [
      "putConfig",
      "delete",
      "markReleased",
      "keepAlive",
      "timeToLive",
      "revoke",
      "reconnect",
      "close",
    ] as const) {
      Object.defineProperty(this.store, name, { value: (store[name] as (() => unknown) | undefined)?.bind(store) });
    }
  }

  /** The value of a lease's record, as last told. */
  value(key: string): string | undefined {
    return this.records?.get(key)?.value ?? this.#listed?.entries.find((entry) => entry.key === key)?.value;
  }

  async #snapshot(store: SubnetStore, signal: AbortSignal | undefined): Promise<Snapshot> {
    const snapshot = await store.snapshot(signal);
    this.#listed = snapshot;
    return snapshot;
  }

  #put(store: SubnetStore, ...write: Parameters<SubnetStore["put"]>): ReturnType<SubnetStore["put"]> {
    const [key, , { expect }] = write;
    if (expect === 0n && this.#listed !== undefined) {
      this.#daemon.machine.world.judge.chosen(this.#daemon, key, this.#listed);
    }
    return store.put(...write);
  }

  /** A node that writes a lease has left the other one that it had before a restoration. */
  #leave({ key, value }: Entry): void {
    const nodeId = readable(key, value)?.nodeId;
    for (const [old, { readable: text }] of this.missed) {
      if (nodeId !== undefined && readable(old, text)?.nodeId === nodeId) this.missed.delete(old);
    }
  }

  async *#watch(store: SubnetStore, options: WatchOptions): AsyncGenerator<WatchResult> {
    let records: Map<string, ToldRecord> | undefined;
    this.records = undefined;
    this.missed.clear();
    for await (const result of store.watch(options)) {
      if (result.type === "snapshot") {
        this.#listed = result;
        const before = records;
        this.#miss(result, before);
        records = new Map(result.entries.map((entry) => [entry.key, toldOf(entry, before?.get(entry.key))]));
      } else {
        for (const event of result.events) {
          const key = event.type === "put" ? event.entry.key : event.key;
          if (key === "config") continue;
          this.missed.delete(key);
          if (event.type === "put") {
            this.#leave(event.entry);
            records?.set(key, toldOf(event.entry, records.get(key)));
          } else records?.delete(key);
        }
      }
      this.records = records;
      this.#daemon.machine.world.judge.told(this.#daemon, result, records);
      yield result;
    }
  }

  #miss({ entries, restored }: Snapshot, before: ReadonlyMap<string, ToldRecord> | undefined): void {
    const since = this.#daemon.machine.world.timeline.now;
    for (const { key } of entries) this.missed.delete(key);
    if (restored !== true) return;
    const present = new Set(entries.map(({ key }) => key));
    for (const [key, { readable: value }] of before ?? []) {
      if (!present.has(key) && value !== undefined) this.missed.set(key, { readable: value, since });
    }
  }
}

function toldOf({ key, modRevision, value }: Entry, before: ToldRecord | undefined): ToldRecord {
  return { modRevision, value, readable: readable(key, value) === undefined ? before?.readable : value };
}
