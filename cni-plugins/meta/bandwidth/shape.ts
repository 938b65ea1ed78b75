// The queueing that holds a direction to its limit, as requests, and whether a link has it. One bucket for everything (tbf,
// with the numbers of the reference plugin); with a choice of subnets two classes (htb, as the reference plugin's 1.5 had).
import { ETH_P, filterDump, filterNew, prefixKeys, type U32Filter } from "#kernel/netlink/tc/filter";
import { INGRESS, INGRESS_HANDLE, ROOT, handleOf } from "#kernel/netlink/tc/message";
import {
  classDump,
  classNew,
  qdiscDelete,
  qdiscDump,
  qdiscNew,
  type HtbClass,
  type Qdisc,
} from "#kernel/netlink/tc/qdisc";
import { ticksOf } from "#kernel/netlink/tc/rate";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import { failure } from "../../error.ts";
import type { Limit, SubnetChoice } from "./config.ts";

/** Which address of a packet is the remote one: what goes to the container comes from there. */
export type RemoteEnd = "source" | "destination";

const HANDLE = handleOf(1);
/** Minor numbers of the two classes, the reference plugin's. */
const SHAPED = 0x30;
const UNSHAPED = 1;
/** Bytes per second that no device reaches, and a burst to go with it. */
const UNCAPPED: HtbClass = { rate: 100_000_000_000n, burst: 1_000_000n };
/** How long a packet may wait in the bucket's queue, in parts of a second: 25 ms. */
const LATENCY_PARTS = 40n;
const U32_MAX = 0xffff_ffffn;
/** Filters of one priority are of one protocol. */
const PRIORITY = { 4: 16, 6: 15 } as const;
/** The kernel counts in ticks of 64 ns and rounds on the way: parts that a burst may differ by. */
const TOLERANCE = 100n;

/** Bytes that may wait. */
function queueOf({ rate, burst }: Limit): bigint {
  const limit = rate / LATENCY_PARTS + burst;
  return limit > U32_MAX ? U32_MAX : limit;
}

/** Requests that give a link its limit; whatever queue it has is replaced. */
export function shapingRequests(
  index: number,
  limit: Limit,
  choice: SubnetChoice | undefined,
  remote: RemoteEnd,
): Message[] {
  const place = { index, handle: HANDLE, parent: ROOT };
  if (choice === undefined) {
    return [qdiscNew({ ...place, discipline: { kind: "tbf", ...limit, limit: queueOf(limit) } }, "replace")];
  }
  const defaultClass = choice.shaped ? UNSHAPED : SHAPED;
  return [
    qdiscNew({ ...place, discipline: { kind: "htb", defaultClass } }, "replace"),
    classNew({ index, parent: HANDLE, handle: handleOf(1, SHAPED), htb: limit }),
    classNew({ index, parent: HANDLE, handle: handleOf(1, UNSHAPED), htb: UNCAPPED }),
    ...subnetFilters(index, choice, remote).map(filterNew),
  ];
}

function subnetFilters(index: number, { shaped, subnets }: SubnetChoice, remote: RemoteEnd): U32Filter[] {
  return subnets.map((subnet) => ({
    index,
    parent: HANDLE,
    priority: PRIORITY[subnet.family],
    protocol: subnet.family === 4 ? ETH_P.ipv4 : ETH_P.ipv6,
    keys: prefixKeys(subnet, remote),
    classId: handleOf(1, shaped ? SHAPED : UNSHAPED),
  }));
}

/** Requests that send what a link receives out by another, where it can wait. */
export function redirectRequests(from: number, to: number): Message[] {
  const ingress = { index: from, handle: INGRESS_HANDLE, parent: INGRESS };
  const filter = { index: from, parent: INGRESS_HANDLE, priority: 1, protocol: ETH_P.all, keys: [], redirect: to };
  return [qdiscNew({ ...ingress, discipline: { kind: "ingress" } }), filterNew(filter)];
}

/** Whether what a link receives is sent out by another. */
export function isRedirected(socket: NetlinkSocket, from: number, to: number): boolean {
  return filterDump(socket, from, INGRESS_HANDLE).some(({ redirect }) => redirect === to);
}

export function unshapingRequest(index: number): Message {
  return qdiscDelete({ index, parent: ROOT });
}

export function unredirectRequest(index: number): Message {
  return qdiscDelete({ index, parent: INGRESS }, "ingress");
}

/** @throws CniError 999 in the reference plugin's words when a link does not have its limit */
export function checkShaping(
  socket: NetlinkSocket,
  link: { readonly index: number; readonly name: string },
  limit: Limit,
  choice: SubnetChoice | undefined,
  remote: RemoteEnd,
): void {
  const { index, name } = link;
  const root = qdiscDump(socket, index).find(({ parent }) => parent === ROOT);
  if (root === undefined) throw failure(`Failed to find qdisc of ${name}`);
  if (choice === undefined) checkBucket(root, name, limit);
  else checkClasses(socket, root, link, limit, choice, remote);
}

function checkBucket({ discipline }: Qdisc, name: string, limit: Limit): void {
  if (discipline.kind !== "tbf") throw failure(`Failed to find qdisc of ${name}: tbf`);
  if (discipline.rate !== limit.rate)
    throw failure(`Rate doesn't match: ${name} has ${discipline.rate} bytes a second`);
  if (discipline.limit !== queueOf(limit)) throw failure(`Limit doesn't match: ${name} has ${discipline.limit} bytes`);
  checkBuffer(name, discipline.buffer ?? 0n, limit);
}

/** Of a burst beyond 32 bits of ticks only the rest is reported. */
function checkBuffer(name: string, buffer: bigint, { rate, burst }: Limit): void {
  const expected = ticksOf(burst, rate);
  if (expected > U32_MAX) return;
  const difference = buffer > expected ? buffer - expected : expected - buffer;
  if (difference > expected / TOLERANCE + 1n) throw failure(`Buffer doesn't match: ${name} has ${buffer} ticks`);
}

function checkClasses(
  socket: NetlinkSocket,
  { discipline }: Qdisc,
  { index, name }: { readonly index: number; readonly name: string },
  limit: Limit,
  choice: SubnetChoice,
  remote: RemoteEnd,
): void {
  if (discipline.kind !== "htb") throw failure(`Failed to find qdisc of ${name}: htb`);
  const shaped = classDump(socket, index).find(({ handle }) => handle === handleOf(1, SHAPED));
  if (shaped === undefined) throw failure(`Failed to find class 1:30 of ${name}`);
  if (shaped.htb.rate !== limit.rate)
    throw failure(`Rate doesn't match: ${name} has ${shaped.htb.rate} bytes a second`);
  checkBuffer(name, shaped.htb.buffer ?? 0n, limit);
  const text = ({ protocol, keys, classId }: U32Filter): string => JSON.stringify([protocol, keys, classId]);
  const present = new Set(filterDump(socket, index, HANDLE).map(text));
  const missing = subnetFilters(index, choice, remote).findIndex((filter) => !present.has(text(filter)));
  if (missing >= 0) throw failure(`Failed to find filter of ${name} for ${choice.subnets[missing]!.toString()}`);
}
