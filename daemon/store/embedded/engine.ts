// The storage engine: etcd's multi-version key space with leases and watches on one SQLite database. Reads are answered
// from what is committed; writes go through group commit. The gRPC services (service/) only translate to it and back.
import { LodenError } from "#spec/errors";
import type { Clock, Random } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { CommitQueue, type MutableHorizon } from "./commit.ts";
import { type AutoCompaction, Compaction } from "./compaction.ts";
import { StoreDatabase } from "./database.ts";
import { corruptError, isCorrupt, RefusedError, refuse } from "./errors.ts";
import { RecentChanges } from "./history.ts";
import { Leases } from "./leases.ts";
import { readRange } from "./read.ts";
import { applyTxn, isReadOnly } from "./txn.ts";
import { checkTxn } from "./txn-check.ts";
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from "./types.ts";
import { WatchSession } from "./watch.ts";
import { checkPutForm, WriteTransaction } from "./write.ts";

export interface EngineOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly autoCompaction: AutoCompaction;
  /** Data beyond this refuses writes that add to it; bytes. */
  readonly quotaBytes: bigint;
  /** Milliseconds between the progress reports of a watch that asked for them. */
  readonly progressInterval: number;
}

/** What Status and MemberList tell. */
export interface Identity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** Counts the starts of the store. */
  readonly raftTerm: bigint;
}

export class Engine {
  readonly identity: Identity;
  readonly leases: Leases;
  /** Rejects with the fault when the database can no longer be trusted; the process must end then. */
  readonly fault: Promise<never>;
  readonly #options: EngineOptions;
  readonly #db: StoreDatabase;
  readonly #horizon: MutableHorizon;
  readonly #recent = new RecentChanges();
  readonly #sessions = new Set<WatchSession>();
  readonly #queue: CommitQueue;
  readonly #compaction: Compaction;

  /** @throws LodenError ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE */
  constructor(options: EngineOptions) {
    this.#options = options;
    const { clock, random, log } = options;
    const db = StoreDatabase.open(options.dataDir, random);
    this.#db = db;
    this.identity = {
      clusterId: db.meta("cluster_id"),
      memberId: db.meta("member_id"),
      raftTerm: db.meta("raft_term"),
    };
    this.#horizon = { current: db.meta("revision"), compacted: db.meta("compacted") };
    const fault = Promise.withResolvers<never>();
    this.fault = fault.promise;
    // Without a listener a fault must not end the process as an unhandled rejection.
    this.fault.catch(() => undefined);
    const onTrouble = (err: unknown): void => log.warn({ err }, "background work of the store failed and goes on");
    this.#queue = new CommitQueue(
      db,
      this.#horizon,
      (changes) => {
        for (const change of changes) this.#recent.push(change);
        for (const session of this.#sessions) session.notify();
      },
      (error) => fault.reject(this.#explain(error)),
    );
    this.leases = new Leases({ db, queue: this.#queue, clock, random, onTrouble });
    this.#compaction = new Compaction({
      queue: this.#queue,
      horizon: this.#horizon,
      clock,
      auto: options.autoCompaction,
      onCompacted: (revision) => log.debug({ revision: String(revision) }, "history is compacted"),
      onTrouble,
    });
  }

  /** Of the newest write. A new store begins at 1. */
  get revision(): bigint {
    return this.#horizon.current;
  }

  /** The oldest revision that can be read; -1n before the first compaction. */
  get compacted(): bigint {
    return this.#horizon.compacted;
  }

  /** @throws RefusedError */
  range(request: RangeRequest): RangeResponse {
    return this.#guard(() => readRange(this.#db, request, this.#horizon));
  }

  /** Rejects with RefusedError. */
  async put(request: PutRequest): Promise<PutResponse> {
    checkPutForm(request);
    return this.#queue.run((transaction) => {
      this.#checkQuota();
      transaction.checkLease(request);
      transaction.checkKept(request);
      return transaction.put(request);
    });
  }

  /** Rejects with RefusedError. */
  async deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse> {
    if (request.key.length === 0) refuse("emptyKey");
    return this.#queue.run((transaction) => transaction.deleteRange(request));
  }

  /** Rejects with RefusedError. */
  async txn(request: TxnRequest): Promise<TxnResponse> {
    checkTxn(request);
    if (isReadOnly(request)) {
      return this.#guard(() => applyTxn(new WriteTransaction(this.#db, this.#horizon), request));
    }
    return this.#queue.run((transaction) => {
      if (hasPut(request)) this.#checkQuota();
      return applyTxn(transaction, request);
    });
  }

  /** Rejects with RefusedError compacted, futureRevision. */
  compact(revision: bigint, physical = false): Promise<void> {
    return this.#compaction.compact(revision, physical);
  }

  /** Opens a watch stream; `end` must be called for it. */
  watch(): WatchSession {
    const session = new WatchSession({
      db: this.#db,
      horizon: this.#horizon,
      recent: this.#recent,
      clock: this.#options.clock,
      progressInterval: this.#options.progressInterval,
    });
    this.#sessions.add(session);
    return session;
  }

  /** Watch streams that are open. */
  get streams(): number {
    return this.#sessions.size;
  }

  end(session: WatchSession): void {
    session.close();
    this.#sessions.delete(session);
  }

  /** Bytes of the database, and of those the ones that hold data. */
  size(): { readonly total: bigint; readonly inUse: bigint } {
    return this.#guard(() => this.#db.size());
  }

  /** Writes are refused until something is deleted and compacted. */
  get isFull(): boolean {
    return this.size().inUse > this.#options.quotaBytes;
  }

  defragment(): void {
    this.#guard(() => this.#db.defragment());
  }

  /** Ends all watch streams with an error for their clients. */
  endStreams(fault: Error): void {
    for (const session of this.#sessions) session.close(fault);
  }

  /** Commits what is queued, writes leases down, and closes the database. */
  async close(): Promise<void> {
    this.endStreams(new RefusedError("stopped"));
    await Promise.allSettled([this.leases.close(), this.#compaction.close()]);
    this.#queue.stop();
    this.#db.close();
  }

  #checkQuota(): void {
    if (this.isFull) refuse("noSpace");
  }

  /** Reads of a damaged database answer as etcd does; the details go to the log. */
  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#options.log.error({ err: this.#explain(error) }, "the database is damaged");
      return refuse("corrupt");
    }
  }

  #explain(error: unknown): Error {
    const text = error instanceof Error ? error.message : String(error);
    if (isCorrupt(error)) return corruptError(this.#db.file, text, error);
    return new LodenError(
      "ERR_STORE",
      `writing the store's database ${this.#db.file} failed: ${text}. Check the disk`,
      {
        cause: error,
        fields: { file: this.#db.file },
      },
    );
  }
}

function hasPut(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].some(
    ({ request: op }) => op.case === "requestPut" || (op.case === "requestTxn" && hasPut(op.value)),
  );
}
