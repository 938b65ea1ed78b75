// Objects that somebody else alters again and again, while we restore them again and again: who that is, as far as it is
// known, for the log and the status, so that a person can end it. How fast they are answered is loop.ts's business.
import type { Clock } from "../clock.ts";
import type { Repair } from "./reconciler.ts";

/** Repairs of one object, each within this many milliseconds of the one before, belong together. */
const TOGETHER_MS = 10_000;

/** So many of them are no accident. */
const STORM = 5;

/** A fight is over when nothing of it was altered for so many milliseconds. */
const OVER_MS = 30_000;

export interface Fight {
  readonly key: string;
  /** Wall-clock milliseconds of the first repair. */
  readonly since: number;
  readonly repairs: number;
  /** Names of the processes that were seen to do it, with their pids; none where they could not be told. */
  readonly by: readonly string[];
}

interface Entry {
  readonly since: number;
  count: number;
  /** On the monotonic clock. */
  last: number;
  readonly by: Set<string>;
}

export class Fights {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #told = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Books what a pass repaired. */
  repaired(repairs: readonly Repair[]): void {
    const now = this.#clock.monotonic();
    for (const { key, by } of repairs) {
      let entry = this.#entries.get(key);
      if (entry === undefined || now - entry.last > this.#patience(entry)) {
        entry = { since: this.#clock.wall(), count: 0, last: now, by: new Set() };
        this.#entries.set(key, entry);
      }
      entry.count++;
      entry.last = now;
      for (const name of by ?? []) entry.by.add(name);
    }
  }

  list(): Fight[] {
    return [...this.#entries]
      .filter(([, entry]) => entry.count >= STORM)
      .map(([key, { since, count, by }]) => ({ key, since, repairs: count, by: [...by].toSorted() }));
  }

  /** All fights there are, when there are others, or other parties, than were told last. */
  news(): Fight[] | undefined {
    const now = this.#clock.monotonic();
    for (const [key, entry] of this.#entries) if (now - entry.last > this.#patience(entry)) this.#entries.delete(key);
    const fights = this.list();
    const text = fights.map(({ key, by }) => `${key} ${by.join()}`).join("\n");
    if (text === this.#told) return undefined;
    this.#told = text;
    return fights;
  }

  /** Milliseconds until something is over, undefined while there is nothing. */
  nextDelay(): number | undefined {
    let next = Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.count >= STORM) next = Math.min(next, entry.last + OVER_MS);
    }
    return next === Infinity ? undefined : Math.max(0, next - this.#clock.monotonic()) + 1;
  }

  #patience({ count }: Entry): number {
    return count >= STORM ? OVER_MS : TOGETHER_MS;
  }
}
