// Room in the kernel's neighbour tables. A permanent entry (ours, on a VXLAN device) does not count, but every peer on the
// link is a neighbour of the underlay too, and those do: beyond gc_thresh3 the kernel refuses new ones ("neighbour table
// overflow"), beyond gc_thresh2 it drops them after five seconds. arp(7), net/core/neighbour.c. The tables belong to
// the machine, and are seen in its first network namespace alone.
import type { Family } from "#kernel/ip/address";
import { sysctlObject } from "../reconcile/objects.ts";
import type { KernelObject } from "../reconcile/port.ts";

/** Linux's own limits are 128, 512 and 1024: enough for so many peers beside the host's other neighbours. */
const UNTOUCHED = 256;

/** By how much each limit exceeds the number of peers. */
const THRESHOLDS = [
  ["gc_thresh1", 1],
  ["gc_thresh2", 2],
  ["gc_thresh3", 4],
] as const;

/** Grows with the number of peers by powers of two, so that one more peer changes nothing as a rule. */
export function neighbourRank(peers: number): number {
  return peers <= UNTOUCHED ? 0 : Math.ceil(Math.log2(peers));
}

/** The limits for a rank: raised where they are lower, and left where somebody gave more room. */
export function neighbourLimits(rank: number, families: readonly Family[]): KernelObject[] {
  if (rank === 0) return [];
  return families.flatMap((family) =>
    THRESHOLDS.map(([name, factor]) =>
      sysctlObject({
        path: `net/ipv${family}/neigh/default/${name}`,
        value: `${2 ** rank * factor}`,
        atLeast: true,
        ifPresent: true,
      }),
    ),
  );
}
