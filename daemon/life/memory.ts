// Gives back the memory that a large pass leaves behind. What thousands of peers' objects are made and compared of dies with
// the pass, but V8 collects it, and hands the pages back, only when it needs room: the daemon would hold twice what it uses
// for as long as nothing happens (spec/decisions/memory.md).
import { trimAllocator } from "#kernel/memory";
import type { Clock } from "../clock.ts";

/** Changes since the last collection that are worth another one: their leavings are some megabytes. */
const WORTH_CHANGES = 2_000;

/** Milliseconds of rest before it is done, as it stops everything for tens of milliseconds. */
const REST_MS = 1_000;

/** Collects garbage and returns free pages to the system. */
export type Collect = () => void;

/** Where lodend was started with --expose-gc, as its launcher does. */
export function collector(): Collect | undefined {
  const { gc } = globalThis;
  if (gc === undefined) return undefined;
  return () => {
    // "last-resort" also shrinks the heap to what is left.
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
    trimAllocator();
  };
}

export class MemoryKeeper {
  readonly #clock: Clock;
  readonly #collect: Collect | undefined;
  /** The start is worth one, whatever the size of the cluster. */
  #changes = WORTH_CHANGES;
  #rest: AbortController | undefined;

  constructor(clock: Clock, collect: Collect | undefined) {
    this.#clock = clock;
    this.#collect = collect;
  }

  /** After each pass. */
  passed(changes: number): void {
    this.#changes += changes;
    if (this.#collect === undefined || this.#changes < WORTH_CHANGES) return;
    // Whoever is still busy is left alone.
    if (changes > 0) this.#rest?.abort();
    if (this.#rest?.signal.aborted !== false) void this.#collectAtRest();
  }

  async #collectAtRest(): Promise<void> {
    this.#rest = new AbortController();
    try {
      await this.#clock.sleep(REST_MS, this.#rest.signal);
    } catch {
      return;
    }
    this.#rest = undefined;
    this.#changes = 0;
    this.#collect?.();
  }
}
