// Leases: who lives how long. Ids and lives are in the database; deadlines are in memory, on the monotonic clock. A
// store that is down expires nothing: at start every lease has the life that was left at its last checkpoint.
import type { Clock, Random } from "../../clock.ts";
import type { CommitQueue } from "./commit.ts";
import { randomId, type StoreDatabase } from "./database.ts";
import { RefusedError, refuse } from "./errors.ts";
import type { LeaseStatus } from "./types.ts";
import { hasLease, leaseKeys } from "./write.ts";

/** etcd's limits with its default timings: 1.5 election timeouts, rounded up; and lease.MaxLeaseTTL. Seconds. */
const MIN_TTL = 2n;
const MAX_TTL = 9_000_000_000n;

/**
 * Remaining lives are written down this often, so that restarts do not make leases live for ever; those that are no
 * longer than that only at a clean stop. Seconds.
 */
const CHECKPOINT_INTERVAL = 60n;

/** After a start a lease lives at least this long (or its ttl, if less): its owner must find the store again. Seconds. */
const START_GRACE = 10n;

/** Expiry is looked for at most this often, so that many deadlines cost few passes; milliseconds. */
const MIN_PAUSE = 50;
/** The same after a failure. */
const RETRY_PAUSE = 1000;
/** setTimeout cannot wait longer than 2^31 ms. */
const MAX_PAUSE = 3_600_000;

interface Life {
  /** Seconds granted. */
  readonly ttl: bigint;
  /** On the monotonic clock, milliseconds. */
  deadline: number;
  /** The database holds a checkpoint with less than the whole ttl. */
  isCheckpointed: boolean;
}

export interface LeaseOptions {
  readonly db: StoreDatabase;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of what went wrong in the background. */
  readonly onTrouble: (error: unknown) => void;
}

export class Leases {
  readonly #options: LeaseOptions;
  readonly #lives = new Map<bigint, Life>();
  readonly #stop = new AbortController();
  #sleep: { readonly until: number; readonly abort: AbortController } | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    const sql = "SELECT id, ttl, remaining FROM leases";
    for (const { id, ttl, remaining } of options.db.rows<{ id: bigint; ttl: bigint; remaining: bigint | null }>(sql)) {
      const grace = ttl < START_GRACE ? ttl : START_GRACE;
      const left = remaining ?? ttl;
      this.#lives.set(id, {
        ttl,
        deadline: this.#deadline(left > grace ? left : grace),
        isCheckpointed: remaining !== null,
      });
    }
    this.#arm();
    void this.#checkpointForEver();
  }

  /**
   * @param id 0n for a random one
   * @throws RefusedError leaseTtlTooLarge, leaseExists
   */
  async grant(ttl: bigint, id: bigint): Promise<{ readonly id: bigint; readonly ttl: bigint }> {
    if (ttl > MAX_TTL) refuse("leaseTtlTooLarge");
    const granted = ttl < MIN_TTL ? MIN_TTL : ttl;
    const used = await this.#options.queue.run(({ db }) => {
      // Among 2^63 ids a random one is taken as rarely as a lease is lost by other means: then the client tries again.
      const chosen = id === 0n ? randomId(this.#options.random) : id;
      if (hasLease(db, chosen)) refuse("leaseExists");
      db.run("INSERT INTO leases (id, ttl, remaining) VALUES (?, ?, NULL)", chosen, granted);
      return chosen;
    });
    this.#lives.set(used, { ttl: granted, deadline: this.#deadline(granted), isCheckpointed: false });
    this.#arm();
    return { id: used, ttl: granted };
  }

  /** @throws RefusedError leaseNotFound */
  async revoke(id: bigint): Promise<void> {
    await this.#options.queue.run((transaction) => transaction.revoke(id));
    this.#lives.delete(id);
  }

  /** Gives the lease its whole life again. Resolves to that in seconds, or to 0n when there is no such lease. */
  async keepAlive(id: bigint): Promise<bigint> {
    const life = this.#lives.get(id);
    if (life === undefined) return 0n;
    // First, so that a checkpoint written meanwhile is one of the new life.
    life.deadline = this.#deadline(life.ttl);
    if (life.isCheckpointed) {
      // The longer life must survive a restart before its owner may rely on it.
      life.isCheckpointed = false;
      await this.#options.queue.run(({ db }) => db.run("UPDATE leases SET remaining = NULL WHERE id = ?", id));
      if (!this.#lives.has(id)) return 0n;
    }
    return life.ttl;
  }

  status(id: bigint, withKeys: boolean): LeaseStatus {
    const life = this.#lives.get(id);
    if (life === undefined) return { id, ttl: -1n, grantedTtl: 0n, keys: [] };
    const keys = withKeys ? leaseKeys(this.#options.db, id) : [];
    return { id, ttl: this.#remaining(life), grantedTtl: life.ttl, keys };
  }

  /** Ids, the lease that ends first before the others. */
  list(): bigint[] {
    return [...this.#lives].toSorted(([, a], [, b]) => a.deadline - b.deadline).map(([id]) => id);
  }

  /** Writes the remaining lives down and ends the work in the background. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#sleep?.abort.abort();
    await this.#checkpoint(0n);
  }

  #deadline(seconds: bigint): number {
    return this.#options.clock.monotonic() + Number(seconds) * 1000;
  }

  #remaining(life: Life): bigint {
    return BigInt(Math.max(0, Math.floor(this.#millisecondsLeft(life) / 1000)));
  }

  #millisecondsLeft(life: Life): number {
    return life.deadline - this.#options.clock.monotonic();
  }

  /** Sleeps until the first deadline, unless it sleeps to an earlier one already. */
  #arm(minPause = MIN_PAUSE): void {
    if (this.#stop.signal.aborted || this.#lives.size === 0) return;
    let first = Infinity;
    for (const { deadline } of this.#lives.values()) first = Math.min(first, deadline);
    if (this.#sleep !== undefined && this.#sleep.until <= first) return;
    this.#sleep?.abort.abort();
    const now = this.#options.clock.monotonic();
    const pause = Math.min(Math.max(first - now, minPause), MAX_PAUSE);
    const sleep = { until: now + pause, abort: new AbortController() };
    this.#sleep = sleep;
    this.#options.clock.sleep(pause, sleep.abort.signal).then(
      () => this.#expire(),
      () => undefined,
    );
  }

  async #expire(): Promise<void> {
    const isOver = (life: Life | undefined): boolean => life !== undefined && this.#millisecondsLeft(life) <= 0;
    let minPause = MIN_PAUSE;
    const over = [...this.#lives].filter(([, life]) => isOver(life)).map(([id]) => id);
    await Promise.all(
      over.map(async (id) => {
        try {
          // Looked at again in the commit: a keep-alive may have come between.
          const isGone = await this.#options.queue.run((transaction) => {
            if (!isOver(this.#lives.get(id))) return false;
            transaction.revoke(id);
            return true;
          });
          if (isGone) this.#lives.delete(id);
        } catch (error) {
          if (error instanceof RefusedError && error.refusal === "leaseNotFound") this.#lives.delete(id);
          else if (error instanceof RefusedError && error.refusal === "stopped") this.#stop.abort();
          else {
            minPause = RETRY_PAUSE;
            this.#options.onTrouble(error);
          }
        }
      }),
    );
    this.#sleep = undefined;
    this.#arm(minPause);
  }

  async #checkpointForEver(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#options.clock.sleep(Number(CHECKPOINT_INTERVAL) * 1000, signal);
        await this.#checkpoint(CHECKPOINT_INTERVAL);
      } catch (error) {
        if (!signal.aborted) this.#options.onTrouble(error);
      }
    }
  }

  /** @param minTtl leases that were granted less are left out */
  async #checkpoint(minTtl: bigint): Promise<void> {
    await this.#options.queue.run(({ db }) => {
      for (const [id, life] of this.#lives) {
        const left = BigInt(Math.max(0, Math.ceil(this.#millisecondsLeft(life) / 1000)));
        if (life.ttl < minTtl || left >= life.ttl) continue;
        db.run("UPDATE leases SET remaining = ? WHERE id = ?", left, id);
        life.isCheckpointed = true;
      }
    });
  }
}
