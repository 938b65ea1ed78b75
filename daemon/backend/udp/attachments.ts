// Where the programs of a tunnel are attached: in tcx where the kernel has it, else as filters of clsact with a priority, a
// handle and a name of ours, so that other programs on the same hooks keep theirs. Either way they stay when the daemon ends.
import { randomInt } from "node:crypto";
import { programInfo } from "#kernel/bpf/program";
import { type TcxHook, tcxAttach, tcxDetach, tcxPrograms, withProgram } from "#kernel/bpf/tcx";
import type { Link } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import {
  bpfFilterDelete,
  bpfFilterDump,
  bpfFilterReplace,
  type BpfFilter,
  clsactDelete,
  clsactNew,
  filterCount,
  type Hook,
} from "#kernel/netlink/tc/bpf";
import { Errno, type Sys } from "#kernel/sys";
import { type ProgramName, isKernelName } from "./bpf-objects.ts";

/** Early, as what decap takes is nobody else's; the programs pass on what is not theirs. */
const PRIORITY = 76;
const HANDLE = 1;
/** What tc(8) shows, and what tells our filters from others'. */
const NAME_PREFIX = "loden/";

const ENOENT = 2;
const ENODEV = 19;

export interface Place {
  readonly program: ProgramName;
  readonly hook: Hook;
  readonly on: keyof PlaceLinks;
}

/** The links that programs are attached to. */
export interface PlaceLinks {
  readonly tunnel: Link;
  readonly underlay: Link;
  /** The far end of the cutter. */
  readonly cut: Link;
}

export const PLACES: readonly Place[] = [
  { program: "admit", hook: "ingress", on: "tunnel" },
  { program: "single", hook: "ingress", on: "cut" },
  { program: "encap", hook: "egress", on: "tunnel" },
  { program: "decap", hook: "ingress", on: "underlay" },
];

/** How programs are attached: `tcx`, of Linux 6.6, costs less a packet. */
export type Attachment = "tcx" | "clsact";

export interface Attached {
  readonly by: Attachment;
  /** Of the program. */
  readonly id: number;
}

/** The programs' host. */
export interface AttachHost {
  readonly sys: Sys;
  readonly socket: NetlinkSocket;
}

/** What stands in our place: nothing, one, or both where somebody was interrupted. */
export function attached({ sys, socket }: AttachHost, place: Place, link: Link): Attached[] {
  const { name } = filterAt(place, link.index);
  const filters = bpfFilterDump(socket, link.index, place.hook).filter(
    (filter) => filter.name === name && filter.priority === PRIORITY && filter.handle === HANDLE,
  );
  return [
    ...tcxIds(sys, place, link.index).map((id) => ({ by: "tcx" as const, id })),
    ...filters.map(({ id }) => ({ by: "clsact" as const, id })),
  ];
}

/** Ids of our programs in tcx: all that can be asked without a socket. */
export function tcxIds(sys: Sys, place: Place, index: number): number[] {
  return ourTcx(sys, place, index) ?? [];
}

/** Attaches in place of what is there, by tcx unless that is not to be, or not there. @throws NetlinkError, Errno */
export function attach(host: AttachHost, place: Place, link: Link, program: number, wanted: Attachment): void {
  const ours = ourTcx(host.sys, place, link.index);
  const isTcx = wanted === "tcx" && ours !== undefined;
  const leaveOther = (): void => {
    if (isTcx) detachFilter(host.socket, place, link);
    else for (const id of ours ?? []) detachTcx(host.sys, hookOf(place, link.index), id);
  };
  // Who admits second finds that the pass is gone. Of the others the second sees what was done.
  if (place.program === "admit") leaveOther();
  if (isTcx) attachTcx(host.sys, hookOf(place, link.index), program, ours);
  else attachFilter(host.socket, place, link, program);
  if (place.program !== "admit") leaveOther();
}

/** Detaches, and takes the qdisc away where nobody has a filter in it. */
export function detach({ sys, socket }: AttachHost, place: Place, link: Link): void {
  for (const id of tcxIds(sys, place, link.index)) detachTcx(sys, hookOf(place, link.index), id);
  detachFilter(socket, place, link);
  const isUsed = (["ingress", "egress"] as const).some((hook) => filterCount(socket, link.index, hook) > 0);
  // ENOENT, EINVAL: there is none, or it is its elder, which is somebody's.
  if (!isUsed) socket.batch([clsactDelete(link.index)]);
}

/** The pass of packets that were let in: no mark or priority that anybody would ask for. */
export function drawAdmission(): number {
  return randomInt(0x1000_0000, 0xffff_ffff);
}

function ourTcx(sys: Sys, place: Place, index: number): number[] | undefined {
  return tcxPrograms(sys, hookOf(place, index))
    ?.filter(({ name }) => isKernelName(place.program, name))
    .map(({ id }) => id);
}

function attachTcx(sys: Sys, at: TcxHook, program: number, [before, ...more]: readonly number[]): void {
  const { id } = programInfo(program);
  if (before === undefined) tcxAttach(at, program);
  else if (before !== id) withProgram(sys, before, (replaced) => tcxAttach(at, program, replaced));
  for (const stray of more) detachTcx(sys, at, stray);
}

function attachFilter(socket: NetlinkSocket, place: Place, link: Link, program: number): void {
  const [made] = socket.batch([clsactNew(link.index)]);
  if (made !== undefined && made.symbol !== "EEXIST") throw made;
  socket.request(bpfFilterReplace(filterAt(place, link.index), program));
}

function detachTcx(sys: Sys, at: TcxHook, id: number): void {
  try {
    withProgram(sys, id, (program) => tcxDetach(at, program));
  } catch (error) {
    if (!(error instanceof Errno) || (error.errno !== ENOENT && error.errno !== ENODEV)) throw error;
  }
}

/** Leaves the qdisc: a link drops packets for a moment when one comes or goes. */
function detachFilter(socket: NetlinkSocket, place: Place, link: Link): void {
  const [gone] = socket.batch([bpfFilterDelete(filterAt(place, link.index))]);
  if (gone !== undefined && !["ENOENT", "EINVAL", "ENODEV"].includes(gone.symbol)) throw gone;
}

function filterAt({ program, hook }: Place, index: number): BpfFilter {
  return { index, hook, priority: PRIORITY, handle: HANDLE, name: `${NAME_PREFIX}${program}` };
}

function hookOf({ hook }: Place, index: number): TcxHook {
  return { index, hook };
}
