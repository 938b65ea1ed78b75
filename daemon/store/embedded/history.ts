// The past, for watches: the last changes in memory, older ones from the database. A slow watcher costs no memory of its
// own: it is a revision from which it goes on reading.
import type { Change } from "./commit.ts";
import type { StoreDatabase } from "./database.ts";
import { readBefore } from "./read.ts";
import { DELETE, type Event, type KeyValue, PUT } from "./types.ts";
import { tombstone } from "./write.ts";

/** Limits of what is kept in memory: changes, and bytes of their keys and values. */
const MAX_RECENT = 4096;
const MAX_RECENT_BYTES = 8 * 1024 * 1024;

/** Rows, and bytes of keys and values, that one read from the database brings: bounds the time it takes. */
const MAX_ROWS = 1000;
const MAX_ROW_BYTES = 1024 * 1024;

/** Roughly what an event takes on the wire. */
export function eventBytes({ kv, prevKv }: Event): number {
  return recordBytes(kv) + (prevKv === undefined ? 0 : recordBytes(prevKv));
}

function recordBytes({ key, value }: KeyValue): number {
  return key.length + value.length + 32;
}

/** The newest changes. Revisions have no gaps, so a revision is an index. */
export class RecentChanges {
  #changes: Change[] = [];
  #sizes: number[] = [];
  #bytes = 0;

  push(change: Change): void {
    const size = change.events.reduce((sum, event) => sum + eventBytes(event), 0);
    this.#changes.push(change);
    this.#sizes.push(size);
    this.#bytes += size;
    if (this.#changes.length > 2 * MAX_RECENT || this.#bytes > 2 * MAX_RECENT_BYTES) this.#trim();
  }

  /** The change that made `revision`, unless it is too old or yet to come. */
  at(revision: bigint): Change | undefined {
    const first = this.#changes[0];
    return first === undefined ? undefined : this.#changes[Number(revision - first.revision)];
  }

  /** Cuts to the limits from twice that, so that the cost of moving the rest is shared by many pushes. */
  #trim(): void {
    let drop = Math.max(0, this.#changes.length - MAX_RECENT);
    let bytes = this.#sizes.slice(drop).reduce((sum, size) => sum + size, 0);
    for (; bytes > MAX_RECENT_BYTES; drop++) bytes -= this.#sizes[drop] ?? 0;
    this.#changes = this.#changes.slice(drop);
    this.#sizes = this.#sizes.slice(drop);
    this.#bytes = bytes;
  }
}

/**
 * Changes from `from` on in revision order, whole revisions only, as many as fit in one read; [] when there are none.
 */
export function readChanges(db: StoreDatabase, from: bigint, withPrevious: boolean): Change[] {
  const changes: { revision: bigint; events: Event[] }[] = [];
  let bytes = 0;
  let rows = 0;
  const sql =
    "SELECT key, create_revision AS createRevision, revision AS modRevision, version, value, lease " +
    "FROM history WHERE revision >= ? ORDER BY revision, id";
  for (const kv of db.iterate<KeyValue>(sql, from)) {
    const event = eventOf(kv);
    let change = changes.at(-1);
    if (change?.revision !== kv.modRevision) {
      if (rows >= MAX_ROWS || bytes >= MAX_ROW_BYTES) break;
      change = { revision: kv.modRevision, events: [] };
      changes.push(change);
    }
    if (withPrevious) {
      const previous = readBefore(db, kv.key, kv.modRevision);
      if (previous !== undefined) event.prevKv = previous;
    }
    change.events.push(event);
    bytes += eventBytes(event);
    rows++;
  }
  return changes;
}

function eventOf(kv: KeyValue): Event {
  if (kv.version === 0n) return { type: DELETE, kv: tombstone(kv.key, kv.modRevision) };
  return { type: PUT, kv };
}
