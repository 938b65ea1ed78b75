// Range sets: the pools that host-local takes addresses from. Defaults, checks and error texts follow the reference
// plugin, since its tests and its users' eyes know them.
import type { Address, Family } from "#kernel/ip/address";
import { AddressRange } from "#kernel/ip/range";
import type { Prefix } from "#kernel/ip/prefix";
import { invalidConfig } from "../../error.ts";
import type { Fields } from "../../fields.ts";

/** Part of a subnet, with the gateway that is never given out. */
export interface PoolRange {
  readonly subnet: Prefix;
  readonly range: AddressRange;
  /** Need not lie inside the range. */
  readonly gateway: Address;
}

/** Ranges of one family, of which an attachment gets one address. Never empty. */
export type RangeSet = readonly [PoolRange, ...PoolRange[]];

/** Bits a subnet must leave for hosts: network, broadcast, gateway, one container. */
const MIN_HOST_BITS = 2;

/** Reads one range: `subnet`, and optionally `rangeStart`, `rangeEnd`, `gateway`. */
export function readRange(fields: Fields): PoolRange {
  const subnet = fields.prefix("subnet");
  if (subnet === undefined) throw invalidConfig(`${fields.path("subnet")} is missing`);
  if (subnet.length > subnet.address.bits - MIN_HOST_BITS) {
    throw invalidConfig(`Network ${subnet.toString()} too small to allocate from`);
  }
  if (!subnet.isMasked) {
    throw invalidConfig(
      `Network has host bits set. For a subnet mask of length ${subnet.length} the network address is ${subnet.first.toString()}`,
    );
  }
  // The broadcast address of IPv4 is not given out; IPv6 has none.
  const lastHost = subnet.family === 4 ? subnet.last.add(-1n) : subnet.last;
  const start = fields.address("rangeStart")?.unmapped;
  const end = fields.address("rangeEnd")?.unmapped;
  const name = subnet.toString();
  if (start !== undefined && !(subnet.contains(start) && (end === undefined || start.compare(end) <= 0))) {
    throw invalidConfig(`RangeStart ${start.toString()} not in network ${name}`);
  }
  if (end !== undefined && !(subnet.contains(end) && end.compare(start ?? subnet.first.add(1n)) >= 0)) {
    throw invalidConfig(`RangeEnd ${end.toString()} not in network ${name}`);
  }
  return {
    subnet,
    range: AddressRange.of(start ?? subnet.first.add(1n), end ?? lastHost),
    gateway: fields.address("gateway")?.unmapped ?? subnet.first.add(1n),
  };
}

/** @throws CniError 7 when the ranges cannot be one set */
export function asSet(ranges: readonly PoolRange[]): RangeSet {
  const [first, ...others] = ranges;
  if (first === undefined) throw invalidConfig("empty range set");
  if (others.length === 0) return [first];
  if (others.some((other) => other.subnet.family !== first.subnet.family))
    throw invalidConfig("mixed address families");
  for (const [position, range] of ranges.entries()) {
    const other = ranges.slice(position + 1).find((candidate) => range.range.overlaps(candidate.range));
    if (other === undefined) continue;
    throw invalidConfig(`subnets ${range.range.toString()} and ${other.range.toString()} overlap`);
  }
  return [first, ...others];
}

/** @throws CniError 7 when two sets share an address */
export function refuseOverlaps(sets: readonly RangeSet[]): void {
  if (sets.length === 1) return;
  for (const [index, set] of sets.entries()) {
    for (const [offset, other] of sets.slice(index + 1).entries()) {
      if (set.some((a) => other.some((b) => a.range.overlaps(b.range)))) {
        throw invalidConfig(`range set ${index} overlaps with ${index + offset + 1}`);
      }
    }
  }
}

export function familyOf(set: RangeSet): Family {
  return set[0].subnet.family;
}

/** The range of a set that holds an address. */
export function rangeWith(set: RangeSet, address: Address): PoolRange | undefined {
  return set.find((range) => range.range.contains(address));
}

/** As the reference plugin prints a set. */
export function printSet(set: RangeSet): string {
  return set.map((range) => range.range.toString()).join(",");
}

/** An address with the range it is of. */
export interface Candidate {
  readonly address: Address;
  readonly range: PoolRange;
}

/**
 * Offers every address of a set once until one is taken, from the one after `last` on and round again, gateways left
 * out: addresses are given out in turn, so that one just released is not used again at once.
 */
export function takeCandidate(
  set: RangeSet,
  last: Address | undefined,
  take: (candidate: Candidate) => boolean,
): Candidate | undefined {
  const holder = last === undefined ? -1 : set.findIndex((range) => range.range.contains(last));
  const startIndex = Math.max(holder, 0);
  const startRange = set[startIndex]!;
  const from = holder < 0 || last === undefined ? startRange.range.first.value : last.value + 1n;
  const next = walk(startRange, from, startRange.range.last.value, take);
  if (next !== undefined) return next;
  for (let step = 1; step < set.length; step++) {
    const range = set[(startIndex + step) % set.length]!;
    const taken = walk(range, range.range.first.value, range.range.last.value, take);
    if (taken !== undefined) return taken;
  }
  return walk(startRange, startRange.range.first.value, from - 1n, take);
}

function walk(
  range: PoolRange,
  from: bigint,
  to: bigint,
  take: (candidate: Candidate) => boolean,
): Candidate | undefined {
  const { first } = range.range;
  for (let value = from; value <= to; value++) {
    const address = first.add(value - first.value);
    if (address.equals(range.gateway)) continue;
    const candidate = { address, range };
    if (take(candidate)) return candidate;
  }
  return undefined;
}
