// VLAN devices, IEEE 802.1Q: IFLA_VLAN_* of linux/if_link.h, read by net/8021q/vlan_netlink.c.
import { listAttrs } from "../attr.ts";
import type { AttrWriter, Attrs } from "../attr.ts";
import { headerView, readFields, u16, u16be, writeFields } from "../fields.ts";
import type { Codec, Field } from "../fields.ts";

/** Bits to set and which of them the request is about: VLAN_FLAG_* of linux/if_vlan.h. */
export interface VlanFlags {
  readonly flags: number;
  readonly mask: number;
}

/** One priority as another: of the socket and of the frame, in the direction the map is for. */
export interface VlanQos {
  readonly from: number;
  readonly to: number;
}

/** Settings of a VLAN device. In a request absent means the default, or "leave as is". */
export interface VlanOptions {
  /** Ethernet type of the tag: 0x8100 (802.1Q) where absent, 0x88a8 (802.1ad). */
  readonly protocol?: number;
  /** 0 to 4094; needed to make one. */
  readonly id?: number;
  /** Bits: 1 reorder header, 2 GVRP, 4 loose binding, 8 MVRP, 16 bridge binding. */
  readonly flags?: VlanFlags;
  readonly ingressQos?: readonly VlanQos[];
  readonly egressQos?: readonly VlanQos[];
}

/** A link of kind "vlan". */
export interface VlanKind extends VlanOptions {
  readonly kind: "vlan";
}

const IFLA_VLAN_QOS_MAPPING = 1;
/** struct ifla_vlan_flags and struct ifla_vlan_qos_mapping: two u32. */
const PAIR_LENGTH = 8;

function pair(first: number, second: number): Uint8Array {
  return new Uint8Array(new Uint32Array([first, second]).buffer);
}

const flags: Codec<VlanFlags> = {
  read: (attrs, type) => {
    const value = attrs.get(type);
    if (value === undefined) return undefined;
    const view = headerView(value, PAIR_LENGTH, "ifla_vlan_flags");
    return { flags: view.getUint32(0, true), mask: view.getUint32(4, true) };
  },
  write: (writer, type, value) => writer.bytes(type, pair(value.flags, value.mask)),
};

/** An attribute type that comes many times. */
const qos: Codec<readonly VlanQos[]> = {
  read: (attrs, type) => {
    const data = attrs.get(type);
    if (data === undefined) return undefined;
    return listAttrs(data).flatMap(({ type: inner, value }) => {
      if (inner !== IFLA_VLAN_QOS_MAPPING) return [];
      const view = headerView(value, PAIR_LENGTH, "ifla_vlan_qos_mapping");
      return [{ from: view.getUint32(0, true), to: view.getUint32(4, true) }];
    });
  },
  write: (writer, type, mappings) => {
    writer.nestPlain(type, (inner) => {
      for (const { from, to } of mappings) inner.bytes(IFLA_VLAN_QOS_MAPPING, pair(from, to));
    });
  },
};

/** In iproute2's order. */
const FIELDS: readonly Field<VlanOptions>[] = [
  [5, "protocol", u16be],
  [1, "id", u16],
  [4, "ingressQos", qos],
  [3, "egressQos", qos],
  [2, "flags", flags],
];

/** Writes the content of IFLA_INFO_DATA of a VLAN device. */
export function writeVlan(writer: AttrWriter, options: VlanOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_DATA of a VLAN device.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readVlan(attrs: Attrs): VlanKind {
  return { kind: "vlan", ...readFields(attrs, FIELDS) };
}
