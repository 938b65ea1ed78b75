// VLANs of a bridge port: RTM_SETLINK, RTM_DELLINK and RTM_GETLINK of the family AF_BRIDGE, with IFLA_BRIDGE_VLAN_INFO
// in IFLA_AF_SPEC (linux/if_bridge.h, net/bridge/br_netlink.c).
import { AttrWriter, listAttrs, readAttrs } from "./attr.ts";
import { headerView } from "./fields.ts";
import { IFINFOMSG_LENGTH, linkHeader } from "./link-attributes.ts";
import { plainMessage } from "./request.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

const AF_BRIDGE = 7;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const IFLA_AF_SPEC = 26;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_BRVLAN = 2;
const IFLA_BRIDGE_VLAN_INFO = 2;
/** struct bridge_vlan_info: u16 flags, u16 vid. */
const VLAN_INFO_LENGTH = 4;
const FLAG_PVID = 2;
const FLAG_UNTAGGED = 4;

/** A VLAN of a bridge port. */
export interface PortVlan {
  /** 1 to 4094. */
  readonly id: number;
  /** Frames that come in without a tag are of this VLAN. */
  readonly pvid?: boolean;
  /** Frames of this VLAN go out without a tag. */
  readonly untagged?: boolean;
}

function write(type: number, index: number, vlans: readonly PortVlan[]): Message {
  const writer = new AttrWriter(linkHeader({ index }, AF_BRIDGE));
  writer.nestPlain(IFLA_AF_SPEC, (inner) => {
    for (const { id, pvid, untagged } of vlans) {
      const info = new DataView(new ArrayBuffer(VLAN_INFO_LENGTH));
      info.setUint16(0, (pvid === true ? FLAG_PVID : 0) | (untagged === true ? FLAG_UNTAGGED : 0), true);
      info.setUint16(2, id, true);
      inner.bytes(IFLA_BRIDGE_VLAN_INFO, new Uint8Array(info.buffer));
    }
  });
  return plainMessage(type, writer);
}

/** Adds VLANs to a port, by the port's index. */
export function portVlanAdd(index: number, vlans: readonly PortVlan[]): Message {
  return write(RTM_SETLINK, index, vlans);
}

/** Takes VLANs from a port. */
export function portVlanDelete(index: number, vlans: readonly PortVlan[]): Message {
  return write(RTM_DELLINK, index, vlans);
}

/** The VLANs of every port of the socket's namespace, by the port's index. */
export function portVlanDump(socket: NetlinkSocket): Map<number, PortVlan[]> {
  const writer = new AttrWriter(linkHeader({}, AF_BRIDGE)).u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
  const ports = new Map<number, PortVlan[]>();
  for (const { payload } of socket.dump(plainMessage(RTM_GETLINK, writer))) {
    const { index, vlans } = decodePortVlans(payload);
    ports.set(index, vlans);
  }
  return ports;
}

/**
 * Reads the payload of an RTM_NEWLINK message of the family AF_BRIDGE, or of a request above.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodePortVlans(payload: Uint8Array): { readonly index: number; readonly vlans: PortVlan[] } {
  const header = headerView(payload, IFINFOMSG_LENGTH, "ifinfomsg");
  const spec = readAttrs(payload, IFINFOMSG_LENGTH).get(IFLA_AF_SPEC) ?? new Uint8Array();
  const infos = listAttrs(spec).filter(({ type }) => type === IFLA_BRIDGE_VLAN_INFO);
  return { index: header.getInt32(4, true), vlans: infos.map(({ value }) => readInfo(value)) };
}

function readInfo(bytes: Uint8Array): PortVlan {
  const info = headerView(bytes, VLAN_INFO_LENGTH, "bridge_vlan_info");
  const flags = info.getUint16(0, true);
  return { id: info.getUint16(2, true), pvid: (flags & FLAG_PVID) !== 0, untagged: (flags & FLAG_UNTAGGED) !== 0 };
}
