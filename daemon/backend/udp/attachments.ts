// Where the programs of a tunnel are attached: traffic control filters in the hooks of clsact, with a priority, a handle
// and a name of ours, so that other programs on the same hooks keep theirs.
import { randomInt } from "node:crypto";
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
import type { ProgramName } from "./bpf-objects.ts";

/** Early, as what decap takes is nobody else's; the programs pass on what is not theirs. */
const PRIORITY = 76;
const HANDLE = 1;
/** What tc(8) shows, and what tells our filters from others'. */
const NAME_PREFIX = "loden/";

export interface Place {
  readonly program: ProgramName;
  readonly hook: Hook;
  readonly on: "tunnel" | "underlay";
}

export const PLACES: readonly Place[] = [
  { program: "admit", hook: "ingress", on: "tunnel" },
  { program: "encap", hook: "egress", on: "tunnel" },
  { program: "decap", hook: "ingress", on: "underlay" },
];

function filterAt({ program, hook }: Place, index: number): BpfFilter {
  return { index, hook, priority: PRIORITY, handle: HANDLE, name: `${NAME_PREFIX}${program}` };
}

/** Id of the program that stands in our place, undefined where none does. */
export function attachedId(socket: NetlinkSocket, place: Place, link: Link): number | undefined {
  const { name } = filterAt(place, link.index);
  const found = bpfFilterDump(socket, link.index, place.hook).find(
    (filter) => filter.name === name && filter.priority === PRIORITY && filter.handle === HANDLE,
  );
  return found?.id;
}

/** Attaches in place of what is there. @throws NetlinkError */
export function attach(socket: NetlinkSocket, place: Place, link: Link, program: number): void {
  const [made] = socket.batch([clsactNew(link.index)]);
  if (made !== undefined && made.symbol !== "EEXIST") throw made;
  socket.request(bpfFilterReplace(filterAt(place, link.index), program));
}

/** Detaches, and takes the qdisc away where nobody else has a filter in it. */
export function detach(socket: NetlinkSocket, place: Place, link: Link): void {
  const [gone] = socket.batch([bpfFilterDelete(filterAt(place, link.index))]);
  if (gone !== undefined && !["ENOENT", "EINVAL", "ENODEV"].includes(gone.symbol)) throw gone;
  const others = (["ingress", "egress"] as const).some((hook) => filterCount(socket, link.index, hook) > 0);
  // ENOENT, EINVAL: there is none, or it is its elder, which is somebody's.
  if (!others) socket.batch([clsactDelete(link.index)]);
}

/** The pass of packets that were let in: no mark or priority that anybody would ask for. */
export function drawAdmission(): number {
  return randomInt(0x1000_0000, 0xffff_ffff);
}
