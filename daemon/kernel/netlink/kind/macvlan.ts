// macvlan devices: IFLA_MACVLAN_* of linux/if_link.h, read by drivers/net/macvlan.c.
import { Mac } from "../../ip/mac.ts";
import { listAttrs } from "../attr.ts";
import type { AttrWriter, Attrs } from "../attr.ts";
import { MAC_LENGTH, name32, readFields, u16, u32, writeFields } from "../fields.ts";
import type { Codec, Field } from "../fields.ts";
import { NameTable } from "../names.ts";

/** Who may reach whom among the macvlans of one parent. */
export type MacvlanMode = "private" | "vepa" | "bridge" | "passthru" | "source";

/** Settings of a macvlan. In a request absent means the default, or "leave as is". */
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

/** A link of kind "macvlan". */
export interface MacvlanKind extends MacvlanOptions {
  readonly kind: "macvlan";
}

/** MACVLAN_MODE_* */
const MODES = new NameTable<MacvlanMode>({ private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 });

const MACADDR_MODE = 3;
const MACADDR = 4;
const MACADDR_DATA = 5;
/** enum macvlan_macaddr_mode: the list in the message takes the place of the one there is. */
const MACVLAN_MACADDR_SET = 3;

/** The list comes with a count (type 6) and goes with a command of its own. */
const sources: Codec<readonly Mac[]> = {
  read: (attrs, type) => {
    const data = attrs.get(type);
    if (data === undefined) return undefined;
    return listAttrs(data).flatMap(({ type, value }) =>
      type === MACADDR && value.length === MAC_LENGTH ? [Mac.fromBytes(value)] : [],
    );
  },
  write: (writer, type, macs) => {
    writer.u32(MACADDR_MODE, MACVLAN_MACADDR_SET).nestPlain(type, (inner) => {
      for (const mac of macs) inner.bytes(MACADDR, mac.toBytes());
    });
  },
};

/** In iproute2's order. */
const FIELDS: readonly Field<MacvlanOptions>[] = [
  [MACADDR_DATA, "sources", sources],
  [7, "broadcastQueueLength", u32],
  [8, "broadcastQueueLengthUsed", u32],
  [1, "mode", name32(MODES)],
  [2, "flags", u16],
];

/** Writes the content of IFLA_INFO_DATA of a macvlan. */
export function writeMacvlan(writer: AttrWriter, options: MacvlanOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_DATA of a macvlan.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readMacvlan(attrs: Attrs): MacvlanKind {
  return { kind: "macvlan", ...readFields(attrs, FIELDS) };
}
