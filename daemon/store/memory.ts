// SubnetStore in memory: any number of clients on one MemoryWorld. For tests and the simulator, which reach in through
// `faults` and `partition()`; without them a client behaves as one that is connected to a healthy etcd.
import { LodenError } from "#spec/errors";
import type { Random } from "../clock.ts";
import { Backoff } from "./backoff.ts";
import type { MemoryChange, MemoryRecord, MemoryWorld } from "./memory-world.ts";
import {
  type DeleteResult,
  type Entry,
  type PutOptions,
  RELEASE_MARK_SECONDS,
  type ReleaseMark,
  type Snapshot,
  type StoreEvent,
  type SubnetStore,
  type WatchOptions,
  type WatchResult,
  type WriteResult,
} from "./port.ts";
import { checkedLeaseKey, isLeaseKey } from "./record-key.ts";
import { WatchBuffer } from "./watch-buffer.ts";

export interface MemoryCall {
  readonly client: string;
  readonly method:
    | "snapshot"
    | "put"
    | "putConfig"
    | "delete"
    | "markReleased"
    | "keepAlive"
    | "timeToLive"
    | "revoke"
    | "watch";
  /** The lease key or the store lease concerned. */
  readonly subject?: string;
}

/** What may befall a call. Each hook may wait, on the world's clock, to delay the call, or throw to fail it. */
export interface MemoryFaults {
  /** Before the world is touched: a failure here means that nothing happened. For "watch": before each delivery. */
  before?(call: MemoryCall): void | Promise<void>;
  /** After it: the caller of a failed write does not know that it happened. */
  after?(call: MemoryCall): void | Promise<void>;
}

export interface MemoryClientOptions {
  /** Shows in errors and in MemoryCall. */
  readonly name?: string;
  /** For the jitter of the watch's back-off. */
  readonly random: Random;
  readonly faults?: MemoryFaults;
}

const CONFIG = "config";
const SUBNETS = "subnets/";
const RELEASED = "released/";

export class MemorySubnetStore implements SubnetStore {
  readonly name: string;
  readonly #world: MemoryWorld;
  readonly #options: MemoryClientOptions;
  readonly #closed = new AbortController();
  #cut = false;
  #wakers = new Set<() => void>();

  constructor(world: MemoryWorld, options: MemoryClientOptions) {
    this.name = options.name === undefined ? "memory" : `memory (${options.name})`;
    this.#world = world;
    this.#options = options;
  }

  /** Cuts this client off from the world, or connects it again: calls fail and watches stop, as with a dead network. */
  partition(cut: boolean): void {
    this.#cut = cut;
    for (const wake of this.#wakers) wake();
  }

  snapshot(signal?: AbortSignal): Promise<Snapshot> {
    return this.#call({ method: "snapshot" }, signal, () => this.#snapshot());
  }

  put(key: string, value: string, options: PutOptions, signal?: AbortSignal): Promise<WriteResult> {
    return this.#call({ method: "put", subject: key }, signal, (): WriteResult => {
      const path = SUBNETS + checkedLeaseKey(key);
      const current = this.#world.get(path);
      if ((current?.modRevision ?? 0n) !== options.expect) return { ok: false, current: entryOf(current) };
      const { ttl } = options;
      const lease = typeof ttl === "number" ? this.#world.grant(ttl) : (ttl ?? 0n);
      return { ok: true, entry: requireEntry(this.#world.put(path, value, lease)) };
    });
  }

  putConfig(value: string, signal?: AbortSignal): Promise<void> {
    return this.#call({ method: "putConfig" }, signal, () => void this.#world.put(CONFIG, value));
  }

  delete(key: string, expect: bigint, signal?: AbortSignal): Promise<DeleteResult> {
    return this.#call({ method: "delete", subject: key }, signal, (): DeleteResult => {
      const path = SUBNETS + checkedLeaseKey(key);
      const current = this.#world.get(path);
      if ((current?.modRevision ?? 0n) !== expect) return { ok: false, current: entryOf(current) };
      this.#world.delete(path);
      return { ok: true };
    });
  }

  markReleased(key: string, after: bigint, signal?: AbortSignal): Promise<boolean> {
    return this.#call({ method: "markReleased", subject: key }, signal, (): boolean => {
      const mark = RELEASED + checkedLeaseKey(key);
      if (this.#world.get(SUBNETS + key) !== undefined) return false;
      if ((this.#world.get(mark)?.modRevision ?? 0n) >= after) return false;
      this.#world.put(mark, "{}", this.#world.grant(RELEASE_MARK_SECONDS));
      return true;
    });
  }

  keepAlive(lease: bigint, signal?: AbortSignal): Promise<number> {
    return this.#call({ method: "keepAlive", subject: `${lease}` }, signal, () => this.#world.keepAlive(lease));
  }

  timeToLive(lease: bigint, signal?: AbortSignal): Promise<{ ttl: number; granted: number }> {
    return this.#call({ method: "timeToLive", subject: `${lease}` }, signal, () => this.#world.timeToLive(lease));
  }

  revoke(lease: bigint, signal?: AbortSignal): Promise<void> {
    return this.#call({ method: "revoke", subject: `${lease}` }, signal, () => this.#world.revoke(lease));
  }

  watch(options: WatchOptions): AsyncIterable<WatchResult> {
    return {
      [Symbol.asyncIterator]: () => {
        const left = new AbortController();
        const signal = AbortSignal.any([options.signal, left.signal, this.#closed.signal]);
        const buffer = new WatchBuffer(() => left.abort());
        signal.addEventListener("abort", () => buffer.end(), { once: true });
        if (signal.aborted) buffer.end();
        void this.#follow(buffer, signal, options.onTrouble);
        return buffer;
      },
    };
  }

  close(): Promise<void> {
    this.#closed.abort(new LodenError("ERR_STORE", `${this.name}: the store client is closed`));
    return Promise.resolve();
  }

  /** The watch: woken by each change of the world, it hands on what is new, or a snapshot where that is not known. */
  async #follow(buffer: WatchBuffer, signal: AbortSignal, onTrouble: WatchOptions["onTrouble"]): Promise<void> {
    const world = this.#world;
    const backoff = new Backoff(world.clock, this.#options.random);
    let seen: { readonly copy: number; readonly revision: bigint } | undefined;
    /** The copy that the consumer was told of last. */
    let copy: number | undefined;
    let trouble = false;
    let wake = Promise.withResolvers<void>();
    const onWake = (): void => wake.resolve();
    const unsubscribe = world.onChange(onWake);
    this.#wakers.add(onWake);
    signal.addEventListener("abort", onWake, { once: true });
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      try {
        await this.#reach({ client: this.name, method: "watch" }, "before");
        const changes = seen?.copy === world.copy ? world.since(seen.revision) : undefined;
        if (changes === undefined) {
          await buffer.hungry();
          const snapshot = this.#snapshot();
          const isRestored = copy !== undefined && copy !== world.copy;
          buffer.snapshot(isRestored ? { ...snapshot, restored: true } : snapshot);
          copy = world.copy;
          seen = { copy: world.copy, revision: world.revision };
        } else {
          const events = changes.flatMap(eventsOf);
          const revision = changes.at(-1)?.revision ?? seen?.revision ?? 0n;
          const released = changes.flatMap(marksOf);
          const batch = { type: "events" as const, revision, events, ...(released.length === 0 ? {} : { released }) };
          const kept = (events.length === 0 && released.length === 0) || buffer.events(batch);
          seen = kept ? { copy: world.copy, revision } : undefined;
          if (!kept) continue;
        }
        backoff.reset();
        if (trouble) onTrouble?.(undefined);
        trouble = false;
        // A change that came while this was at work is not waited for again.
        if (world.copy === seen?.copy && world.revision === seen.revision) await wake.promise;
      } catch (error) {
        trouble = true;
        onTrouble?.(error as Error);
        await backoff.wait(signal).catch(() => {});
      }
    }
    unsubscribe();
    this.#wakers.delete(onWake);
  }

  async #call<T>(call: Omit<MemoryCall, "client">, signal: AbortSignal | undefined, act: () => T): Promise<T> {
    const named: MemoryCall = { client: this.name, ...call };
    const check = (): void => {
      this.#closed.signal.throwIfAborted();
      signal?.throwIfAborted();
    };
    check();
    await this.#reach(named, "before");
    check();
    const result = act();
    await this.#reach(named, "after");
    check();
    return result;
  }

  async #reach(call: MemoryCall, when: "before" | "after"): Promise<void> {
    await this.#options.faults?.[when]?.(call);
    if (this.#cut) {
      throw new LodenError("ERR_STORE_UNAVAILABLE", `${this.name}: the store does not answer (partitioned)`);
    }
  }

  #snapshot(): Snapshot {
    const world = this.#world;
    const entries = world.list(SUBNETS).flatMap((record) => entryOf(record) ?? []);
    const config = world.get(CONFIG);
    const released = world
      .list(RELEASED)
      .flatMap((record) => markOf(record) ?? [])
      .toSorted((a, b) => (a.modRevision < b.modRevision ? -1 : 1));
    return {
      type: "snapshot",
      revision: world.revision,
      config: config === undefined ? undefined : { ...config },
      entries,
      ...(released.length === 0 ? {} : { released }),
    };
  }
}

/** The record as the port shows it; undefined for none and for those the port leaves out. */
function entryOf(record: MemoryRecord | undefined): Entry | undefined {
  if (record === undefined) return undefined;
  const key = record.key.slice(SUBNETS.length);
  return isLeaseKey(key) ? { ...record, key } : undefined;
}

function markOf({ key, modRevision }: MemoryRecord): ReleaseMark | undefined {
  const name = key.slice(RELEASED.length);
  return key.startsWith(RELEASED) && isLeaseKey(name) ? { key: name, modRevision } : undefined;
}

function marksOf(change: MemoryChange): ReleaseMark[] {
  return change.keys.flatMap(({ record }) => (record === undefined ? [] : (markOf(record) ?? [])));
}

function requireEntry(record: MemoryRecord): Entry {
  return { ...record, key: record.key.slice(SUBNETS.length) };
}

function eventsOf(change: MemoryChange): StoreEvent[] {
  return change.keys.flatMap(({ key, record }): StoreEvent[] => {
    const name = key === CONFIG ? CONFIG : key.startsWith(SUBNETS) ? key.slice(SUBNETS.length) : undefined;
    if (name === undefined || (key !== CONFIG && !isLeaseKey(name))) return [];
    if (record === undefined) return [{ type: "delete", key: name, modRevision: change.revision }];
    return [{ type: "put", entry: { ...record, key: name } }];
  });
}
