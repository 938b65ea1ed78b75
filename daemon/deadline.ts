// A deadline on the Clock port for one piece of work, beside the caller's own signal.
import type { Clock } from "./clock.ts";

/**
 * Runs `work` with a signal that fires after `ms` milliseconds or when `signal` does. Rejects with `late()` in the
 * first case and with the signal's reason in the second, at once, whatever `work` does about it.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const done = new AbortController();
  const over = Promise.withResolvers<never>();
  const onAbort = (): void => {
    over.reject(signal?.reason as Error);
    stop.abort(signal?.reason);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  clock.sleep(ms, done.signal).then(
    () => {
      const error = late();
      over.reject(error);
      stop.abort(error);
    },
    () => {},
  );
  try {
    return await Promise.race([work(stop.signal), over.promise]);
  } finally {
    done.abort();
    signal?.removeEventListener("abort", onAbort);
  }
}
