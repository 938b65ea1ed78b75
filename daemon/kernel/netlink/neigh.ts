// Neighbours (ARP and IPv6 ND): RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH and NDA_* of linux/neighbour.h, for the
// families AF_INET and AF_INET6. Bridge and VXLAN forwarding entries use the same messages: see fdb.ts.
import type { Address, Family } from "../ip/address.ts";
import type { Mac } from "../ip/mac.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

export type NeighbourState =
  | "none"
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent";

/** NTF_*, ndm_flags. */
export const NEIGHBOUR_FLAG = {
  use: 0x01,
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  externLearned: 0x10,
  offloaded: 0x20,
  sticky: 0x40,
  router: 0x80,
} as const;

/** An entry of the neighbour table, as asked for and as reported. */
export interface Neighbour {
  /** Index of the link. */
  readonly link: number;
  readonly address: Address;
  /** Absent while it is not resolved. */
  readonly mac?: Mac;
  /** Absent in a request: permanent. */
  readonly state?: NeighbourState | number;
  /** NEIGHBOUR_FLAG bits. */
  readonly flags?: number;
  /** Who installed it, as ROUTE_PROTOCOL. */
  readonly protocol?: number;
  readonly probes?: number;
  /** Ticks of 10 ms since these happened; reported only. */
  readonly cache?: NeighbourCache;
}

export interface NeighbourCache {
  readonly confirmed: number;
  readonly used: number;
  readonly updated: number;
  readonly references: number;
}

export interface NeighbourFilter {
  readonly link?: number;
  readonly family?: Family;
  /** The proxy entries instead of the ordinary ones. */
  readonly proxy?: boolean;
}
