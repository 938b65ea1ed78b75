// VXLAN devices: IFLA_VXLAN_* of linux/if_link.h, read by drivers/net/vxlan. RFC 7348.
import type { Address, Family } from "../../ip/address.ts";
import type { AttrWriter, Attrs } from "../attr.ts";
import { address, bool, flag, name8, readFields, u16be, u32, u32be, u8, writeFields } from "../fields.ts";
import type { Codec, Field } from "../fields.ts";
import { NameTable } from "../names.ts";

/** Whether the outer IPv4 header says "don't fragment": enum ifla_vxlan_df. */
export type VxlanDf = "unset" | "set" | "inherit";

/**
 * Settings of a VXLAN device. In a request absent means the kernel's default; in a dump it means the kernel did not
 * say. `gbp`, `gpe` and `remcsumNoPartial` are presence flags on the wire: a dump has them as true or not at all.
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

/** A link of kind "vxlan". */
export interface VxlanKind extends VxlanOptions {
  readonly kind: "vxlan";
}

const DF = new NameTable<VxlanDf>({ unset: 0, set: 1, inherit: 2 });

/** struct ifla_vxlan_port_range: two big-endian ports. */
const portRange: Codec<{ readonly low: number; readonly high: number }> = {
  read: (attrs, type) => {
    const both = attrs.u32be(type);
    return both === undefined ? undefined : { low: both >>> 16, high: both & 0xffff };
  },
  write: (writer, type, { low, high }) => writer.u32be(type, ((low << 16) | high) >>> 0),
};

/** Local and remote have an attribute for each family; the value goes into its own. */
function addressOf(family: Family): Codec<Address> {
  return {
    read: (attrs, type) => address.read(attrs, type),
    write: (writer, type, value) => {
      if (value.family === family) address.write(writer, type, value);
    },
  };
}

/** Present or not in a request, a byte in a dump (vxlan_fill_info). */
const flagOrByte: Codec<boolean> = {
  read: (attrs, type) => (attrs.get(type)?.length === 0 ? true : bool.read(attrs, type)),
  write: (writer, type, value) => flag.write(writer, type, value),
};

/** In iproute2's order. */
const FIELDS: readonly Field<VxlanOptions>[] = [
  [3, "parent", u32],
  [5, "ttl", u8],
  [6, "tos", u8],
  [8, "ageing", u32],
  [9, "limit", u32],
  [10, "sourcePorts", portRange],
  [11, "proxy", bool],
  [12, "rsc", bool],
  [13, "l2miss", bool],
  [14, "l3miss", bool],
  [18, "udpCsum", bool],
  [19, "udpZeroCsum6Tx", bool],
  [20, "udpZeroCsum6Rx", bool],
  [21, "remcsumTx", bool],
  [22, "remcsumRx", bool],
  [24, "remcsumNoPartial", flag],
  [26, "flowLabel", u32be],
  [25, "collectMetadata", bool],
  [30, "vniFilter", bool],
  [31, "localBypass", bool],
  [23, "gbp", flag],
  [27, "gpe", flag],
  [28, "ttlInherit", flagOrByte],
  [29, "df", name8(DF)],
  [1, "vni", u32],
  [4, "local", addressOf(4)],
  [17, "local", addressOf(6)],
  [2, "group", addressOf(4)],
  [16, "group", addressOf(6)],
  [7, "learning", bool],
  [15, "port", u16be],
];

/** Writes the content of IFLA_INFO_DATA of a VXLAN device. */
export function writeVxlan(writer: AttrWriter, options: VxlanOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_DATA of a VXLAN device.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readVxlan(attrs: Attrs): VxlanKind {
  return { kind: "vxlan", ...readFields(attrs, FIELDS) };
}
