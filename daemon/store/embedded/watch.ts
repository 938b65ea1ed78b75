// One watch stream: any number of watches whose events, answers and progress go to one client. Each watch is a revision
// from which it goes on; events are looked up when the client takes the next answer, so a slow client costs no memory,
// and what it missed comes from the database. etcdserver/api/v3rpc/watch.go of etcd 3.4 has the order of the answers.
import type { Clock } from "../../clock.ts";
import type { Change, MutableHorizon } from "./commit.ts";
import type { StoreDatabase } from "./database.ts";
import { RefusedError } from "./errors.ts";
import { eventBytes, readChanges, type RecentChanges } from "./history.ts";
import { contains, isEmptyRange, type KeyRange, keyRange } from "./key-range.ts";
import { DELETE, type Event, FILTER, PUT, type WatchCreateRequest, type WatchResponse } from "./types.ts";

/** Events are gathered into one answer up to this size; clients of some languages refuse more than 4 MiB. */
const ANSWER_BYTES = 1024 * 1024;

/** Answers to requests that may wait for a client that does not read; then its requests are not read either. */
const MAX_WAITING = 1000;

/** Watch id of answers that concern the whole stream or no watch. */
const NO_WATCH = -1n;

interface Watch {
  readonly id: bigint;
  readonly range: KeyRange;
  readonly skipped: ReadonlySet<number>;
  readonly isPrevWanted: boolean;
  readonly isFragmentable: boolean;
  readonly isProgressWanted: boolean;
  /** The first revision that has not been looked at. */
  next: bigint;
  /** No events since the last look of the progress timer. */
  isQuiet: boolean;
  isProgressDue: boolean;
}

export interface WatchSource {
  readonly db: StoreDatabase;
  readonly horizon: Readonly<MutableHorizon>;
  readonly recent: RecentChanges;
  readonly clock: Clock;
  /** Between the progress reports of a watch that asked for them, milliseconds. */
  readonly progressInterval: number;
}

export class WatchSession {
  readonly #source: WatchSource;
  readonly #watches = new Map<bigint, Watch>();
  readonly #stop = new AbortController();
  #waiting: WatchResponse[] = [];
  #lastId = NO_WATCH;
  #progressRequests = 0;
  #isTimerRunning = false;
  #wake: (() => void) | undefined;
  #relief: (() => void) | undefined;
  #fault: Error | undefined;

  constructor(source: WatchSource) {
    this.#source = source;
  }

  /** Resolves at once, or when a client that asks faster than it reads has caught up. */
  async create(request: WatchCreateRequest): Promise<void> {
    const { current, compacted } = this.#source.horizon;
    // An empty key stands for the smallest one.
    const range = keyRange(request.key.length === 0 ? new Uint8Array(1) : request.key, request.rangeEnd);
    const wanted = request.watchId ?? 0n;
    if (isEmptyRange(range)) return this.#refuse("mvcc: watcher range is empty");
    if (wanted !== 0n && this.#watches.has(wanted)) {
      return this.#refuse("mvcc: duplicate watch ID provided on the WatchStream");
    }
    const id = wanted === 0n ? this.#freeId() : wanted;
    const { startRevision = 0n } = request;
    const first = startRevision < 0n ? 1n : startRevision;
    const watch: Watch = {
      id,
      range,
      skipped: new Set((request.filters ?? []).map((filter) => (filter === FILTER.NOPUT ? PUT : DELETE))),
      isPrevWanted: request.prevKv === true,
      isFragmentable: request.fragment === true,
      isProgressWanted: request.progressNotify === true,
      next: first === 0n ? current + 1n : first,
      isQuiet: true,
      isProgressDue: false,
    };
    this.#waiting.push({ header: { revision: current }, watchId: id, created: true, events: [] });
    // Also when the changes are still in memory: what is compacted cannot be had.
    if (first !== 0n && first < compacted) this.#waiting.push(this.#compactedAnswer(id));
    else this.#watches.set(id, watch);
    if (watch.isProgressWanted) this.#startTimer();
    return this.#answered();
  }

  /** An unknown id gets no answer, as in etcd. */
  async cancel(id: bigint): Promise<void> {
    if (!this.#watches.delete(id)) return;
    this.#waiting.push({ header: { revision: this.#source.horizon.current }, watchId: id, canceled: true, events: [] });
    await this.#answered();
  }

  /** Asks for an answer with the revision up to which all watches of the stream have everything. */
  requestProgress(): void {
    this.#progressRequests = Math.min(this.#progressRequests + 1, MAX_WAITING);
    this.notify();
  }

  /** Something was committed. */
  notify(): void {
    this.#wake?.();
  }

  /** Ends the stream, with an error for the client if there is one. */
  close(fault?: Error): void {
    this.#fault ??= fault;
    this.#stop.abort();
    this.#relief?.();
    this.notify();
  }

  /** The answers, for ever, until `close`. To be taken by one reader. */
  async *responses(): AsyncGenerator<WatchResponse, void> {
    while (!this.#stop.signal.aborted) {
      const waiting = this.#takeWaiting();
      if (waiting !== undefined) {
        yield waiting;
        continue;
      }
      const behind = this.#nextBehind();
      if (behind !== undefined) {
        const { answers, isFromDisk } = this.#advance(behind);
        yield* answers;
        // Reading much history must not keep others waiting.
        if (isFromDisk) await new Promise(setImmediate);
        continue;
      }
      const progress = this.#takeProgress();
      if (progress !== undefined) {
        yield progress;
        continue;
      }
      await this.#sleep();
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  #freeId(): bigint {
    do this.#lastId += 1n;
    while (this.#watches.has(this.#lastId));
    return this.#lastId;
  }

  #refuse(reason: string): Promise<void> {
    const header = { revision: this.#source.horizon.current };
    this.#waiting.push({ header, watchId: NO_WATCH, created: true, canceled: true, cancelReason: reason, events: [] });
    return this.#answered();
  }

  #compactedAnswer(id: bigint): WatchResponse {
    const { current, compacted } = this.#source.horizon;
    const cancelReason = new RefusedError("compacted").message;
    const header = { revision: current };
    return { header, watchId: id, canceled: true, compactRevision: compacted, cancelReason, events: [] };
  }

  async #answered(): Promise<void> {
    this.notify();
    if (this.#waiting.length < MAX_WAITING || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#relief = resolve;
    });
  }

  #takeWaiting(): WatchResponse | undefined {
    const first = this.#waiting.shift();
    if (this.#waiting.length < MAX_WAITING / 2) this.#relief?.();
    return first;
  }

  /** A watch with changes to look at. It moves behind the others, so that each has its turn. */
  #nextBehind(): Watch | undefined {
    for (const watch of this.#watches.values()) {
      if (watch.next > this.#source.horizon.current) continue;
      this.#watches.delete(watch.id);
      this.#watches.set(watch.id, watch);
      return watch;
    }
    return undefined;
  }

  /** Looks at the next changes, as many as fit in one answer. */
  #advance(watch: Watch): { readonly answers: WatchResponse[]; readonly isFromDisk: boolean } {
    const { db, horizon, recent } = this.#source;
    const isFromDisk = recent.at(watch.next) === undefined;
    if (isFromDisk && watch.next < horizon.compacted) {
      this.#watches.delete(watch.id);
      return { answers: [this.#compactedAnswer(watch.id)], isFromDisk };
    }
    const changes = isFromDisk ? readChanges(db, watch.next, watch.isPrevWanted) : undefined;
    const events: Event[] = [];
    let bytes = 0;
    let index = 0;
    const following = (): Change | undefined => (changes === undefined ? recent.at(watch.next) : changes[index++]);
    for (let change = following(); change !== undefined; change = following()) {
      for (const event of change.events) {
        if (watch.skipped.has(event.type) || !contains(watch.range, event.kv.key)) continue;
        // What held before a compacted revision is not told, even while it is in memory.
        const isPrevTold = watch.isPrevWanted && change.revision > horizon.compacted;
        const wanted = isPrevTold ? event : { type: event.type, kv: event.kv };
        events.push(wanted);
        bytes += eventBytes(wanted);
      }
      watch.next = change.revision + 1n;
      if (bytes >= ANSWER_BYTES) break;
    }
    // Nothing on disk from here on: there can be gaps only where compaction has removed rows.
    if (changes?.length === 0) watch.next = horizon.current + 1n;
    if (events.length === 0) return { answers: [], isFromDisk };
    watch.isQuiet = false;
    return { answers: this.#answers(watch, events, bytes), isFromDisk };
  }

  /** One answer; several for a client that allows it, when the events are too large for one. */
  #answers(watch: Watch, events: Event[], bytes: number): WatchResponse[] {
    // Tells how far this watch has got, which may be less than what the store holds by now.
    const header = { revision: watch.next - 1n };
    if (!watch.isFragmentable || bytes <= ANSWER_BYTES) return [{ header, watchId: watch.id, events }];
    const answers: WatchResponse[] = [];
    let size = Infinity;
    for (const event of events) {
      if (size >= ANSWER_BYTES) {
        answers.push({ header, watchId: watch.id, fragment: true, events: [] });
        size = 0;
      }
      answers.at(-1)?.events.push(event);
      size += eventBytes(event);
    }
    const last = answers.at(-1);
    if (last !== undefined) last.fragment = false;
    return answers;
  }

  /** To be called when no watch is behind: what it says holds for all of them. */
  #takeProgress(): WatchResponse | undefined {
    const header = { revision: this.#source.horizon.current };
    if (this.#progressRequests > 0) {
      this.#progressRequests--;
      return { header, watchId: NO_WATCH, events: [] };
    }
    for (const watch of this.#watches.values()) {
      if (!watch.isProgressDue) continue;
      watch.isProgressDue = false;
      return { header, watchId: watch.id, events: [] };
    }
    return undefined;
  }

  #startTimer(): void {
    if (this.#isTimerRunning) return;
    this.#isTimerRunning = true;
    void this.#reportProgressForEver();
  }

  async #reportProgressForEver(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#source.clock.sleep(this.#source.progressInterval, signal);
      } catch {
        return;
      }
      for (const watch of this.#watches.values()) {
        watch.isProgressDue = watch.isProgressWanted && watch.isQuiet;
        watch.isQuiet = true;
      }
      this.notify();
    }
  }

  async #sleep(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
