// What failed, and when it is tried again. Each object waits for itself, longer each time; nobody waits for another.
import type { Clock } from "../clock.ts";
import type { Failure } from "./reconciler.ts";

/** Milliseconds before the second try; doubled for each one after that. */
const FIRST_DELAY = 100;

const LONGEST_DELAY = 30_000;

interface Entry {
  error: Error;
  readonly since: number;
  tries: number;
  /** On the monotonic clock. */
  due: number;
}

export class Retries {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Books a failure; how many there were in a row, and whether the reason is another than the last. */
  failed(key: string, error: Error): { tries: number; isNews: boolean } {
    const entry = this.#entries.get(key);
    const now = this.#clock.monotonic();
    if (entry === undefined) {
      this.#entries.set(key, { error, since: this.#clock.wall(), tries: 1, due: now + FIRST_DELAY });
      return { tries: 1, isNews: true };
    }
    const isNews = entry.error.message !== error.message;
    entry.error = error;
    entry.tries += 1;
    entry.due = now + Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (entry.tries - 1));
    return { tries: entry.tries, isNews };
  }

  /** True when it had failed before. */
  succeeded(key: string): boolean {
    return this.#entries.delete(key);
  }

  /** Not yet due. */
  waits(key: string): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.due > this.#clock.monotonic();
  }

  /** What may be tried now. */
  due(): string[] {
    const now = this.#clock.monotonic();
    return [...this.#entries].filter(([, entry]) => entry.due <= now).map(([key]) => key);
  }

  /** Milliseconds until the next try, undefined when nothing waits. */
  nextDelay(): number | undefined {
    let next = Infinity;
    for (const entry of this.#entries.values()) next = Math.min(next, entry.due);
    return next === Infinity ? undefined : Math.max(0, next - this.#clock.monotonic());
  }

  /** What is due but cannot be tried now waits a little longer. */
  postpone(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.due = Math.max(entry.due, this.#clock.monotonic() + FIRST_DELAY);
  }

  /** Something changed that may help: everything may be tried soon, but never at once, as it may not have helped. */
  hurry(): void {
    const soon = this.#clock.monotonic() + FIRST_DELAY;
    for (const entry of this.#entries.values()) entry.due = Math.min(entry.due, soon);
  }

  list(): Failure[] {
    return [...this.#entries].map(([key, { error, since, tries }]) => ({ key, error, since, tries }));
  }
}
