// Other nodes that say of themselves that they have this node's address.
import type { Entry, SubnetStore } from "../store/port.ts";
import type { Claimant } from "./choice.ts";
import { SILENCE_SECONDS, silenceOf } from "./conflict.ts";
import { decodeLease } from "./record.ts";
import type { Terms } from "./terms.ts";
import type { Lease } from "./types.ts";
import { presentAddresses, sharesAddress } from "./whereabouts.ts";

/** The lease is of another node id, and tells our address as one that it has. One without an id is flannel's on this host. */
export function isRival(lease: Lease, { nodeId, publicAddress }: Claimant): boolean {
  const isOther = lease.nodeId !== undefined && lease.nodeId !== nodeId;
  return isOther && sharesAddress(presentAddresses(lease), publicAddress);
}

/** Its holder was heard lately. Not known of a record from an earlier run. */
export async function isLiveRival(store: SubnetStore, entry: Entry, signal: AbortSignal): Promise<boolean> {
  return entry.modRevision !== 0n && (await silenceOf(store, entry, signal)) < SILENCE_SECONDS;
}

/** A live node that has our address, and the seconds since it was heard. */
export async function findRival(
  store: SubnetStore,
  entries: readonly Entry[],
  claimant: Claimant,
  signal: AbortSignal,
): Promise<{ readonly lease: Lease; readonly silence: number } | undefined> {
  for (const entry of entries) {
    const lease = readable(entry);
    if (lease === undefined || !isRival(lease, claimant)) continue;
    const silence = await silenceOf(store, entry, signal);
    if (silence < SILENCE_SECONDS) return { lease, silence };
  }
  return undefined;
}

/** To take a record of ours up by: with the address that it tells already, while another live node has the one of now. */
export async function termsBesideRivals(
  store: SubnetStore,
  entries: readonly Entry[],
  { publicAddress }: Lease,
  claimant: Claimant,
  signal: AbortSignal,
): Promise<Partial<Terms>> {
  if (sharesAddress(publicAddress, claimant.publicAddress)) return {};
  const rival = await findRival(store, entries, claimant, signal);
  return rival === undefined ? {} : { claimant: { ...claimant, publicAddress }, present: claimant.publicAddress };
}

function readable(entry: Entry): Lease | undefined {
  try {
    return decodeLease(entry.key, entry.value);
  } catch {
    return undefined;
  }
}
