// What a route is, apart from how it is written: the words of linux/rtnetlink.h that routes, addresses and rules share.
import type { Address } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { NameTable } from "./names.ts";

/** Routing tables with a fixed number, RT_TABLE_*. */
export const ROUTE_TABLE = { default: 253, main: 254, local: 255 } as const;

/** Who installed a route, RTPROT_*. Any number up to 255 may be used; routes of ours carry one of their own. */
export const ROUTE_PROTOCOL = { unspecified: 0, redirect: 1, kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16 } as const;

/** What becomes of a packet that takes the route. */
export type RouteType =
  | "unspec"
  | "unicast"
  | "local"
  | "broadcast"
  | "anycast"
  | "multicast"
  | "blackhole"
  | "unreachable"
  | "prohibit"
  | "throw"
  | "nat";

/** RTN_* */
export const ROUTE_TYPES = new NameTable<RouteType>({
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
});

/** How far the destination (or an address) reaches; smaller is farther. IPv6 has it for addresses only. */
export type RouteScope = "global" | "site" | "link" | "host" | "nowhere";

/** RT_SCOPE_* */
export const ROUTE_SCOPES = new NameTable<RouteScope>({ global: 0, site: 200, link: 253, host: 254, nowhere: 255 });

/** Router preference, RFC 4191 §2.1. */
export type RoutePreference = "low" | "medium" | "high";

/** ICMPV6_ROUTER_PREF_* */
export const ROUTE_PREFERENCES = new NameTable<RoutePreference>({ medium: 0, high: 1, low: 3 });

/** RTNH_F_* of a route or of one of its next hops. `onlink` has a field of its own. */
export const NEXT_HOP_FLAG = {
  dead: 1,
  pervasive: 2,
  onlink: 4,
  offload: 8,
  linkDown: 16,
  unresolved: 32,
  trap: 64,
} as const;

/** RTAX_*: absent is the kernel's own. */
export interface RouteMetrics {
  /** Bit n locks metric n against path MTU discovery and the like. */
  readonly lock?: number;
  readonly mtu?: number;
  readonly window?: number;
  /** Eighths of a millisecond. */
  readonly rtt?: number;
  /** Quarters of a millisecond. */
  readonly rttVariance?: number;
  readonly slowStartThreshold?: number;
  readonly congestionWindow?: number;
  readonly advertisedMss?: number;
  readonly reordering?: number;
  readonly hopLimit?: number;
  readonly initialCongestionWindow?: number;
  readonly features?: number;
  /** Milliseconds. */
  readonly minRto?: number;
  readonly initialReceiveWindow?: number;
  readonly quickAck?: number;
  readonly congestionControl?: string;
  readonly fastOpenNoCookie?: number;
}

/** A light-weight tunnel, kept as it came: RTA_ENCAP_TYPE and the bytes of RTA_ENCAP. */
export interface Encapsulation {
  readonly type: number;
  readonly data: Uint8Array;
}

/** One way of several. */
export interface NextHop {
  /** Index of the outgoing link. */
  readonly oif?: number;
  /** Of either family. */
  readonly gateway?: Address;
  /** 1 to 256; absent is 1. */
  readonly weight?: number;
  readonly onlink?: boolean;
  /** NEXT_HOP_FLAG bits other than onlink: reported only. */
  readonly flags?: number;
  readonly encap?: Encapsulation;
}

/**
 * A route, as asked for and as reported. In a request, absent fields take `ip route`'s defaults: table main (local for
 * local types), protocol boot, type unicast, scope by type and gateway; a dump has these four always.
 */
export interface Route {
  /** Also tells the family; 0.0.0.0/0 and ::/0 are the default routes. */
  readonly destination: Prefix;
  /** Source-specific routing, IPv6. */
  readonly from?: Prefix;
  readonly table?: number;
  /** ROUTE_PROTOCOL or a number of one's own. */
  readonly protocol?: number;
  readonly type?: RouteType | number;
  readonly scope?: RouteScope | number;
  readonly tos?: number;
  /** Of either family: an IPv6 gateway of an IPv4 route travels as RTA_VIA. */
  readonly gateway?: Address;
  /** Source address for packets that have none yet. */
  readonly source?: Address;
  /** Index of the outgoing link. */
  readonly oif?: number;
  /** Metric: the lowest wins. Absent is 0, which IPv6 turns into 1024 (a delete in IPv6 then matches any). */
  readonly priority?: number;
  /** The gateway is on the link though no address says so. */
  readonly onlink?: boolean;
  /** NEXT_HOP_FLAG and RTM_F_* bits other than onlink: reported only. */
  readonly flags?: number;
  readonly metrics?: RouteMetrics;
  readonly nextHops?: readonly NextHop[];
  /** Id of a next hop object (`ip nexthop`); in a request gateway, oif, encap and nextHops are then left out. */
  readonly nextHopId?: number;
  /** IPv6. */
  readonly preference?: RoutePreference | number;
  readonly encap?: Encapsulation;
  /** Seconds until the kernel drops it (IPv6). */
  readonly expires?: number;
  /** Incoming link and mark: in answers to routeGet. */
  readonly iif?: number;
  readonly mark?: number;
}
