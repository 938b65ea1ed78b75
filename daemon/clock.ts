// The Clock and Random ports: time and chance are always passed in, so that leases, back-off and the simulator run on
// a clock of their own.

import { uptime } from "node:os";

export interface Clock {
  /** Milliseconds that never step back and go on while the machine is suspended where the system can tell. */
  monotonic(): number;
  /** Wall-clock milliseconds since 1970, for people and for files only, never for deadlines. */
  wall(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** A number in [0, 1). */
  next(): number;
}

export const systemRandom: Random = { next: () => Math.random() };

/** uptime(1) counts hundredths of a second; less than this between two readings is no suspension. */
const SUSPENSION_MS = 1_000;

/**
 * A clock that goes on while the machine is suspended, made of one that stands still then (CLOCK_MONOTONIC, Node's) and of
 * the uptime, which does not (CLOCK_BOOTTIME). Both in milliseconds.
 */
export function suspendAware(awake: () => number, uptimeMs: () => number): () => number {
  const offset = uptimeMs() - awake();
  let suspended = 0;
  return () => {
    const now = awake();
    const slept = uptimeMs() - now - offset;
    if (slept > suspended + SUSPENSION_MS) suspended = slept;
    return now + suspended;
  };
}

export const systemClock: Clock = {
  monotonic: suspendAware(
    () => performance.now(),
    () => uptime() * 1_000,
  ),
  wall: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};
