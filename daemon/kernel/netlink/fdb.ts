// Forwarding databases of bridges and VXLAN devices: the neighbour messages of linux/neighbour.h in the family
// AF_BRIDGE (`bridge fdb`), handled by net/core/rtnetlink.c, net/bridge/br_fdb.c and drivers/net/vxlan.
import type { Address } from "../ip/address.ts";
import type { Mac } from "../ip/mac.ts";
import { AF_BRIDGE, address, mac, readFields, u16, u16be, u32, u8, writeFields } from "./fields.ts";
import type { Field } from "./fields.ts";
import {
  NDA_IFINDEX,
  NEIGHBOUR_FLAG,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
  neighbourCache,
  neighbourHeader,
  readNeighbourHeader,
} from "./neigh.ts";
import type { NeighbourCache, NeighbourState } from "./neigh.ts";
import { newMessage, plainMessage } from "./request.ts";
import type { NewMode } from "./request.ts";
import type { NetlinkSocket } from "./socket.ts";
import { decodeError } from "./wire.ts";
import type { Message } from "./wire.ts";

/** A forwarding entry: frames for `mac` leave through `link`, over VXLAN to `remote`. */
export interface FdbEntry {
  /** Index of the device: a bridge port, or a VXLAN device. */
  readonly index: number;
  readonly mac: Mac;
  /** Absent in a request: permanent. `bridge fdb` writes combinations, which are read as numbers. */
  readonly state?: NeighbourState | number;
  /** NEIGHBOUR_FLAG bits: `self` is the device's own table, `master` the bridge's it is a port of. Absent: self. */
  readonly flags?: number;
  /** VTEP the frames are sent to. */
  readonly remote?: Address;
  /** UDP port of that VTEP when it is not the device's. */
  readonly port?: number;
  /** VNI to send with when it is not the device's. */
  readonly vni?: number;
  /** VNI the entry is looked up in, for devices that collect metadata. */
  readonly sourceVni?: number;
  /** Index of the device the packets leave through. */
  readonly via?: number;
  readonly vlan?: number;
  /** Index of the bridge; reported only. */
  readonly master?: number;
  readonly nextHopId?: number;
  readonly protocol?: number;
  readonly cache?: NeighbourCache;
}

/** Which entries a dump is to give. */
export interface FdbFilter {
  /** Index of the device or port. */
  readonly index?: number;
  /** Index of a bridge: the entries of its ports. */
  readonly bridge?: number;
}

const NDA_MASTER = 9;

const FIELDS: readonly Field<FdbEntry>[] = [
  [2, "mac", mac],
  [1, "remote", address],
  [3, "cache", neighbourCache],
  [5, "vlan", u16],
  [6, "port", u16be],
  [7, "vni", u32],
  [11, "sourceVni", u32],
  [NDA_IFINDEX, "via", u32],
  [NDA_MASTER, "master", u32],
  [12, "protocol", u8],
  [13, "nextHopId", u32],
];

/** Makes an entry. create: EEXIST when it is there; append: one more remote for the same MAC, VXLAN only. */
export function fdbNew(entry: FdbEntry, mode: NewMode = "create"): Message {
  return newMessage(RTM_NEWNEIGH, mode, writeFdb(entry));
}

/** Deletes an entry; of a VXLAN entry with several remotes only the one given. */
export function fdbDelete(entry: FdbEntry): Message {
  return plainMessage(RTM_DELNEIGH, writeFdb(entry));
}

function writeFdb(entry: FdbEntry) {
  const { index, state = "permanent", flags = NEIGHBOUR_FLAG.self } = entry;
  const writer = neighbourHeader(AF_BRIDGE, index, state, flags);
  writeFields(writer, FIELDS, entry);
  return writer;
}

/**
 * Reads the payload of an RTM_NEWNEIGH or RTM_DELNEIGH message of AF_BRIDGE.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeFdb(payload: Uint8Array): FdbEntry {
  const { family, index, state, flags, attrs } = readNeighbourHeader(payload);
  const { mac: found, ...rest } = readFields(attrs, FIELDS);
  if (family !== AF_BRIDGE || found === undefined) throw decodeError("a forwarding entry without a MAC address");
  return { index, mac: found, state, flags, ...rest };
}

/** The forwarding entries of the socket's namespace: of all devices, of one, or of one bridge's ports. */
export function fdbDump(socket: NetlinkSocket, filter: FdbFilter = {}): FdbEntry[] {
  return [...fdbStream(socket, filter)];
}

/** As fdbDump, one by one (NetlinkSocket.stream). */
export function* fdbStream(socket: NetlinkSocket, filter: FdbFilter = {}): Generator<FdbEntry> {
  const { index, bridge } = filter;
  const writer = neighbourHeader(AF_BRIDGE, index ?? 0, 0, 0);
  if (bridge !== undefined) writer.u32(NDA_MASTER, bridge);
  for (const { payload } of socket.stream(plainMessage(RTM_GETNEIGH, writer))) {
    const entry = decodeFdb(payload);
    if (index !== undefined && entry.index !== index) continue;
    if (bridge === undefined || entry.master === bridge || entry.index === bridge) yield entry;
  }
}
