// Ranges of keys as etcd writes them: one key, [key, end), or everything from a key on. Keys are compared byte by byte.
import type { Bytes } from "./types.ts";

export interface KeyRange {
  readonly kind: "one" | "bounded" | "from";
  readonly from: Bytes;
  /** First key after the range; of use for "bounded" only. */
  readonly end: Bytes;
}

const NOTHING: Bytes = new Uint8Array(0);

/** Reads `key` and `range_end` of a request. */
export function keyRange(key: Bytes, rangeEnd: Bytes = NOTHING): KeyRange {
  if (rangeEnd.length === 0) return { kind: "one", from: key, end: NOTHING };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { kind: "from", from: key, end: NOTHING };
  return { kind: "bounded", from: key, end: rangeEnd };
}

/** Negative, zero or positive, as memcmp and SQLite order blobs. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return Buffer.compare(a, b);
}

/** Negative, zero or positive. */
export function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

export function contains(range: KeyRange, key: Bytes): boolean {
  const order = compareBytes(key, range.from);
  if (range.kind === "one") return order === 0;
  if (order < 0) return false;
  return range.kind === "from" || compareBytes(key, range.end) < 0;
}

/** Whether no key can be in the range. */
export function isEmptyRange(range: KeyRange): boolean {
  return range.kind === "bounded" && compareBytes(range.from, range.end) >= 0;
}
