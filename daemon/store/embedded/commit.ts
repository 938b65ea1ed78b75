// Group commit: writes that arrive while the event loop is busy share one SQLite transaction and so one fsync. Each gets
// its own revision and fails alone; each is answered only when the whole is on the disk.
import type { StoreDatabase } from "./database.ts";
import { isDiskFull, RefusedError } from "./errors.ts";
import type { Event } from "./types.ts";
import { WriteTransaction } from "./write.ts";

/** All changes of one revision. */
export interface Change {
  readonly revision: bigint;
  readonly events: readonly Event[];
}

/** The revisions that can be read; commits move `current`, compactions `compacted`. */
export interface MutableHorizon {
  current: bigint;
  compacted: bigint;
}

interface Job {
  readonly work: (transaction: WriteTransaction) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes in one SQLite transaction at most: bounds the time for which nothing else is served. */
const MAX_BATCH = 512;

export class CommitQueue {
  readonly #db: StoreDatabase;
  readonly #horizon: MutableHorizon;
  readonly #onCommit: (changes: readonly Change[]) => void;
  readonly #onFault: (error: unknown) => void;
  #jobs: Job[] = [];
  #isScheduled = false;
  #stopped: RefusedError | undefined;

  /**
   * @param onCommit told of all changes that a commit made, in order, before their writers are answered
   * @param onFault told once, when the database failed in a way that no later write can trust
   */
  constructor(
    db: StoreDatabase,
    horizon: MutableHorizon,
    onCommit: (changes: readonly Change[]) => void,
    onFault: (error: unknown) => void,
  ) {
    this.#db = db;
    this.#horizon = horizon;
    this.#onCommit = onCommit;
    this.#onFault = onFault;
  }

  /**
   * Runs `work` in the next commit and resolves with its result when that is durable. `work` is synchronous; what it
   * throws undoes its own changes only, and rejects.
   */
  run<T>(work: (transaction: WriteTransaction) => T): Promise<T> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    return new Promise<T>((resolve, reject) => {
      this.#jobs.push({ work, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Commits what is queued and refuses what comes later. */
  stop(): void {
    while (this.#jobs.length > 0) this.#flush();
    this.#stopped ??= new RefusedError("stopped");
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
      if (this.#jobs.length > 0) this.#schedule();
    });
  }

  #flush(): void {
    const jobs = this.#jobs.splice(0, MAX_BATCH);
    if (jobs.length === 0) return;
    const changes: Change[] = [];
    const answers: (() => void)[] = [];
    try {
      this.#db.run("BEGIN IMMEDIATE");
      for (const job of jobs) answers.push(this.#apply(job, changes));
      const last = changes.at(-1);
      if (last !== undefined) this.#db.setMeta("revision", last.revision);
      this.#db.run("COMMIT");
    } catch (error) {
      this.#abandon(jobs, error);
      return;
    }
    this.#horizon.current = changes.at(-1)?.revision ?? this.#horizon.current;
    if (changes.length > 0) this.#onCommit(changes);
    for (const answer of answers) answer();
  }

  /** @returns what answers the job once the commit is done */
  #apply(job: Job, changes: Change[]): () => void {
    const current = changes.at(-1)?.revision ?? this.#horizon.current;
    const transaction = new WriteTransaction(this.#db, { current, compacted: this.#horizon.compacted });
    this.#db.run("SAVEPOINT job");
    try {
      const value = job.work(transaction);
      this.#db.run("RELEASE job");
      if (transaction.events.length > 0) changes.push({ revision: transaction.next, events: transaction.events });
      return () => job.resolve(value);
    } catch (error) {
      // Faults of the database concern the whole commit; SQLite may even have ended the transaction.
      if (!(error instanceof RefusedError)) throw error;
      this.#db.run("ROLLBACK TO job");
      this.#db.run("RELEASE job");
      return () => job.reject(error);
    }
  }

  #abandon(jobs: readonly Job[], error: unknown): void {
    try {
      if (this.#db.isInTransaction) this.#db.run("ROLLBACK");
    } catch (second) {
      this.#fault(second);
    }
    if (isDiskFull(error)) {
      for (const job of jobs) job.reject(new RefusedError("noSpace"));
      return;
    }
    // After a failed fsync or a damaged page nobody knows what is on the disk: stop, and let a restart read it anew.
    this.#fault(error);
    for (const job of jobs) job.reject(this.#stopped);
  }

  #fault(error: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = new RefusedError("stopped");
    this.#onFault(error);
  }
}
