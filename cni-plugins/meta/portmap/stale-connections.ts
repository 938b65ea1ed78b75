// What connection tracking remembers of UDP: a "connection" that was tracked before a mapping was made, or to a container that
// is gone, keeps its packets from the mapping for as long as they come, because translation is decided once, by the first.
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import { addrDump } from "#kernel/netlink/addr";
import { conntrackDelete, conntrackDump, type ConntrackEntry } from "#kernel/netlink/conntrack";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import { mappingsOf, type PortMapping } from "./config.ts";

/** linux/netlink.h */
const NETLINK_NETFILTER = 12;
const IPPROTO_UDP = 17;
/** The connection has ended meanwhile. */
const ENOENT = 2;

/** A mapping that is no longer there. */
export interface RemovedMapping {
  readonly family: Family;
  readonly hostPort: number;
  readonly container: string;
}

/**
 * Forgets what was tracked to the mapped UDP ports of this host, and what was translated for an earlier container. Flows
 * to such a port of somebody else, through this host, are left alone.
 */
export function forgetBeforeMapping(sys: Sys, mappings: readonly PortMapping[], families: readonly Family[]): void {
  const udp = mappings.filter(({ protocol }) => protocol === "udp");
  if (udp.length === 0) return;
  using routes = NetlinkSocket.open(sys);
  const local = new Set(addrDump(routes).map(({ address }) => address.address.toString()));
  const isOurs = ({ original, reply }: ConntrackEntry): boolean =>
    original.destination.isLoopback ||
    local.has(original.destination.toString()) ||
    !reply.source.equals(original.destination);
  using socket = NetlinkSocket.open(sys, NETLINK_NETFILTER);
  for (const family of FAMILIES) {
    if (!families.includes(family)) continue;
    for (const { hostPort, hostAddress } of mappingsOf(udp, family)) {
      forget(
        socket,
        family,
        hostPort,
        (entry) => isOurs(entry) && (hostAddress === undefined || entry.original.destination.equals(hostAddress)),
      );
    }
  }
}

/** Forgets what was translated to a container that no longer has the port. */
export function forgetAfterMapping(sys: Sys, removed: readonly RemovedMapping[]): void {
  if (removed.length === 0) return;
  using socket = NetlinkSocket.open(sys, NETLINK_NETFILTER);
  for (const { family, hostPort, container } of removed) {
    const address = Address.parse(container);
    forget(socket, family, hostPort, ({ reply }) => reply.source.equals(address));
  }
}

function forget(
  socket: NetlinkSocket,
  family: Family,
  destinationPort: number,
  isStale: (entry: ConntrackEntry) => boolean,
): void {
  const entries = conntrackDump(socket, { family, protocol: IPPROTO_UDP, destinationPort }).filter(isStale);
  const refused = socket.batch(entries.map(conntrackDelete), ENOENT).find((outcome) => outcome !== undefined);
  if (refused !== undefined) throw refused;
}
