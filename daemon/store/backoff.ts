// The wait between two tries to reach a store: doubling, with chance in it so that the nodes of a cluster do not come
// back all at once, and never long, because a store that is back must be noticed soon.
import type { Clock, Random } from "../clock.ts";

/** The first wait and the longest unless said otherwise, in milliseconds: flannel's own. */
const FIRST = 100;
const LONGEST = 5_000;

export class Backoff {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #longest: number;
  #next = FIRST;

  constructor(clock: Clock, random: Random, longest = LONGEST) {
    this.#clock = clock;
    this.#random = random;
    this.#longest = Math.min(longest, LONGEST);
  }

  /** Milliseconds to wait: between half of the current wait and all of it; the one after is twice as long. */
  next(): number {
    const wait = Math.min(this.#next, this.#longest);
    this.#next = wait * 2;
    return (wait / 2) * (1 + this.#random.next());
  }

  /** Waits for that long. Rejects on abort. */
  async wait(signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.next(), signal);
  }

  /** All is well again. */
  reset(): void {
    this.#next = FIRST;
  }
}
