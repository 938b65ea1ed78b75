// Reads what the choice of an interface needs from the kernel: links, addresses, main-table routes.
import type { Address } from "#kernel/ip/address";
import { addrDump } from "#kernel/netlink/addr";
import { linkDump } from "#kernel/netlink/link";
import { ROUTE_TABLE } from "#kernel/netlink/route-types";
import { routeDump, routeGet } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import type { HostView } from "./interface.ts";

/** Reads the calling thread's network namespace. @throws LodenError ERR_NETLINK, ERR_SYSCALL */
export function readHost(sys: Sys, canReach: Address | undefined): HostView {
  using socket = NetlinkSocket.open(sys);
  const view = {
    links: linkDump(socket),
    addresses: addrDump(socket),
    routes: routeDump(socket).filter(({ table }) => table === ROUTE_TABLE.main),
  };
  if (canReach === undefined) return view;
  try {
    return { ...view, reach: routeGet(socket, canReach) };
  } catch (error) {
    return { ...view, reach: error instanceof Error ? error : new Error(String(error)) };
  }
}
