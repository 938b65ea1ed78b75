// The clock of the simulated store: virtual time, never held up.
import type { Clock } from "../../daemon/clock.ts";
import type { Timeline } from "./timeline.ts";

export class StoreClock implements Clock {
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  monotonic(): number {
    return this.#timeline.now;
  }

  wall(): number {
    return this.#timeline.now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#timeline.after(ms, resolve);
      signal?.addEventListener(
        "abort",
        () => {
          timer.cancelled = true;
          reject(signal.reason as Error);
        },
        { once: true },
      );
    });
  }
}
