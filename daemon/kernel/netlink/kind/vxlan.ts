// VXLAN devices: IFLA_VXLAN_* of linux/if_link.h, read by drivers/net/vxlan. RFC 7348.
import type { Address } from "../../ip/address.ts";

/** Whether the outer IPv4 header says "don't fragment": enum ifla_vxlan_df. */
export type VxlanDf = "unset" | "set" | "inherit";

/**
 * Settings of a VXLAN device. In a request absent means the kernel's default; in a dump it means the kernel did not
 * say. `gbp`, `gpe`, `ttlInherit` and `remcsumNoPartial` are presence flags on the wire: a dump has them as true or not at all.
 */
export interface VxlanOptions {
  /** VNI, 24 bits. */
  readonly vni?: number;
  /** Index of the underlay device. */
  readonly parent?: number;
  /** Source address of the tunnel, either family. */
  readonly local?: Address;
  /** Multicast group or default remote, either family. */
  readonly group?: Address;
  /** UDP destination port. The kernel's default is 8472, not IANA's 4789. */
  readonly port?: number;
  /** UDP source ports, both included; 0 and 0 are the kernel's own range. */
  readonly sourcePorts?: { readonly low: number; readonly high: number };
  /** Outer TTL; 0 is the kernel's choice. */
  readonly ttl?: number;
  readonly ttlInherit?: boolean;
  /** Outer TOS; 1 copies the inner one. */
  readonly tos?: number;
  /** IPv6 flow label, 20 bits. */
  readonly flowLabel?: number;
  readonly df?: VxlanDf | number;
  /** Learn remote addresses from what arrives. */
  readonly learning?: boolean;
  /** Seconds a learnt entry lives. */
  readonly ageing?: number;
  /** Most FDB entries; 0 is no limit. */
  readonly limit?: number;
  readonly proxy?: boolean;
  /** Route short circuit. */
  readonly rsc?: boolean;
  readonly l2miss?: boolean;
  readonly l3miss?: boolean;
  readonly udpCsum?: boolean;
  readonly udpZeroCsum6Tx?: boolean;
  readonly udpZeroCsum6Rx?: boolean;
  readonly remcsumTx?: boolean;
  readonly remcsumRx?: boolean;
  readonly remcsumNoPartial?: boolean;
  /** Group based policy extension. */
  readonly gbp?: boolean;
  /** Generic protocol extension. */
  readonly gpe?: boolean;
  /** Tunnel parameters come with each packet ("external"). */
  readonly collectMetadata?: boolean;
  readonly vniFilter?: boolean;
  /** Deliver frames for a local VTEP without the wire; Linux 6.5. */
  readonly localBypass?: boolean;
}

export interface VxlanKind extends VxlanOptions {
  readonly kind: "vxlan";
}
