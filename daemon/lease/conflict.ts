// Other records than the one that is held: what to tell people when two nodes want one lease, how long ago its holder was
// heard, and records of our own that nobody uses.
import type { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import type { Clock } from "../clock.ts";
import { withDeadline } from "../deadline.ts";
import type { Entry, SubnetStore, WatchResult } from "../store/port.ts";
import type { Log } from "../log.ts";
import { type Claimant, leftovers } from "./choice.ts";
import { decodeLease } from "./record.ts";
import { deleteRecord } from "./release-record.ts";
import type { Lease, PerFamily } from "./types.ts";

/**
 * Longest time between two renewals, in seconds. A renewal is one small message that changes no record, so that it costs
 * peers nothing; being this frequent, it tells a node that meets its own address in use whether the holder is alive.
 */
export const HEARTBEAT_SECONDS = 60;

/** A holder that has not renewed for this long is gone: two renewals were missed, and half of one for slow stores. */
export const SILENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS;

/**
 * A holder that was silent for this long must come back by a write: another may be about to take it for gone, and a
 * renewal changes no record that the other's compare-and-swap could fail on. Half, for the time that both take to look.
 */
export const WRITE_AFTER_SECONDS = SILENCE_SECONDS / 2;

/** A short lease (in tests) is renewed this many times in its life. */
const RENEWALS_PER_LIFE = 3;

/** Seconds between renewals of a lease that should never have less than `margin` left. */
export function renewalInterval(ttl: number, margin: number): number {
  return Math.min(HEARTBEAT_SECONDS, ttl / RENEWALS_PER_LIFE, ttl - margin);
}

/** Less than this is no time for an answer, however short a lease is; in milliseconds. */
const SHORTEST_ATTEMPT_MS = 500;

/** A request that hangs on a store member that is gone leaves time for another one before the lease ends. */
export function inThirdOfLife(
  clock: Clock,
  ttl: number,
  signal: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const limit = Math.max(SHORTEST_ATTEMPT_MS, (ttl * 1_000) / RENEWALS_PER_LIFE);
  const text = `the store did not answer within ${Math.round(limit / 100) / 10} s, a third of the lease's life`;
  return withDeadline(clock, limit, signal, () => new LodenError("ERR_STORE_UNAVAILABLE", text), attempt);
}

/** The subnets, for a log line. */
export function subnetText(subnet: PerFamily<Prefix>): string {
  return Object.values(subnet).join(" ");
}

function addressText(lease: Pick<Lease, "publicAddress">): string {
  return Object.values(lease.publicAddress).join(" and ");
}

/** @param silence seconds since the other was heard */
export function disputeError(lease: Lease, claimant: Claimant, silence: number): LodenError {
  const text =
    lease.nodeId === claimant.nodeId
      ? `a live node at ${addressText(lease)} has this node's id ${claimant.nodeId}: give each its own --node-id`
      : `another live node (id ${lease.nodeId ?? ""}) holds ${lease.key} with this node's address ${addressText(lease)}: ` +
        "give one of them another address, or its own --iface or --public-ip";
  return new LodenError(
    "ERR_LEASE_CONFLICT",
    `${text}. It renewed ${Math.round(silence)} s ago; if it is gone for good, its lease is taken over after ${SILENCE_SECONDS} s of silence`,
    { fields: { lease: lease.key } },
  );
}

/** Another record stands where ours was; `current` is undefined when nobody knows which. */
export function lostError(lease: Lease, current: Entry | undefined): LodenError {
  let holder = "somebody else";
  try {
    if (current !== undefined) {
      const other = decodeLease(current.key, current.value);
      holder = `the node at ${addressText(other)}${other.nodeId === undefined ? "" : ` (id ${other.nodeId})`}`;
    }
  } catch {
    holder = "a record that cannot be read";
  }
  return new LodenError(
    "ERR_LEASE_CONFLICT",
    `${holder} has taken this node's lease ${lease.key}. The data path here stays as it is, so both nodes now use the ` +
      `subnet: stop one of them, or delete its lease (etcdctl del <etcd-prefix>/subnets/${lease.key}) and this node takes it again; ` +
      "a node without containers gets another subnet once its subnet file is removed and it is restarted",
    { fields: { lease: lease.key } },
  );
}

interface Sighting {
  /** Undefined where it was gone. */
  readonly entry: Entry | undefined;
  readonly revision: bigint;
}

/** A record as a store's watch showed it, in the order of revisions. */
export function sightings(result: WatchResult, key: string): Sighting[] {
  if (result.type === "snapshot") {
    return [{ entry: result.entries.find((entry) => entry.key === key), revision: result.revision }];
  }
  return result.events.flatMap((event): Sighting[] => {
    if (event.type === "delete") return event.key === key ? [{ entry: undefined, revision: event.modRevision }] : [];
    return event.entry.key === key ? [{ entry: event.entry, revision: event.entry.modRevision }] : [];
  });
}

/**
 * Seconds since the holder of a record last renewed it. Without a store lease nobody does: a reservation. A lease with 0
 * seconds left is in its last second and alive: it ends by itself, and its record with it.
 */
export async function silenceOf(store: SubnetStore, entry: Entry, signal: AbortSignal): Promise<number> {
  if (entry.lease === 0n) return 0;
  const { ttl, granted } = await store.timeToLive(entry.lease, signal);
  return ttl < 0 ? Infinity : granted - ttl;
}

/** Renews a record's store lease; resolves to the seconds left, 0 where only a write may bring it back. */
export async function renewUnlessSilent(store: SubnetStore, entry: Entry, signal: AbortSignal): Promise<number> {
  const isHeard = (await silenceOf(store, entry, signal)) < WRITE_AFTER_SECONDS;
  return isHeard ? await store.keepAlive(entry.lease, signal) : 0;
}

/** The lease cannot be renewed, and has so many seconds left. */
export function renewalError(left: number, cause: LodenError | Error): Error {
  if (cause instanceof LodenError && cause.code === "ERR_LEASE_CONFLICT") return cause;
  const when = left > 0 ? `ends in ${Math.ceil(left / 60)} min` : "has ended as far as this node knows";
  return new LodenError(
    "ERR_STORE_UNAVAILABLE",
    `the lease ${when} and cannot be renewed; once it has ended another node may be given this subnet: ${cause.message}`,
    { cause },
  );
}

/** Deletes records of this node's own besides the one under `held`. */
export async function clearLeftovers(
  options: { readonly store: SubnetStore; readonly log: Log },
  entries: readonly Entry[],
  claimant: Claimant,
  held: string,
  signal: AbortSignal,
): Promise<void> {
  for (const entry of leftovers(entries, claimant, held)) {
    const result = await deleteRecord(options, entry, signal);
    if (result.ok) options.log.info({ lease: entry.key }, "an unused lease of this node's own is deleted");
  }
}
