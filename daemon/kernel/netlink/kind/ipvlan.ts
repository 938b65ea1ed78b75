// ipvlan devices: IFLA_IPVLAN_* of linux/if_link.h, read by drivers/net/ipvlan/ipvlan_main.c.
import type { AttrWriter, Attrs } from "../attr.ts";
import { name16, readFields, u16, writeFields } from "../fields.ts";
import type { Field } from "../fields.ts";
import { NameTable } from "../names.ts";

/** At which layer frames are told apart: by MAC and then address, by address, by address with netfilter's hooks. */
export type IpvlanMode = "l2" | "l3" | "l3s";

/** Settings of an ipvlan. In a request absent means the default (l3), or "leave as is". */
export interface IpvlanOptions {
  readonly mode?: IpvlanMode | number;
  /** Bits: 1 private, 2 vepa; neither is bridge. */
  readonly flags?: number;
}

/** A link of kind "ipvlan". */
export interface IpvlanKind extends IpvlanOptions {
  readonly kind: "ipvlan";
}

/** IPVLAN_MODE_* */
const MODES = new NameTable<IpvlanMode>({ l2: 0, l3: 1, l3s: 2 });

const FIELDS: readonly Field<IpvlanOptions>[] = [
  [1, "mode", name16(MODES)],
  [2, "flags", u16],
];

/** Writes the content of IFLA_INFO_DATA of an ipvlan. */
export function writeIpvlan(writer: AttrWriter, options: IpvlanOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_DATA of an ipvlan.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readIpvlan(attrs: Attrs): IpvlanKind {
  return { kind: "ipvlan", ...readFields(attrs, FIELDS) };
}
