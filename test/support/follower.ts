// A consumer of a watch for tests: keeps the state that snapshots and events add up to, checks that they follow the
// port's rules, and lets a test wait for a state instead of a time.
import type { ReleaseMark, Snapshot, StoreEvent, SubnetStore, WatchResult } from "../../daemon/store/port.ts";

export class Follower implements AsyncDisposable {
  /** Lease records by key, and the configuration under "config". */
  readonly state = new Map<string, string>();
  readonly results: WatchResult[] = [];
  /** The texts of troubles, and "" for each recovery. */
  readonly troubles: string[] = [];
  revision = -1n;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #changed = Promise.withResolvers<void>();

  constructor(store: SubnetStore) {
    const watch = store.watch({
      signal: this.#stop.signal,
      onTrouble: (error) => {
        this.troubles.push(error?.message ?? "");
        this.#tell();
      },
    });
    this.#done = this.#run(watch);
    // Shown by until(), which would hang otherwise.
    this.#done.catch(() => {});
  }

  get snapshots(): number {
    return this.results.filter((result) => result.type === "snapshot").length;
  }

  get events(): StoreEvent[] {
    return this.results.flatMap((result) => (result.type === "events" ? result.events : []));
  }

  /** Release marks written since the watch began. */
  get released(): ReleaseMark[] {
    return this.results.flatMap((result) => (result.type === "events" ? (result.released ?? []) : []));
  }

  /** Resolves when `condition` holds; looked at after each result and each trouble. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await Promise.race([this.#changed.promise, this.#done.then(() => fail())]);
  }

  /** Resolves when the state is what the store holds. */
  async untilEqual(store: SubnetStore): Promise<void> {
    const want = await store.snapshot();
    await this.until(() => this.revision >= want.revision || equal(this.state, stateOf(want)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(watch: AsyncIterable<WatchResult>): Promise<void> {
    for await (const result of watch) {
      this.#take(result);
      this.results.push(result);
      this.#tell();
    }
  }

  #take(result: WatchResult): void {
    if (result.type === "snapshot") {
      this.state.clear();
      for (const [key, value] of stateOf(result)) this.state.set(key, value);
      this.revision = result.revision;
      return;
    }
    if (this.revision < 0n) throw new Error("events came before a snapshot");
    let at = this.revision;
    for (const event of result.events) {
      const revision = event.type === "put" ? event.entry.modRevision : event.modRevision;
      if (revision < at || revision <= this.revision)
        throw new Error(`an event of revision ${revision} came after ${at}`);
      at = revision;
      if (event.type === "put") this.state.set(event.entry.key, event.entry.value);
      else this.state.delete(event.key);
    }
    if (result.revision < at) throw new Error(`a batch up to ${result.revision} holds revision ${at}`);
    this.revision = result.revision;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

export function stateOf(snapshot: Snapshot): Map<string, string> {
  const state = new Map(snapshot.entries.map((entry) => [entry.key, entry.value]));
  if (snapshot.config !== undefined) state.set("config", snapshot.config.value);
  return state;
}

function equal(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function fail(): never {
  throw new Error("the watch ended");
}
