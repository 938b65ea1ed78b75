// Virtual routing domains: IFLA_VRF_* of linux/if_link.h (drivers/net/vrf.c). A device whose ports look up their routes in a
// table of their own.
import type { AttrWriter, Attrs } from "../attr.ts";
import { readFields, u32, writeFields } from "../fields.ts";
import type { Field } from "../fields.ts";

/** Settings of a VRF. */
export interface VrfOptions {
  /** The routing table of its ports; must be given when it is made, and stays. */
  readonly table?: number;
}

/** A link of kind "vrf". */
export interface VrfKind extends VrfOptions {
  readonly kind: "vrf";
}

const FIELDS: readonly Field<VrfOptions>[] = [[1, "table", u32]];

/** Writes the content of IFLA_INFO_DATA of a VRF. */
export function writeVrf(writer: AttrWriter, options: VrfOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_DATA of a VRF.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readVrf(attrs: Attrs): VrfKind {
  return { kind: "vrf", ...readFields(attrs, FIELDS) };
}
