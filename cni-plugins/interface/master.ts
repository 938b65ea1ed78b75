// The device that an interface lies on: named in the configuration, or the one the default route leaves by.
import { Mac } from "#kernel/ip/mac";
import { NetlinkError } from "#kernel/netlink/error";
import { linkGet, linkNew, type Link, type LinkKind } from "#kernel/netlink/link";
import { ROUTE_TABLE, routeDump } from "#kernel/netlink/route";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { NetlinkSocket as Socket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { CNI_ERROR, CniError, failure, invalidConfig } from "../error.ts";
import type { Call } from "../plugin.ts";

/** A socket where the master is: on the host, or with linkInContainer in the container. */
export function masterSocket(call: Call, linkInContainer: boolean): NetlinkSocket {
  const { sys } = call.machine;
  return linkInContainer ? withNetns(sys, call.netns!, () => Socket.open(sys)) : Socket.open(sys);
}

/**
 * The master.
 * @param name empty: the interface of the first default route
 * @throws CniError 999 when there is none
 */
export function findMaster(socket: NetlinkSocket, name: string | undefined): Link {
  if (name === undefined) return defaultRouteLink(socket);
  const link = linkGet(socket, { name });
  if (link !== undefined) return link;
  throw failure(
    `failed to lookup master ${JSON.stringify(name)}: Link not found; master names an interface that exists`,
  );
}

function defaultRouteLink(socket: NetlinkSocket): Link {
  for (const route of routeDump(socket, { table: ROUTE_TABLE.main })) {
    const index = route.oif ?? route.nextHops?.[0]?.oif;
    if (route.destination.length !== 0 || index === undefined) continue;
    const link = linkGet(socket, { index });
    if (link !== undefined) return link;
  }
  throw failure("no default route interface name found: set master, or add a default route");
}

/** @throws CniError 7 with the reference plugins' text */
export function requireMtu(mtu: number | undefined, master: Link): void {
  if (mtu === undefined || mtu <= master.mtu) return;
  throw invalidConfig(`invalid MTU ${mtu}, must be [0, master MTU(${master.mtu})]`);
}

/** A VLAN comes up on a device that is up only. @throws CniError 999 */
export function requireUp(master: Link): void {
  if (master.up) return;
  throw failure(`master ${JSON.stringify(master.name)} is down; bring it up: ip link set ${master.name} up`);
}

/** A multicast address, which no device takes: what makes a request fail once its kind is known to the kernel. */
const REFUSED_MAC = Mac.fromBytes(Uint8Array.of(1, 0, 0x5e, 0, 0, 1));

/** STATUS: whether the kernel makes links of a kind. Asked by a request that it cannot grant. @throws CniError 50 */
export function requireKind(socket: NetlinkSocket, kind: LinkKind): void {
  try {
    socket.request(linkNew({ name: "loden-probe", mac: REFUSED_MAC, kind }));
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.symbol !== "EOPNOTSUPP") return;
    throw new CniError(CNI_ERROR.notAvailable, `this kernel has no ${kind.kind} devices; load the module ${kind.kind}`);
  }
}

/**
 * STATUS: whether the master is there. With linkInContainer only ADD can tell.
 * @param demand what else is asked of it
 * @throws CniError 50
 */
export function requireMaster(socket: NetlinkSocket, name: string | undefined, demand?: (master: Link) => void): Link {
  try {
    const master = findMaster(socket, name);
    demand?.(master);
    return master;
  } catch (error) {
    throw new CniError(CNI_ERROR.notAvailable, (error as Error).message, "", error);
  }
}
