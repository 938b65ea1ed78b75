// How fast what others altered is answered: at once, but for who alters it again and again, who gets an answer at longer and
// longer intervals.
import type { Clock } from "../clock.ts";

/** Milliseconds of the first interval, which doubles. */
const FIRST_MS = 10;
/** The longest: the data path is repaired well within a second all the same. */
const LONGEST_MS = 400;
/** Repairs farther apart than this have nothing to do with each other. */
const TOGETHER_MS = 2_000;

export class Patience {
  readonly #clock: Clock;
  /** Passes in a row that had something to repair, and when the last one was. */
  #at = -Infinity;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A pass that began at `now` had something to repair. */
  repaired(now: number): void {
    this.#count = now - this.#at < TOGETHER_MS ? this.#count + 1 : 0;
    this.#at = now;
  }

  /** Milliseconds before what others altered is looked at again; 0 or less: now. */
  get delay(): number {
    if (this.#count === 0) return 0;
    return this.#at + Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#count) - this.#clock.monotonic();
  }
}
