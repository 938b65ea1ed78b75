// What is wrong now: every part reports its fault under a name of its own and takes it back when it is over. A fault
// that lasts is logged when it begins, when its text changes and when it ends, and stands in the status meanwhile.
import { errorText, LodenError } from "#spec/errors";
import type { ErrorCode } from "#spec/errors";
import type { Problem } from "#spec/status";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";

export class Troubles {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onChange: () => void;
  readonly #now = new Map<string, Problem>();

  constructor(clock: Clock, log: Log, onChange: () => void) {
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** Undefined: the fault of that name, if there was one, is over. */
  report(name: string, error: unknown): void {
    const before = this.#now.get(name);
    if (error === undefined) {
      if (before === undefined) return;
      this.#now.delete(name);
      this.#log.info({ key: name, code: before.code }, `over: ${before.text}`);
    } else {
      const text = errorText(error);
      if (before?.text === text) return;
      this.#now.set(name, { code: codeOf(error), text, since: before?.since ?? isoTime(this.#clock) });
      this.#log.warn({ key: name, code: codeOf(error) }, text);
      this.#log.debug({ key: name, err: error }, "the same in full");
    }
    this.#onChange();
  }

  get(name: string): Problem | undefined {
    return this.#now.get(name);
  }

  list(): Problem[] {
    return [...this.#now.values()];
  }
}

export function codeOf(error: unknown): ErrorCode {
  return error instanceof LodenError ? error.code : "ERR_INTERNAL";
}

/** RFC 3339, UTC, milliseconds. */
export function isoTime(clock: Clock, inMs = 0): string {
  return new Date(clock.wall() + inMs).toISOString();
}
