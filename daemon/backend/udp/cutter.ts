// The cutter: a veth pair in which the kernel cuts trains of segments and makes checksums, for peers that read datagrams from a
// socket (flannel) and for trains that take no second tunnel header. Its near end can do neither by itself, so that the
// kernel does both for what is sent there; what comes out at the far end is taken by the program `single`.
import { letSetChecksums, setsChecksums } from "#kernel/ethtool";
import { type Link, LINK_FLAG, linkDelete, linkDump, linkGet, linkNew, linkSet } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import { writeSysctl } from "#kernel/sysctl";
import { LodenError } from "#spec/errors";

const NEAR = "flannel0-cut";
const FAR = "flannel0-one";
/** Tells the pair from others' links; not the daemon's own mark, as the reconciler does not know of the pair. */
const ALIAS = "loden-udp";
/** IP_MAX_MTU of linux: longer packets than the tunnel's device has do not come here. */
const MTU = 65_535;

export interface Cutter {
  /** Where trains are sent. */
  readonly near: Link;
  /** Where packets come out. */
  readonly far: Link;
}

/** Undefined where it is not there, or not whole. */
export function findCutter(sys: Sys, socket: NetlinkSocket): Cutter | undefined {
  const [near, far] = [NEAR, FAR].map((name) => linkGet(socket, { name }));
  if (near === undefined || far === undefined || near.parent !== far.index) return undefined;
  const isWhole = near.up && far.up && near.gsoMaxSegments === 1 && !setsChecksums(sys, NEAR);
  return isWhole ? { near, far } : undefined;
}

/** Makes it, unless it is there. @throws NetlinkError, Errno, LodenError where somebody else has its names */
export function ensureCutter(sys: Sys, socket: NetlinkSocket): Cutter {
  const found = findCutter(sys, socket);
  if (found !== undefined) return found;
  for (const name of [NEAR, FAR]) removeOurs(socket, name);
  const end = { mtu: MTU, arp: false, multicast: false, gsoMaxSegments: 1 } as const;
  socket.request(linkNew({ name: NEAR, ...end, kind: { kind: "veth", peer: { name: FAR, ...end } } }));
  for (const name of [NEAR, FAR]) {
    socket.request(linkSet({ name }, { alias: ALIAS }));
    letSetChecksums(sys, name, false);
    keepQuiet(name);
  }
  for (const name of [NEAR, FAR]) socket.request(linkSet({ name }, { up: true }));
  const made = findCutter(sys, socket);
  if (made === undefined) throw new LodenError("ERR_NETLINK", `the links ${NEAR} and ${FAR} are not as they were made`);
  return made;
}

/** The ends of it that there are, whole or not. */
export function cutterLinks(socket: NetlinkSocket): Link[] {
  return linkDump(socket, { kind: "veth" }).filter(({ alias }) => alias === ALIAS);
}

export function removeCutter(socket: NetlinkSocket): void {
  for (const { name } of cutterLinks(socket)) removeOurs(socket, name);
}

/** Whether a notification about a link is about one that should be there and up, and is not. */
export function isCutterLoss({ name, flags }: Pick<Link, "name" | "flags">, isGone: boolean): boolean {
  return (name === NEAR || name === FAR) && (isGone || (flags & LINK_FLAG.up) === 0);
}

function removeOurs(socket: NetlinkSocket, name: string): void {
  const link = linkGet(socket, { name });
  // Half made, where there is no alias yet: a veth without an address by this name is nobody else's.
  if (link?.kind?.kind !== "veth") return;
  const [gone] = socket.batch([linkDelete(link.index)]);
  if (gone !== undefined && gone.symbol !== "ENODEV") throw gone;
}

/** Neither router solicitations nor an address of its own. Kernels without IPv6 have no such parameter. */
function keepQuiet(name: string): void {
  try {
    writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, "1");
  } catch (error) {
    if (!(error instanceof LodenError) || error.code !== "ERR_SYSCALL") throw error;
  }
}
