// A wait that something may cut short: work that has its time, and that can become due at once.
import type { Clock } from "./clock.ts";

export class Doorbell {
  #rung: AbortController | undefined;

  /** Ends the wait there is; without one nothing happens. */
  ring(): void {
    this.#rung?.abort();
  }

  /** Resolves after `ms` milliseconds (for ever, with Infinity), when it rings, or when `signal` aborts. One wait at a time. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<"rung" | "over"> {
    const rung = new AbortController();
    this.#rung = rung;
    const ends = AbortSignal.any([signal, rung.signal]);
    if (ms < Infinity) await clock.sleep(ms, ends).catch(() => undefined);
    else if (!ends.aborted) await new Promise((resolve) => ends.addEventListener("abort", resolve, { once: true }));
    this.#rung = undefined;
    return rung.signal.aborted ? "rung" : "over";
  }
}
