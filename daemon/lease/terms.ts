// What a lease holder is given and what it holds.
import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Entry, SubnetStore } from "../store/port.ts";
import type { Claimant } from "./choice.ts";
import { decodeLease, encodeLease } from "./record.ts";
import type { BackendData, Lease, Network } from "./types.ts";
import { lacking } from "./whereabouts.ts";

/** flannel's, in seconds. */
export const LEASE_TTL_SECONDS = 86_400;

/** What the record says of this node, and the network that its subnet is from. */
export interface Terms {
  readonly network: Network;
  readonly claimant: Claimant;
  readonly backendType: string;
  readonly backendData: BackendData;
  /** Where this node is, while it cannot tell so: the claimant's address is then the one that peers know. */
  readonly present?: Lease["publicAddress"] | undefined;
}

export interface HolderOptions extends Terms {
  readonly store: SubnetStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly ttlSeconds?: number;
  /** The lease should never have less life left than this. */
  readonly renewMarginSeconds: number;
  /** Told of each fault and (undefined) of its end. */
  readonly onTrouble: (name: "lease" | "lease-renewal" | "store", error: Error | undefined) => void;
}

export interface HeldLease {
  readonly lease: Lease;
  /** The record's value. */
  readonly value: string;
  /** Milliseconds of the monotonic clock when it ends unless renewed; undefined for a reservation. */
  readonly deadline: number | undefined;
}

/** What is held, with the record as last seen. */
export interface Held {
  entry: Entry;
  readonly lease: Lease;
  value: string;
  deadline: number | undefined;
}

/** What is held since `now` with no record that is known to be ours. */
export function unrecorded(key: string, value: string, now: number): Held {
  const entry: Entry = { key, value, modRevision: 0n, createRevision: 0n, lease: 0n };
  return { entry, value, lease: decodeLease(key, value), deadline: now };
}

/** The value that a record has by its terms. */
export function recordValue({ claimant, backendType, backendData, present }: Terms, epoch: number): string {
  const { publicAddress, nodeId } = claimant;
  const vacated = present === undefined ? {} : lacking(publicAddress, present);
  return encodeLease({ publicAddress, backendType, backendData, nodeId, epoch, vacated });
}
