// Which subnet a node without one gets: any free one of the network's range with equal chance, so that nodes that start
// together seldom meet, whatever the size of the network; while there are any, one that was not released lately, and else
// the one that was released the longest ago (spec/decisions/release.md). Pure.
import { FAMILIES } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import type { Random } from "../clock.ts";
import type { Network, NetworkRange, PerFamily } from "./types.ts";

/** Slots [first, last] of a range that are taken; a slot is the place of one subnet, counted from subnetMin. */
interface Taken {
  readonly first: bigint;
  readonly last: bigint;
}

/** Subnets that were released not long ago. */
export interface Released {
  /** The longest ago first. */
  readonly subnets: readonly PerFamily<Prefix>[];
  /** Where one of them must be taken: so many more than the longest released are as good, for nodes that lost races. */
  readonly spread: number;
}

const NONE_RELEASED: Released = { subnets: [], spread: 0 };

/**
 * A free subnet per family of the network.
 * @throws LodenError ERR_OUT_OF_SUBNETS
 */
export function chooseSubnets(
  network: Network,
  leased: readonly PerFamily<Prefix>[],
  random: Random,
  released = NONE_RELEASED,
): PerFamily<Prefix> {
  const chosen: PerFamily<Prefix> = {};
  for (const family of FAMILIES) {
    const range = network.ranges[family];
    if (range === undefined) continue;
    const taken = leased.flatMap((subnets) => subnets[family] ?? []);
    const late = released.subnets.flatMap((subnets) => subnets[family] ?? []);
    const subnet = chooseRested(range, taken, random, late, released.spread);
    if (subnet === undefined) {
      throw new LodenError(
        "ERR_OUT_OF_SUBNETS",
        `out of subnets: all ${slotCount(range)} of /${range.subnetLength} from ${range.subnetMin.toString()} to ` +
          `${range.subnetMax.toString()} are leased; wait for one to end, delete leases that nobody uses, or widen ` +
          "the network configuration",
        { fields: { network: range.network.toString() } },
      );
    }
    chosen[family] = subnet;
  }
  return chosen;
}

/** A subnet that overlaps none of `taken`, and none of `released` or else the first of those that it can. */
function chooseRested(
  range: NetworkRange,
  taken: readonly Prefix[],
  random: Random,
  released: readonly Prefix[],
  spread: number,
): Prefix | undefined {
  const used = new Set(taken.map(String));
  const avoided = released.filter((subnet) => !used.has(subnet.toString()));
  const without = (count: number): Prefix[] => [...taken, ...avoided.slice(count)];
  // The more of them are let in, the more is free: the least that will do is found by halving.
  let [count, enough] = [0, avoided.length];
  while (count < enough) {
    const half = Math.floor((count + enough) / 2);
    if (freeSlots(range, mergeSlots(range, without(half))) > 0n) enough = half;
    else count = half + 1;
  }
  return chooseSubnet(range, without(count === 0 ? 0 : count + spread), random);
}

/** A subnet of the range that overlaps none of `taken`, or undefined when there is none. */
export function chooseSubnet(range: NetworkRange, taken: readonly Prefix[], random: Random): Prefix | undefined {
  const occupied = mergeSlots(range, taken);
  const free = freeSlots(range, occupied);
  if (free <= 0n) return undefined;
  let slot = pick(free, random);
  for (const { first, last } of occupied) {
    if (slot < first) break;
    slot += last - first + 1n;
  }
  return Prefix.of(range.subnetMin.add(slot * subnetSize(range)), range.subnetLength);
}

/** The subnet lies in the range and is one of its slots. */
export function isSlot(range: NetworkRange, subnet: Prefix): boolean {
  return (
    subnet.family === range.network.family &&
    subnet.length === range.subnetLength &&
    subnet.isMasked &&
    subnet.address.compare(range.subnetMin) >= 0 &&
    subnet.address.compare(range.subnetMax) <= 0
  );
}

/** The subnets are what the network asks for: a slot for each of its families, and no other family. */
export function fitsNetwork(network: Network, subnets: PerFamily<Prefix>): boolean {
  return FAMILIES.every((family) => {
    const range = network.ranges[family];
    const subnet = subnets[family];
    return range === undefined || subnet === undefined ? range === subnet : isSlot(range, subnet);
  });
}

function subnetSize(range: NetworkRange): bigint {
  return 1n << BigInt(range.network.address.bits - range.subnetLength);
}

function slotCount(range: NetworkRange): bigint {
  const count = (range.subnetMax.value - range.subnetMin.value) / subnetSize(range) + 1n;
  return count > 0n ? count : 0n;
}

function freeSlots(range: NetworkRange, occupied: readonly Taken[]): bigint {
  return occupied.reduce((free, { first, last }) => free - (last - first + 1n), slotCount(range));
}

/** The slots that `taken` touches, in order and without overlap. */
function mergeSlots(range: NetworkRange, taken: readonly Prefix[]): Taken[] {
  const size = subnetSize(range);
  const base = range.subnetMin.value;
  const count = slotCount(range);
  const touched: Taken[] = [];
  for (const subnet of taken) {
    if (subnet.family !== range.network.family) continue;
    const first = floorDivide(subnet.first.value - base, size);
    const last = floorDivide(subnet.last.value - base, size);
    if (last < 0n || first >= count) continue;
    touched.push({ first: first < 0n ? 0n : first, last: last >= count ? count - 1n : last });
  }
  touched.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Taken[] = [];
  for (const next of touched) {
    const before = merged.at(-1);
    if (before === undefined || next.first > before.last) merged.push(next);
    else if (next.last > before.last) merged[merged.length - 1] = { first: before.first, last: next.last };
  }
  return merged;
}

/** BigInt division rounds towards zero; slots below the range must come out negative. */
function floorDivide(value: bigint, by: bigint): bigint {
  return value >= 0n ? value / by : -((-value + by - 1n) / by);
}

/** A number in [0, limit). Two draws give 64 bits, more than any count of subnets that can be leased. */
function pick(limit: bigint, random: Random): bigint {
  const draw = (): bigint => BigInt(Math.floor(random.next() * 2 ** 32));
  return (((draw() << 32n) | draw()) * limit) >> 64n;
}
