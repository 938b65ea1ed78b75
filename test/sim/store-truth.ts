// What the store held at each revision, on each of its copies: the truth that everything a daemon is told is held
// against.
import type { MemoryRecord, MemoryWorld } from "../../daemon/store/memory-world.ts";
import { isLeaseKey } from "../../daemon/store/record-key.ts";

/** Lease records by their key below subnets/. */
export type Records = ReadonlyMap<string, MemoryRecord>;

export class StoreTruth {
  readonly #world: MemoryWorld;
  readonly #prefix: string;
  /** One map of states by revision for each copy of the store there was. */
  readonly #copies: Map<bigint, Records>[] = [];
  /** The latest revision of this copy that has been taken in. */
  #seen = 0n;

  constructor(world: MemoryWorld, prefix: string) {
    this.#world = world;
    this.#prefix = prefix;
    this.restored();
  }

  get now(): Records {
    return this.#copies.at(-1)!.get(this.#world.revision)!;
  }

  /** The world has changed: by its history, as leases that end at one moment are several revisions. */
  take(): void {
    const states = this.#copies.at(-1)!;
    for (const { revision, keys } of this.#world.since(this.#seen) ?? []) {
      if (states.has(revision)) continue;
      const records = new Map(states.get(this.#seen));
      for (const { key, record } of keys) {
        const lease = key.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : "";
        if (!isLeaseKey(lease)) continue;
        if (record === undefined) records.delete(lease);
        else records.set(lease, record);
      }
      states.set(revision, records);
      this.#seen = revision;
    }
  }

  /** The world is another copy from now on. */
  restored(): void {
    this.#seen = this.#world.revision;
    this.#copies.push(new Map([[this.#seen, this.#read()]]));
  }

  /** The store held exactly these records at this revision, on some copy of it. */
  held(revision: bigint, told: ReadonlyMap<string, { readonly modRevision: bigint; readonly value: string }>): boolean {
    return this.#copies.some((states) => {
      const records = states.get(revision);
      if (records === undefined || records.size !== told.size) return false;
      for (const [key, { modRevision, value }] of told) {
        const record = records.get(key);
        if (record?.modRevision !== modRevision || record.value !== value) return false;
      }
      return true;
    });
  }

  #read(): Records {
    const records = new Map<string, MemoryRecord>();
    for (const record of this.#world.list(this.#prefix)) {
      const key = record.key.slice(this.#prefix.length);
      if (isLeaseKey(key)) records.set(key, record);
    }
    return records;
  }
}
