// Bridge devices: IFLA_BR_* of linux/if_link.h, read by net/bridge/br_netlink.c. Times are in the kernel's clock ticks
// of a hundredth of a second (USER_HZ), as `ip -j` shows them.
import type { AttrWriter, Attrs } from "../attr.ts";
import { bool, readFields, u16, u16be, u32, u8, writeFields } from "../fields.ts";
import type { Codec, Field } from "../fields.ts";

/** Settings of a bridge. In a request absent means "leave as is" or the default; a dump has all the kernel knows. */
export interface BridgeOptions {
  /** Ticks of 10 ms. */
  readonly forwardDelay?: number;
  /** Ticks of 10 ms. */
  readonly helloTime?: number;
  /** Ticks of 10 ms. */
  readonly maxAge?: number;
  /** Ticks of 10 ms after which a learnt address is forgotten. */
  readonly ageingTime?: number;
  /** 0 off, 1 the kernel's, 2 a daemon's spanning tree. */
  readonly stpState?: number;
  readonly priority?: number;
  readonly vlanFiltering?: boolean;
  /** EtherType, 0x8100 or 0x88a8. */
  readonly vlanProtocol?: number;
  readonly vlanDefaultPvid?: number;
  readonly vlanStats?: boolean;
  readonly vlanStatsPerPort?: boolean;
  readonly groupForwardMask?: number;
  readonly multicastRouter?: number;
  readonly multicastSnooping?: boolean;
  readonly multicastQuerier?: boolean;
  readonly multicastQueryUseIfaddr?: boolean;
  readonly multicastHashMax?: number;
  readonly multicastStats?: boolean;
  readonly multicastIgmpVersion?: number;
  readonly multicastMldVersion?: number;
  readonly nfCallIptables?: boolean;
  readonly nfCallIp6tables?: boolean;
  readonly nfCallArptables?: boolean;
  /** Switches the kernel groups as bits (enum br_boolopt_id): `mask` says which of `value` count. */
  readonly boolOptions?: { readonly value: number; readonly mask: number };
}

/** A link of kind "bridge". */
export interface BridgeKind extends BridgeOptions {
  readonly kind: "bridge";
}

/** struct br_boolopt_multi: u32 value, u32 mask. */
const boolOptions: Codec<{ readonly value: number; readonly mask: number }> = {
  read: (attrs, type) => {
    const both = attrs.u64(type);
    return both === undefined ? undefined : { value: Number(both & 0xffff_ffffn), mask: Number(both >> 32n) };
  },
  write: (writer, type, { value, mask }) => writer.u64(type, (BigInt(mask) << 32n) | BigInt(value)),
};

const FIELDS: readonly Field<BridgeOptions>[] = [
  [1, "forwardDelay", u32],
  [2, "helloTime", u32],
  [3, "maxAge", u32],
  [4, "ageingTime", u32],
  [5, "stpState", u32],
  [6, "priority", u16],
  [7, "vlanFiltering", bool],
  [8, "vlanProtocol", u16be],
  [9, "groupForwardMask", u16],
  [22, "multicastRouter", u8],
  [23, "multicastSnooping", bool],
  [24, "multicastQueryUseIfaddr", bool],
  [25, "multicastQuerier", bool],
  [27, "multicastHashMax", u32],
  [36, "nfCallIptables", bool],
  [37, "nfCallIp6tables", bool],
  [38, "nfCallArptables", bool],
  [39, "vlanDefaultPvid", u16],
  [41, "vlanStats", bool],
  [42, "multicastStats", bool],
  [43, "multicastIgmpVersion", u8],
  [44, "multicastMldVersion", u8],
  [45, "vlanStatsPerPort", bool],
  [46, "boolOptions", boolOptions],
];

/** Writes the content of IFLA_INFO_DATA of a bridge. */
export function writeBridge(writer: AttrWriter, options: BridgeOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_DATA of a bridge.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readBridge(attrs: Attrs): BridgeKind {
  return { kind: "bridge", ...readFields(attrs, FIELDS) };
}
