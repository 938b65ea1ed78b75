// Compaction: forgetting what held before a revision. The promise (nothing older can be read) is one durable write; the
// rows go afterwards in small portions between other work, and after a restart it goes on where it stopped.
import type { Clock } from "../../clock.ts";
import type { CommitQueue, MutableHorizon } from "./commit.ts";
import { RefusedError, refuse } from "./errors.ts";
import { FOREVER } from "./schema.ts";

/** Rows removed in one go: bounds the time for which nothing else is served. */
const PORTION = 1000;

const REMOVE = `DELETE FROM history WHERE id IN (
  SELECT id FROM history WHERE until <= ? AND until < ${FOREVER} LIMIT ${PORTION})`;

/**
 * What is compacted without being asked, as etcd's --auto-compaction-mode and -retention: changes older than a time, or
 * all but a number of revisions; nothing with a retention of 0.
 */
export interface AutoCompaction {
  readonly mode: "periodic" | "revision";
  /** Milliseconds, or revisions. */
  readonly retention: number;
}

/** Steps in which a period passes (as in etcd), and how often the number of revisions is looked at. */
const STEPS = 10;
const REVISION_INTERVAL = 300_000;
/** A period in steps shorter than this would be a busy loop; longer ones than an hour are cut (as in etcd). Milliseconds. */
const MIN_STEP = 1000;
const MAX_PERIOD_STEP = 3_600_000;

export interface CompactionOptions {
  readonly queue: CommitQueue;
  readonly horizon: MutableHorizon;
  readonly clock: Clock;
  readonly auto: AutoCompaction;
  /** Told of every compaction, and of what went wrong in the background. */
  readonly onCompacted: (revision: bigint) => void;
  readonly onTrouble: (error: unknown) => void;
}

export class Compaction {
  readonly #options: CompactionOptions;
  readonly #stop = new AbortController();
  /** The removal under way; it also takes what is compacted while it runs. */
  #removal: Promise<void> | undefined;

  constructor(options: CompactionOptions) {
    this.#options = options;
    if (options.horizon.compacted > 0n) void this.#remove();
    if (options.auto.retention > 0) void this.#compactForEver();
  }

  /**
   * @param physical resolve only when the rows are gone as well
   * @throws RefusedError compacted, futureRevision
   */
  async compact(revision: bigint, physical: boolean): Promise<void> {
    const { queue, horizon } = this.#options;
    await queue.run(({ db, base }) => {
      if (revision <= db.meta("compacted")) refuse("compacted");
      if (revision > base.current) refuse("futureRevision");
      db.setMeta("compacted", revision);
    });
    if (revision > horizon.compacted) horizon.compacted = revision;
    this.#options.onCompacted(revision);
    const removal = this.#remove();
    if (physical) await removal;
  }

  /** Ends the work in the background; removal goes on at the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#removal;
  }

  #remove(): Promise<void> {
    this.#removal ??= this.#removePortions().finally(() => {
      this.#removal = undefined;
    });
    return this.#removal;
  }

  async #removePortions(): Promise<void> {
    const { queue, horizon } = this.#options;
    let removed = PORTION;
    try {
      // The horizon is read anew each time: it may have moved on.
      while (removed === PORTION && !this.#stop.signal.aborted) {
        removed = await queue.run(({ db }) => db.run(REMOVE, horizon.compacted));
      }
    } catch (error) {
      if (!(error instanceof RefusedError && error.refusal === "stopped")) this.#options.onTrouble(error);
    }
  }

  async #compactForEver(): Promise<void> {
    const { auto, clock, horizon } = this.#options;
    const { signal } = this.#stop;
    const step =
      auto.mode === "revision"
        ? REVISION_INTERVAL
        : Math.max(MIN_STEP, Math.min(auto.retention, MAX_PERIOD_STEP) / STEPS);
    /** The revisions at the last steps, the oldest first: the one before `retention` is compacted. */
    const past: bigint[] = [horizon.current];
    const steps = Math.max(1, Math.round(auto.retention / step));
    while (!signal.aborted) {
      try {
        await clock.sleep(step, signal);
        past.push(horizon.current);
        if (past.length > steps + 1) past.shift();
        const oldest = past.length > steps ? past[0] : undefined;
        const target = auto.mode === "revision" ? horizon.current - BigInt(auto.retention) : oldest;
        if (target !== undefined && target > 0n && target > horizon.compacted) await this.compact(target, false);
      } catch (error) {
        if (!signal.aborted) this.#options.onTrouble(error);
      }
    }
  }
}
