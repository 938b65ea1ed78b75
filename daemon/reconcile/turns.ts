// A large pass in parts, between which the event loop turns. What belongs together stays together: links and all that hosts
// have few of come first, with nftables' tables and all their elements, which are one transaction; then what each peer has, in
// its order; what is to go comes last, so that traffic flows while objects move from one device to another.
import { setImmediate } from "node:timers/promises";
import { standsInTheWay } from "./diff.ts";
import { KINDS } from "./objects.ts";
import type { Change, ObjectKind } from "./port.ts";

/** Changes of one part: the kernel takes some 20 ms for them. */
const SLICE = 1_000;

/** What there is of for each peer, and can be made in parts. */
const MANY: ReadonlySet<ObjectKind> = new Set(["neighbour", "fdb", "route", "tunnel-peer"]);

/** Kinds in the order in which they go, others before them: nothing outlives what it stands on. */
const GOING: readonly ObjectKind[] = ["route", "fdb", "neighbour", "tunnel-peer", "address", "tunnel", "link"];

/** The changes in parts that are to be applied one after the other; a small number of them is one part, as it is. */
export function slices(changes: readonly Change[], size = SLICE): (readonly Change[])[] {
  if (changes.length === 0) return [];
  if (changes.length <= size) return [changes];
  const parts: { readonly [When in "first" | "made" | "gone"]: Change[] } = { first: [], made: [], gone: [] };
  for (const change of changes) parts[whenOf(change, changes)].push(change);
  const made = parts.made.toSorted((a, b) => makingOf(a) - makingOf(b));
  const gone = parts.gone.toSorted((a, b) => goingOf(a) - goingOf(b));
  return [parts.first, ...chunks(made, size), ...chunks(gone, size)].filter((part) => part.length > 0);
}

/** Lets whatever waits have its turn. Rejects when the signal has aborted. */
export async function yieldTurn(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

function whenOf(change: Change, all: readonly Change[]): "first" | "made" | "gone" {
  if (change.type !== "remove") return MANY.has(change.object.kind) ? "made" : "first";
  const { actual } = change;
  // A set that has lost its elements would have everything dropped until its table goes.
  if (actual.kind === "nft-element" || actual.kind === "nft-table") return "first";
  if (actual.kind !== "link") return "gone";
  const isInTheWay = all.some(
    (other) => other.type !== "remove" && other.object.kind === "link" && standsInTheWay(actual, other.object),
  );
  return isInTheWay ? "first" : "gone";
}

function makingOf(change: Change): number {
  return change.type === "remove" ? -1 : KINDS.indexOf(change.object.kind);
}

function goingOf(change: Change): number {
  const { kind } = change.type === "remove" ? change.actual : change.object;
  return GOING.indexOf(kind);
}

function chunks(changes: readonly Change[], size: number): (readonly Change[])[] {
  return Array.from({ length: Math.ceil(changes.length / size) }, (_, part) =>
    changes.slice(part * size, (part + 1) * size),
  );
}
