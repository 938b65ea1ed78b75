// The wait between two tries to reach a store: doubling, with chance in it so that the nodes of a cluster do not come
// back all at once, and never long, because a store that is back must be noticed soon.
import type { Clock, Random } from "../clock.ts";

/** The first wait and the longest, in milliseconds: flannel's own. */
const FIRST = 100;
const LONGEST = 5_000;

export class Backoff {
  readonly #clock: Clock;
  readonly #random: Random;
  #next = FIRST;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Waits between half of the current wait and all of it; the one after is twice as long. Rejects on abort. */
  async wait(signal: AbortSignal): Promise<void> {
    const wait = this.#next;
    this.#next = Math.min(this.#next * 2, LONGEST);
    await this.#clock.sleep((wait / 2) * (1 + this.#random.next()), signal);
  }

  /** All is well again. */
  reset(): void {
    this.#next = FIRST;
  }
}
