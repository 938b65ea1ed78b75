// A Clock that stands still until a test moves it. Sleepers wake in the order of their times; after each, everything
// that follows from it runs before the next one wakes, so that a run is the same every time.
import type { Clock } from "../../daemon/clock.ts";

interface Sleeper {
  readonly at: number;
  wake(): void;
}

export class ManualClock implements Clock {
  #now = 0;
  #sleepers: Sleeper[] = [];

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        at: this.#now + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Moves the time on, waking who is due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const next = this.#sleepers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#now = next.at;
      next.wake();
      await settled();
    }
    this.#now = end;
    await settled();
  }

  /**
   * Moves the time on in small steps until `condition` holds, letting input and output of this process happen between
   * them: for what waits both for times and for messages.
   */
  async until(condition: () => boolean, step = 20): Promise<void> {
    while (!condition()) await this.advance(step);
  }
}

/** Resolves when all that can run without waiting has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
