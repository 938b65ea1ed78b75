// Routes: RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE of linux/rtnetlink.h, for IPv4 (net/ipv4/fib_frontend.c) and IPv6
// (net/ipv6/route.c). The bytes are in route-codec.ts, the words in route-types.ts.
import { FAMILIES } from "../ip/address.ts";
import type { Address, Family } from "../ip/address.ts";
import { ENOENT } from "./constants.ts";
import { NetlinkError } from "./error.ts";
import { familyNumber } from "./fields.ts";
import { headed, newMessage, plainMessage } from "./request.ts";
import type { NewMode } from "./request.ts";
import { RTA, RTMSG_LENGTH, decodeRoute, writeRoute } from "./route-codec.ts";
import type { Route } from "./route-types.ts";
import type { NetlinkSocket } from "./socket.ts";
import { decodeError } from "./wire.ts";
import type { Message, ReceivedMessage } from "./wire.ts";

export { decodeRoute } from "./route-codec.ts";
export * from "./route-types.ts";

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

/** Say in which table the route was found. */
const RTM_F_LOOKUP_TABLE = 0x1000;
/** A cached route, e.g. one with a learnt path MTU: not of the table. */
const RTM_F_CLONED = 0x200;

/** Which routes a dump is to give. */
export interface RouteFilter {
  readonly family?: Family;
  readonly table?: number;
  readonly protocol?: number;
  /** Index of the outgoing link; of a multipath route any one of its links. */
  readonly oif?: number;
}

/**
 * Makes a route. What counts as the same route is destination, table, tos and priority: create then fails with EEXIST,
 * replace takes its place, append and prepend put another beside it (IPv6: one more next hop of it).
 */
export function routeNew(route: Route, mode: NewMode): Message {
  return newMessage(RTM_NEWROUTE, mode, writeRoute(route, "new"));
}

/** Deletes the first route that has everything that is given; what is absent fits any. */
export function routeDelete(route: Route): Message {
  return plainMessage(RTM_DELROUTE, writeRoute(route, "delete"));
}

/** The routes of the socket's namespace, or those that the filter names. The kernel filters first, where it can. */
export function routeDump(socket: NetlinkSocket, filter: RouteFilter = {}): Route[] {
  return [...routeStream(socket, filter)];
}

/** As routeDump, one by one (NetlinkSocket.stream). */
export function* routeStream(socket: NetlinkSocket, filter: RouteFilter = {}): Generator<Route> {
  for (const family of filter.family === undefined ? FAMILIES : [filter.family]) {
    for (const { payload } of dumpFamily(socket, family, filter)) {
      const route = decodeRoute(payload);
      if (fits(route, filter)) yield route;
    }
  }
}

function dumpFamily(socket: NetlinkSocket, family: Family, filter: RouteFilter): Iterable<ReceivedMessage> {
  const { table, protocol, oif } = filter;
  const writer = headed(RTMSG_LENGTH, (header) => {
    header.setUint8(0, familyNumber(family));
    header.setUint8(5, protocol ?? 0);
  });
  if (table !== undefined) writer.u32(RTA.table, table);
  if (oif !== undefined) writer.u32(RTA.oif, oif);
  try {
    return socket.stream(plainMessage(RTM_GETROUTE, writer));
  } catch (error) {
    // A table is made by its first route: there is none of this number.
    if (table !== undefined && error instanceof NetlinkError && error.errno === ENOENT) return [];
    throw error;
  }
}

function fits(route: Route, { table, protocol, oif }: RouteFilter): boolean {
  return (
    ((route.flags ?? 0) & RTM_F_CLONED) === 0 &&
    (table === undefined || route.table === table) &&
    (protocol === undefined || route.protocol === protocol) &&
    (oif === undefined || route.oif === oif || route.nextHops?.some((hop) => hop.oif === oif) === true)
  );
}

/** What else is known of the packet that a route is asked for. */
export interface RouteQuery {
  /** Source address of the packet. */
  readonly from?: Address;
  /** Index of the link it is to leave by. */
  readonly oif?: number;
  /** Index of the link it came in by: asks as for a packet to forward. */
  readonly iif?: number;
  readonly mark?: number;
}

/**
 * The route a packet would take, as `ip route get` asks.
 * @throws NetlinkError ENETUNREACH and the like when there is none
 */
export function routeGet(socket: NetlinkSocket, destination: Address, query: RouteQuery = {}): Route {
  const answer = socket.request(routeQuery(destination, query)).find(({ type }) => type === RTM_NEWROUTE);
  if (answer === undefined) throw decodeError("no route and no error in answer to RTM_GETROUTE");
  return decodeRoute(answer.payload);
}

/** The request of routeGet. */
export function routeQuery(destination: Address, query: RouteQuery = {}): Message {
  const { from, oif, iif, mark } = query;
  const writer = headed(RTMSG_LENGTH, (header) => {
    header.setUint8(0, familyNumber(destination.family));
    header.setUint8(1, destination.bits);
    header.setUint8(2, from?.bits ?? 0);
    // IPv6 says so unasked, and refuses the flag.
    if (destination.family === 4) header.setUint32(8, RTM_F_LOOKUP_TABLE, true);
  });
  writer.bytes(RTA.destination, destination.toBytes());
  if (from !== undefined) writer.bytes(RTA.from, from.toBytes());
  if (iif !== undefined) writer.u32(RTA.iif, iif);
  if (oif !== undefined) writer.u32(RTA.oif, oif);
  if (mark !== undefined) writer.u32(RTA.mark, mark);
  return plainMessage(RTM_GETROUTE, writer);
}
