// macvlan devices: IFLA_MACVLAN_* of linux/if_link.h, read by drivers/net/macvlan.c.
import type { Mac } from "../../ip/mac.ts";

export type MacvlanMode = "private" | "vepa" | "bridge" | "passthru" | "source";

export interface MacvlanOptions {
  readonly mode?: MacvlanMode | number;
  /** Bits: 1 nopromisc, 2 nodst. */
  readonly flags?: number;
  /** Source mode: the addresses whose frames the device takes. In a request they replace what is there. */
  readonly sources?: readonly Mac[];
  readonly broadcastQueueLength?: number;
  /** In a dump only: the length in use, the largest asked for by any device on the parent. */
  readonly broadcastQueueLengthUsed?: number;
}

export interface MacvlanKind extends MacvlanOptions {
  readonly kind: "macvlan";
}
