// What stands between a watch's producer and its consumer. The producer never waits for the consumer: what was not
// taken yet is merged into one batch, and when that grows too big it is dropped and a fresh snapshot takes its place,
// so that a slow consumer loses nothing and costs no memory.
import type { Events, ReleaseMark, Snapshot, StoreEvent, WatchResult } from "./port.ts";

/** Most events, and most characters of keys and values, that wait for the consumer. */
const MAX_EVENTS = 8_192;
const MAX_CHARACTERS = 16 * 1024 * 1024;

export interface BufferLimits {
  readonly events: number;
  readonly characters: number;
}

export class WatchBuffer implements AsyncIterableIterator<WatchResult> {
  readonly #limits: BufferLimits;
  readonly #onReturn: () => void;
  #snapshot: Snapshot | undefined;
  /** The next snapshot is of another copy of the store than what the consumer has, or one before it was that never came. */
  #restored = false;
  #events: StoreEvent[] = [];
  #released: ReleaseMark[] = [];
  #revision = 0n;
  #characters = 0;
  #ended = false;
  #waiting: ((result: IteratorResult<WatchResult>) => void)[] = [];
  #hungry: (() => void)[] = [];

  /** `onReturn` is called when the consumer leaves its loop. */
  constructor(onReturn: () => void, limits: BufferLimits = { events: MAX_EVENTS, characters: MAX_CHARACTERS }) {
    this.#onReturn = onReturn;
    this.#limits = limits;
  }

  /** Resolves when the consumer waits for something and nothing is there; at once when the buffer has ended. */
  hungry(): Promise<void> {
    if (this.#ended || this.#waiting.length > 0) return Promise.resolve();
    return new Promise((resolve) => this.#hungry.push(resolve));
  }

  /** Puts a snapshot in place of everything that waits. */
  snapshot(snapshot: Snapshot): void {
    if (this.#ended) return;
    this.#clear();
    this.#snapshot = snapshot;
    this.#restored ||= snapshot.restored === true;
    this.#deliver();
  }

  /** Adds events. False when too many wait already: all have been dropped, and a snapshot must follow. */
  events(batch: Events): boolean {
    if (this.#ended) return true;
    const characters = batch.events.reduce((sum, event) => sum + size(event), 0);
    const waiting = this.#events.length + this.#released.length;
    const count = batch.events.length + (batch.released?.length ?? 0);
    if (
      waiting > 0 &&
      (waiting + count > this.#limits.events || this.#characters + characters > this.#limits.characters)
    ) {
      this.#clear();
      return false;
    }
    for (const event of batch.events) this.#events.push(event);
    for (const mark of batch.released ?? []) this.#released.push(mark);
    this.#characters += characters;
    this.#revision = batch.revision;
    this.#deliver();
    return true;
  }

  /** No more will come: the consumer's loop ends at once, what waited is dropped. */
  end(): void {
    this.#ended = true;
    this.#clear();
    for (const give of this.#waiting.splice(0)) give({ done: true, value: undefined });
    this.#feed();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WatchResult>> {
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#deliver();
      if (this.#waiting.length > 0) this.#feed();
    });
  }

  return(): Promise<IteratorResult<WatchResult>> {
    this.end();
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  #deliver(): void {
    while (this.#waiting.length > 0) {
      const value = this.#take();
      if (value === undefined) return;
      this.#waiting.shift()?.({ done: false, value });
    }
  }

  #take(): WatchResult | undefined {
    if (this.#snapshot !== undefined) {
      const snapshot = this.#restored ? { ...this.#snapshot, restored: true as const } : this.#snapshot;
      this.#snapshot = undefined;
      this.#restored = false;
      return snapshot;
    }
    if (this.#events.length === 0 && this.#released.length === 0) return undefined;
    const events = this.#events;
    const released = this.#released;
    this.#events = [];
    this.#released = [];
    this.#characters = 0;
    return { type: "events", revision: this.#revision, events, ...(released.length === 0 ? {} : { released }) };
  }

  #clear(): void {
    this.#snapshot = undefined;
    this.#events = [];
    this.#released = [];
    this.#characters = 0;
  }

  #feed(): void {
    for (const resolve of this.#hungry.splice(0)) resolve();
  }
}

function size(event: StoreEvent): number {
  return event.type === "put" ? event.entry.key.length + event.entry.value.length : event.key.length;
}
