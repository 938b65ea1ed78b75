// Takes addresses for an attachment from the range sets, as the reference plugin does: a requested one, or the next
// that is free after the one given out last.
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { failure } from "../../error.ts";
import type { ResultAddress } from "../../result/types.ts";
import type { HostLocalConfig } from "./config.ts";
import { printSet, rangeWith, takeCandidate, type Candidate, type RangeSet } from "./ranges.ts";
import type { Store } from "./store.ts";

/** After so many taken addresses in a row, the directory is listed instead of asked for one by one. */
const TRIES_BEFORE_LISTING = 16;

/**
 * One address of every set, in order. On an error nothing that was taken stays taken.
 * @throws CniError 999 with the reference plugin's texts
 */
export function allocate(store: Store, config: HostLocalConfig, containerId: string, ifname: string): ResultAddress[] {
  const open = [...config.requested];
  const held = store.find(containerId, ifname);
  const taken: string[] = [];
  try {
    const results = config.sets.map((set, index) => {
      const at = open.findIndex((address) => rangeWith(set, address) !== undefined);
      const [requested] = at < 0 ? [] : open.splice(at, 1);
      try {
        const reserve = (address: Address): boolean => {
          if (!store.reserve(address, containerId, ifname)) return false;
          taken.push(address.toString());
          return true;
        };
        const { address, range } =
          requested === undefined
            ? takeNext(store, set, index, { held, containerId, reserve })
            : takeRequested(set, requested, reserve);
        store.setLast(index, address);
        return { address: Prefix.of(address, range.subnet.length), gateway: range.gateway };
      } catch (error) {
        throw failure(`failed to allocate for range ${index}: ${(error as Error).message}`, error);
      }
    });
    if (open.length === 0) return results;
    throw failure(`failed to allocate all requested IPs: ${open.map((address) => address.toString()).join(" ")}`);
  } catch (error) {
    if (taken.length > 0) store.release(containerId, ifname, taken);
    throw error;
  }
}

function takeRequested(set: RangeSet, address: Address, reserve: (address: Address) => boolean): Candidate {
  const range = rangeWith(set, address)!;
  const text = address.toString();
  if (address.equals(range.gateway)) throw failure(`requested ip ${text} is subnet's gateway`);
  if (reserve(address)) return { address, range };
  throw failure(`requested IP address ${text} is not available in range set ${printSet(set)}`);
}

interface Taker {
  /** Addresses the attachment has already. */
  readonly held: readonly string[];
  readonly containerId: string;
  reserve(address: Address): boolean;
}

function takeNext(store: Store, set: RangeSet, index: number, taker: Taker): Candidate {
  const duplicate = taker.held.find((text) => {
    const address = Address.tryParse(text);
    return address !== undefined && rangeWith(set, address) !== undefined;
  });
  if (duplicate !== undefined) {
    throw failure(`${duplicate} has been allocated to ${taker.containerId}, duplicate allocation is not allowed`);
  }
  const found = search(store, set, index, taker) ?? searchAgain(store, set, index, taker);
  if (found !== undefined) return found;
  throw failure(`no IP addresses available in range set: ${printSet(set)}`);
}

function search(store: Store, set: RangeSet, index: number, taker: Taker): Candidate | undefined {
  let tries = 0;
  let listed: Set<string> | undefined;
  return takeCandidate(set, store.last(index), ({ address }) => {
    if (++tries > TRIES_BEFORE_LISTING) listed ??= store.taken();
    return listed?.has(address.toString()) !== true && taker.reserve(address);
  });
}

/** A last look, after files that hold nothing have been removed. */
function searchAgain(store: Store, set: RangeSet, index: number, taker: Taker): Candidate | undefined {
  store.reclaimAllEmpty();
  return search(store, set, index, taker);
}
