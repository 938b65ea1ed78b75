// Which lease a starting node should hold, decided from one snapshot of all leases. Pure; holder.ts carries it out with
// compare-and-swap writes and decides again when it lost a race. spec/decisions/lease-ownership.md tells the order and
// why it is so.
import { FAMILIES } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import type { Random } from "../clock.ts";
import type { Entry, ReleaseMark } from "../store/port.ts";
import { chooseSubnets, fitsNetwork } from "./allocate.ts";
import { parseSubnetKey, subnetKey } from "./keys.ts";
import { decodeLease } from "./record.ts";
import type { Lease, Network, PerFamily } from "./types.ts";
import { presentAddresses, sharesAddress } from "./whereabouts.ts";

/** Who asks for a lease. */
export interface Claimant {
  readonly nodeId: string;
  readonly publicAddress: Lease["publicAddress"];
  /** Subnets of the subnet file: containers may be running in them. */
  readonly previous: PerFamily<Prefix> | undefined;
  /** The host was started anew since: no container runs in `previous` any more, and it is only a wish. */
  readonly isFreshBoot?: boolean;
  /** Key of a lease that was a reservation when this node last held it. */
  readonly reserved?: string;
}

export type Choice =
  /** Take up a lease of our own, or one that flannel left for our address. */
  | { readonly type: "own"; readonly entry: Entry; readonly lease: Lease }
  /** Nobody has these subnets. */
  | { readonly type: "create"; readonly key: string; readonly subnet: PerFamily<Prefix> }
  /** Containers may be running in these subnets, and another has taken them: to be kept up, and claimed back when free. */
  | { readonly type: "lost"; readonly key: string; readonly subnet: PerFamily<Prefix> }
  /** A lease of our own that no longer fits the network: to be deleted before another is taken. */
  | { readonly type: "discard"; readonly entry: Entry }
  /** Another node id holds a lease for our public address, or our node id holds one for another address. */
  | { readonly type: "disputed"; readonly entry: Entry; readonly lease: Lease };

export type Ownership = "mine" | "disputed" | "foreign";

/**
 * Whose a lease is. A record without a node id is flannel's, which knows a node by its public address. The same node id
 * under another address counts as ours only with the subnet file as a witness: ids can be cloned with the machine.
 */
export function ownership(lease: Lease, claimant: Claimant): Ownership {
  const isOurAddress = sharesAddress(lease.publicAddress, claimant.publicAddress);
  if (lease.nodeId === undefined) return isOurAddress ? "mine" : "foreign";
  if (lease.nodeId !== claimant.nodeId) {
    return sharesAddress(presentAddresses(lease), claimant.publicAddress) ? "disputed" : "foreign";
  }
  const wasOurs = claimant.previous !== undefined && subnetKey(claimant.previous) === lease.key;
  return isOurAddress || wasOurs ? "mine" : "disputed";
}

/** What a choice is made from. */
export interface Known {
  readonly entries: readonly Entry[];
  /** The longest ago first. */
  readonly released?: readonly ReleaseMark[];
  /** Lost races for a free subnet, one after the other. */
  readonly lostRaces?: number;
}

/** @throws LodenError ERR_OUT_OF_SUBNETS */
export function chooseLease(known: Known, claimant: Claimant, network: Network, random: Random): Choice {
  const { entries, released = [], lostRaces = 0 } = known;
  const previous = claimant.previous !== undefined && isKeepable(claimant, network) ? claimant.previous : undefined;
  const previousKey = previous === undefined ? undefined : subnetKey(previous);
  const leases = entries.flatMap((entry) => readable(entry) ?? []);
  const mine = leases.filter(({ lease }) => ownership(lease, claimant) === "mine");
  const fitting = mine.filter(({ lease }) => fitsNetwork(network, lease.subnet));

  const kept = mine.find(({ lease }) => lease.key === previousKey);
  if (kept !== undefined) return { type: "own", ...kept };
  // Containers of a subnet that nobody else has taken keep it, even where another lease bears our address.
  const taken = subnetsOf(entries);
  const disputes = leases.filter(({ lease }) => ownership(lease, claimant) === "disputed");
  if (previous !== undefined && previousKey !== undefined) {
    if (!taken.some((subnets) => overlap(subnets, previous))) {
      return { type: "create", key: previousKey, subnet: previous };
    }
    if (claimant.isFreshBoot !== true) {
      const about = disputes.find(({ lease }) => lease.key === previousKey);
      return about === undefined
        ? { type: "lost", key: previousKey, subnet: previous }
        : { type: "disputed", ...about };
    }
  }
  // Of several the one that somebody reserved for this node, by a record without end.
  const first = fitting.find(({ entry }) => entry.lease === 0n) ?? fitting[0];
  if (first !== undefined) return { type: "own", ...first };
  const [disputed] = disputes;
  if (disputed !== undefined) return { type: "disputed", ...disputed };
  const unfit = mine.find(({ entry }) => entry.lease !== 0n);
  if (unfit !== undefined) return { type: "discard", entry: unfit.entry };
  // Nodes that start together all know which was released the longest ago, and only one of them can have it.
  const spread = 2 ** lostRaces - 1;
  const subnet = chooseSubnets(network, taken, random, { subnets: subnetsOf(released), spread });
  return { type: "create", key: subnetKey(subnet), subnet };
}

/**
 * The previous subnets may be taken again. While containers may be running in them it is enough that they lie in the
 * network: SubnetMin, SubnetMax and SubnetLen are for new leases.
 */
function isKeepable({ previous = {}, isFreshBoot }: Claimant, network: Network): boolean {
  if (isFreshBoot === true) return fitsNetwork(network, previous);
  return FAMILIES.every((family) => {
    const [range, subnet] = [network.ranges[family], previous[family]];
    return range === undefined || subnet === undefined
      ? range === subnet
      : subnet.length > range.network.length && range.network.contains(subnet);
  });
}

/** Leases of our own besides the one held: left over, and of no use to anybody. Reservations are the user's, not ours. */
export function leftovers(entries: readonly Entry[], claimant: Claimant, held: string): Entry[] {
  return entries.filter((entry) => {
    const lease = entry.key === held || entry.lease === 0n ? undefined : readable(entry)?.lease;
    return lease !== undefined && ownership(lease, claimant) === "mine";
  });
}

/** Of keys that are lease keys. */
function subnetsOf(records: readonly { readonly key: string }[]): PerFamily<Prefix>[] {
  return records.map(({ key }) => parseSubnetKey(key)).filter((subnets) => subnets !== undefined);
}

/** A record whose value cannot be read still occupies the subnet its key names, but belongs to nobody known. */
function readable(entry: Entry): { entry: Entry; lease: Lease } | undefined {
  try {
    return { entry, lease: decodeLease(entry.key, entry.value) };
  } catch {
    return undefined;
  }
}

function overlap(a: PerFamily<Prefix>, b: PerFamily<Prefix>): boolean {
  return FAMILIES.some((family) => {
    const [left, right] = [a[family], b[family]];
    return left !== undefined && right !== undefined && left.overlaps(right);
  });
}

/** A record, of whatever key, takes addresses of these subnets. */
export function overlapsKey(key: string, subnets: PerFamily<Prefix>): boolean {
  const other = parseSubnetKey(key);
  return other !== undefined && overlap(other, subnets);
}

/** By its content a record is ours: it has our id, or is flannel's for our address. */
export function isOwnRecord(entry: Entry, claimant: Claimant): boolean {
  return readable(entry)?.lease.nodeId === claimant.nodeId || isFlannelsForUs(entry, claimant);
}

/** Written by something that knows this node by its address alone, as flannel does. */
export function isFlannelsForUs(entry: Entry, claimant: Claimant): boolean {
  const lease = readable(entry)?.lease;
  return lease !== undefined && lease.nodeId === undefined && ownership(lease, claimant) === "mine";
}
