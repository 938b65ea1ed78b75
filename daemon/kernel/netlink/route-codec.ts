// The bytes of a route: struct rtmsg, RTA_*, RTAX_* and struct rtnexthop of linux/rtnetlink.h.
import type { Address, Family } from "../ip/address.ts";
import { NLA_F_NESTED, readAttrs } from "./attr.ts";
import type { AttrWriter, Attrs } from "./attr.ts";
import {
  address,
  bareText,
  bytes,
  decodeAddress,
  decodeFamily,
  decodePrefix,
  familyNumber,
  headerView,
  name8,
  readFields,
  u32,
  writeFields,
} from "./fields.ts";
import type { Codec, Field } from "./fields.ts";
import { headed } from "./request.ts";
import {
  NEXT_HOP_FLAG,
  ROUTE_PREFERENCES,
  ROUTE_PROTOCOL,
  ROUTE_SCOPES,
  ROUTE_TABLE,
  ROUTE_TYPES,
} from "./route-types.ts";
import type { Encapsulation, NextHop, Route, RouteMetrics, RouteScope } from "./route-types.ts";
import { align, decodeError } from "./wire.ts";

/** RTA_*: those that are not in the table below, or that a query uses. */
export const RTA = {
  destination: 1,
  from: 2,
  iif: 3,
  oif: 4,
  gateway: 5,
  multipath: 9,
  cacheInfo: 12,
  table: 15,
  mark: 16,
  via: 18,
  encapType: 21,
  encap: 22,
} as const;

/**
 * sizeof(struct rtmsg): u8 family, destination length, source length, tos, table, protocol, scope, type; u32 flags.
 */
export const RTMSG_LENGTH = 12;
/** sizeof(struct rtnexthop): u16 length, u8 flags, u8 weight less one, i32 index. */
const RTNEXTHOP_LENGTH = 8;
/** Ticks a second in struct rta_cacheinfo, USER_HZ. */
const USER_HZ = 100;

const METRICS: readonly Field<RouteMetrics>[] = [
  [2, "mtu", u32],
  [3, "window", u32],
  [4, "rtt", u32],
  [5, "rttVariance", u32],
  [6, "slowStartThreshold", u32],
  [7, "congestionWindow", u32],
  [8, "advertisedMss", u32],
  [9, "reordering", u32],
  [10, "hopLimit", u32],
  [11, "initialCongestionWindow", u32],
  [12, "features", u32],
  [13, "minRto", u32],
  [14, "initialReceiveWindow", u32],
  [15, "quickAck", u32],
  [16, "congestionControl", bareText],
  [17, "fastOpenNoCookie", u32],
  [1, "lock", u32],
];

const metrics: Codec<RouteMetrics> = {
  read: (attrs, type) => {
    const nested = attrs.nested(type);
    return nested === undefined ? undefined : readFields(nested, METRICS);
  },
  write: (writer, type, value) => {
    writer.nestPlain(type, (inner) => writeFields(inner, METRICS, value));
  },
};

/** In iproute2's order, gateway, encapsulation and table between the two halves. */
const FIRST_FIELDS: readonly Field<Route>[] = [
  [7, "source", address],
  [6, "priority", u32],
  [20, "preference", name8(ROUTE_PREFERENCES)],
  [23, "expires", u32],
  [30, "nextHopId", u32],
];

const LAST_FIELDS: readonly Field<Route>[] = [
  [RTA.oif, "oif", u32],
  [8, "metrics", metrics],
  [RTA.iif, "iif", u32],
  [RTA.mark, "mark", u32],
];

const FIELDS = [...FIRST_FIELDS, ...LAST_FIELDS];

/** The request's header and attributes. `delete` leaves what is not given open, where `new` fills in `ip route`'s defaults. */
export function writeRoute(route: Route, purpose: "new" | "delete"): AttrWriter {
  const { destination, from, type = "unicast" } = route;
  const { family } = destination;
  const isNew = purpose === "new";
  const table = route.table ?? (HOST_TYPES.has(type) ? ROUTE_TABLE.local : ROUTE_TABLE.main);
  const writer = headed(RTMSG_LENGTH, (header) => {
    header.setUint8(0, familyNumber(family));
    header.setUint8(1, destination.length);
    header.setUint8(2, from?.length ?? 0);
    header.setUint8(3, route.tos ?? 0);
    header.setUint8(4, table < 256 ? table : 0);
    header.setUint8(5, route.protocol ?? (isNew ? ROUTE_PROTOCOL.boot : ROUTE_PROTOCOL.unspecified));
    header.setUint8(6, ROUTE_SCOPES.number(route.scope ?? defaultScope(route, isNew)));
    header.setUint8(7, isNew || route.type !== undefined ? ROUTE_TYPES.number(type) : 0);
    // What else may be in `flags` only the kernel sets; it refuses some of it from us.
    header.setUint32(8, route.onlink === true ? NEXT_HOP_FLAG.onlink : 0, true);
  });
  if (destination.length > 0) address.write(writer, RTA.destination, destination.address);
  if (from !== undefined) address.write(writer, RTA.from, from.address);
  // A next hop object says where to; the kernel reports its content too, and refuses it beside the id.
  const request = route.nextHopId === undefined ? route : withoutWay(route);
  const { gateway, encap, nextHops } = request;
  if (gateway !== undefined) writeGateway(writer, family, gateway);
  if (encap !== undefined) writeEncap(writer, encap);
  writeFields(writer, FIRST_FIELDS, request);
  if (table >= 256) writer.u32(RTA.table, table);
  writeFields(writer, LAST_FIELDS, request);
  if (nextHops !== undefined) {
    writer.nestPlain(RTA.multipath, (inner) => {
      for (const hop of nextHops) inner.raw(writeNextHop(hop, family));
    });
  }
  return writer;
}

/** Types whose routes stand in table local when no table is given, as `ip route` has it. */
const HOST_TYPES: ReadonlySet<Route["type"]> = new Set<Route["type"]>(["local", "broadcast", "nat", "anycast"]);

function withoutWay({ gateway: _, oif: __, encap: ___, nextHops: ____, ...rest }: Route): Route {
  return rest;
}

const LINK_TYPES: ReadonlySet<Route["type"]> = new Set<Route["type"]>(["broadcast", "multicast", "anycast"]);

/** As `ip route` chooses. IPv6 has no scopes; deleting, "nowhere" fits any. */
function defaultScope(route: Route, isNew: boolean): RouteScope {
  const { type = "unicast", gateway, nextHops, nextHopId } = route;
  if (route.destination.family === 6) return "global";
  if (type === "local" || type === "nat") return "host";
  if (LINK_TYPES.has(type)) return "link";
  if (!isNew) return "nowhere";
  const direct = gateway === undefined && nextHops === undefined && nextHopId === undefined;
  return type === "unicast" && direct ? "link" : "global";
}

/** A gateway of the other family goes into RTA_VIA: struct rtvia, u16 family and the address. */
function writeGateway(writer: AttrWriter, family: Family, gateway: Address): void {
  if (gateway.family === family) {
    writer.bytes(RTA.gateway, gateway.toBytes());
    return;
  }
  const octets = gateway.toBytes();
  const via = new Uint8Array(2 + octets.length);
  via[0] = familyNumber(gateway.family);
  via.set(octets, 2);
  writer.bytes(RTA.via, via);
}

function readGateway(attrs: Attrs): Address | undefined {
  const via = attrs.get(RTA.via);
  if (via === undefined) return address.read(attrs, RTA.gateway);
  const family = decodeFamily(headerView(via, 2, "rtvia").getUint16(0, true));
  const gateway = decodeAddress(via.subarray(2));
  if (gateway.family !== family) throw decodeError(`an IPv${gateway.family} gateway where IPv${family} is announced`);
  return gateway;
}

function writeEncap(writer: AttrWriter, encap: Encapsulation): void {
  writer.bytes(RTA.encap | NLA_F_NESTED, encap.data);
  writer.u16(RTA.encapType, encap.type);
}

function readEncap(attrs: Attrs): Encapsulation | undefined {
  const type = attrs.u16(RTA.encapType);
  const data = bytes.read(attrs, RTA.encap);
  return type === undefined || data === undefined ? undefined : { type, data };
}

function writeNextHop(hop: NextHop, family: Family): Uint8Array {
  const writer = headed(RTNEXTHOP_LENGTH, (header) => {
    header.setUint8(2, hop.onlink === true ? NEXT_HOP_FLAG.onlink : 0);
    header.setUint8(3, (hop.weight ?? 1) - 1);
    header.setInt32(4, hop.oif ?? 0, true);
  });
  if (hop.gateway !== undefined) writeGateway(writer, family, hop.gateway);
  if (hop.encap !== undefined) writeEncap(writer, hop.encap);
  const bytes = writer.finish();
  new DataView(bytes.buffer).setUint16(0, bytes.length, true);
  return bytes;
}

function readNextHops(value: Uint8Array): NextHop[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const hops: NextHop[] = [];
  for (let at = 0; at + RTNEXTHOP_LENGTH <= value.length;) {
    const length = view.getUint16(at, true);
    if (length < RTNEXTHOP_LENGTH || length > value.length - at) {
      throw decodeError(`a next hop of ${length} bytes at byte ${at} of ${value.length}`);
    }
    const attrs = readAttrs(value.subarray(at, at + length), RTNEXTHOP_LENGTH);
    const flags = view.getUint8(at + 2);
    const oif = view.getInt32(at + 4, true);
    const gateway = readGateway(attrs);
    const encap = readEncap(attrs);
    hops.push({
      weight: view.getUint8(at + 3) + 1,
      ...(oif === 0 ? {} : { oif }),
      ...(gateway === undefined ? {} : { gateway }),
      ...readFlags(flags),
      ...(encap === undefined ? {} : { encap }),
    });
    at += align(length);
  }
  return hops;
}

function readFlags(flags: number): { onlink?: true; flags?: number } {
  const rest = (flags & ~NEXT_HOP_FLAG.onlink) >>> 0;
  return {
    ...((flags & NEXT_HOP_FLAG.onlink) === 0 ? {} : { onlink: true as const }),
    ...(rest === 0 ? {} : { flags: rest }),
  };
}

/**
 * Reads the payload of an RTM_NEWROUTE or RTM_DELROUTE message of IPv4 or IPv6.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeRoute(payload: Uint8Array): Route {
  const header = headerView(payload, RTMSG_LENGTH, "rtmsg");
  const attrs = readAttrs(payload, RTMSG_LENGTH);
  const family = decodeFamily(header.getUint8(0));
  const fromLength = header.getUint8(2);
  const from = attrs.get(RTA.from);
  const tos = header.getUint8(3);
  const gateway = readGateway(attrs);
  const hops = attrs.get(RTA.multipath);
  const encap = readEncap(attrs);
  const expires = readExpiry(attrs);
  return {
    destination: decodePrefix(family, attrs.get(RTA.destination), header.getUint8(1)),
    ...(from === undefined && fromLength === 0 ? {} : { from: decodePrefix(family, from, fromLength) }),
    ...(tos === 0 ? {} : { tos }),
    table: attrs.u32(RTA.table) ?? header.getUint8(4),
    protocol: header.getUint8(5),
    scope: ROUTE_SCOPES.name(header.getUint8(6)),
    type: ROUTE_TYPES.name(header.getUint8(7)),
    ...(gateway === undefined ? {} : { gateway }),
    ...readFlags(header.getUint32(8, true)),
    ...(hops === undefined ? {} : { nextHops: readNextHops(hops) }),
    ...(encap === undefined ? {} : { encap }),
    ...(expires === undefined ? {} : { expires }),
    ...readFields(attrs, FIELDS),
  };
}

/** struct rta_cacheinfo: the third word is the ticks left, 0 for ever. */
function readExpiry(attrs: Attrs): number | undefined {
  const info = attrs.get(RTA.cacheInfo);
  if (info === undefined) return undefined;
  const ticks = headerView(info, 12, "rta_cacheinfo").getInt32(8, true);
  return ticks > 0 ? Math.ceil(ticks / USER_HZ) : undefined;
}
