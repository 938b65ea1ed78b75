// Policy routing rules: RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE and FRA_* of linux/fib_rules.h, net/core/fib_rules.c.
import type { Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

/** What a rule does: FR_ACT_*. "table" looks the route up in `table`. */
export type RuleAction = "unspec" | "table" | "goto" | "nop" | "blackhole" | "unreachable" | "prohibit";

/** Inclusive. */
export interface NumberRange {
  readonly low: number;
  readonly high: number;
}

/** A rule, as asked for and as reported. Absent selectors match everything. */
export interface Rule {
  readonly family: Family;
  /** Smaller is earlier; absent in a request: before the first rule that is not at 0. */
  readonly priority?: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly tos?: number;
  /** Name of the incoming link. */
  readonly inputLink?: string;
  /** Name of the outgoing link. */
  readonly outputLink?: string;
  readonly mark?: number;
  readonly markMask?: number;
  readonly uidRange?: NumberRange;
  /** IPPROTO_*. */
  readonly ipProtocol?: number;
  readonly sourcePorts?: NumberRange;
  readonly destinationPorts?: NumberRange;
  readonly tunnelId?: bigint;
  /** Match packets that do not fit the selectors. */
  readonly invert?: boolean;
  /** Absent in a request: "table", or "goto" when `goto` is given. */
  readonly action?: RuleAction | number;
  /** Absent in a request: main. */
  readonly table?: number;
  /** Take the table of the l3mdev (VRF) the packet belongs to. */
  readonly l3mdev?: boolean;
  /** Priority of the rule to go on with. */
  readonly goto?: number;
  /** Pass over routes of this prefix length or shorter. */
  readonly suppressPrefixLength?: number;
  /** Pass over routes whose device is in this group. */
  readonly suppressGroup?: number;
  /** Realms for the route classifier. */
  readonly realms?: number;
  /** Who installed it, as ROUTE_PROTOCOL. */
  readonly protocol?: number;
  /** FIB_RULE_UNRESOLVED and the like: reported only. */
  readonly flags?: number;
}

export interface RuleFilter {
  readonly family?: Family;
  readonly protocol?: number;
}
