// Neighbours (ARP and IPv6 ND): RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH and NDA_* of linux/neighbour.h, for the
// families AF_INET and AF_INET6. Bridge and VXLAN forwarding entries use the same messages: see fdb.ts.
import { FAMILIES } from "../ip/address.ts";
import type { Address, Family } from "../ip/address.ts";
import type { Mac } from "../ip/mac.ts";
import { readAttrs } from "./attr.ts";
import type { AttrWriter } from "./attr.ts";
import { address, decodeFamily, familyNumber, headerView, mac, readFields, u32, u8, writeFields } from "./fields.ts";
import type { Codec, Field } from "./fields.ts";
import { NameTable } from "./names.ts";
import { headed, newMessage, plainMessage } from "./request.ts";
import type { NewMode } from "./request.ts";
import type { NetlinkSocket } from "./socket.ts";
import { decodeError } from "./wire.ts";
import type { Message } from "./wire.ts";

/** How sure the kernel is of an entry, NUD_*. */
export type NeighbourState =
  | "none"
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent";

/** NTF_*, ndm_flags. */
export const NEIGHBOUR_FLAG = {
  use: 0x01,
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  externLearned: 0x10,
  offloaded: 0x20,
  sticky: 0x40,
  router: 0x80,
} as const;

/** An entry of the neighbour table, as asked for and as reported. */
export interface Neighbour {
  /** Index of the link. */
  readonly index: number;
  readonly address: Address;
  /** Absent while it is not resolved. */
  readonly mac?: Mac;
  /** Absent in a request: permanent. */
  readonly state?: NeighbourState | number;
  /** NEIGHBOUR_FLAG bits. */
  readonly flags?: number;
  /** Who installed it, as ROUTE_PROTOCOL. */
  readonly protocol?: number;
  readonly probes?: number;
  /** Reported only. */
  readonly cache?: NeighbourCache;
}

/** Ticks of 10 ms since an entry was last confirmed, used and updated, and how many hold it. */
export interface NeighbourCache {
  readonly confirmed: number;
  readonly used: number;
  readonly updated: number;
  readonly references: number;
}

/** Which entries a dump is to give. */
export interface NeighbourFilter {
  readonly index?: number;
  readonly family?: Family;
  /** The proxy entries instead of the ordinary ones. */
  readonly proxy?: boolean;
}

/** Message types, which neighbours and forwarding entries share. */
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

/** In a dump request of neighbours a filter, in a VXLAN forwarding entry the device to leave by. */
export const NDA_IFINDEX = 8;

/** NUD_*; states may be combined to a number without a name. */
export const NEIGHBOUR_STATES = new NameTable<NeighbourState>({
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
});

/** sizeof(struct ndmsg): u8 family, 3 bytes padding, i32 index, u16 state, u8 flags, u8 type. */
const NDMSG_LENGTH = 12;

/** struct nda_cacheinfo: u32 confirmed, used, updated, references. */
export const neighbourCache: Codec<NeighbourCache> = {
  read: (attrs, type) => {
    const value = attrs.get(type);
    if (value === undefined) return undefined;
    const view = headerView(value, 16, "nda_cacheinfo");
    return {
      confirmed: view.getUint32(0, true),
      used: view.getUint32(4, true),
      updated: view.getUint32(8, true),
      references: view.getUint32(12, true),
    };
  },
  write: (writer, type, cache) => {
    const value = new Uint32Array([cache.confirmed, cache.used, cache.updated, cache.references]);
    writer.bytes(type, new Uint8Array(value.buffer));
  },
};

const FIELDS: readonly Field<Neighbour>[] = [
  [12, "protocol", u8],
  [1, "address", address],
  [2, "mac", mac],
  [3, "cache", neighbourCache],
  [4, "probes", u32],
];

/** Makes an entry; EEXIST when the address has one, unless the mode is replace. */
export function neighNew(entry: Neighbour, mode: NewMode = "create"): Message {
  return newMessage(RTM_NEWNEIGH, mode, writeNeighbour(entry));
}

/** Deletes an entry: index and address say which, and NEIGHBOUR_FLAG.proxy whether it is a proxy's. */
export function neighDelete(entry: Neighbour): Message {
  return plainMessage(RTM_DELNEIGH, writeNeighbour(entry));
}

function writeNeighbour(entry: Neighbour): AttrWriter {
  const family = familyNumber(entry.address.family);
  const writer = neighbourHeader(family, entry.index, entry.state ?? "permanent", entry.flags ?? 0);
  writeFields(writer, FIELDS, entry);
  return writer;
}

/** A writer behind struct ndmsg. */
export function neighbourHeader(
  family: number,
  index: number,
  state: NeighbourState | number,
  flags: number,
): AttrWriter {
  return headed(NDMSG_LENGTH, (header) => {
    header.setUint8(0, family);
    header.setInt32(4, index, true);
    header.setUint16(8, NEIGHBOUR_STATES.number(state), true);
    header.setUint8(10, flags);
  });
}

/** The fields of struct ndmsg, and the attributes behind it. */
export function readNeighbourHeader(payload: Uint8Array) {
  const header = headerView(payload, NDMSG_LENGTH, "ndmsg");
  return {
    family: header.getUint8(0),
    index: header.getInt32(4, true),
    state: NEIGHBOUR_STATES.name(header.getUint16(8, true)),
    flags: header.getUint8(10),
    attrs: readAttrs(payload, NDMSG_LENGTH),
  };
}

/**
 * Reads the payload of an RTM_NEWNEIGH or RTM_DELNEIGH message of IPv4 or IPv6.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeNeighbour(payload: Uint8Array): Neighbour {
  const { family, index, state, flags, attrs } = readNeighbourHeader(payload);
  const { address: found, ...rest } = readFields(attrs, FIELDS);
  if (found?.family !== decodeFamily(family)) throw decodeError("a neighbour whose address is not of its family");
  return { index, address: found, state, flags, ...rest };
}

/** The neighbour table of the socket's namespace, or the part that the filter names. */
export function neighDump(socket: NetlinkSocket, filter: NeighbourFilter = {}): Neighbour[] {
  return [...neighStream(socket, filter)];
}

/** As neighDump, one by one (NetlinkSocket.stream). */
export function* neighStream(socket: NetlinkSocket, filter: NeighbourFilter = {}): Generator<Neighbour> {
  const { index, proxy } = filter;
  for (const family of filter.family === undefined ? FAMILIES : [filter.family]) {
    const writer = neighbourHeader(familyNumber(family), 0, 0, proxy === true ? NEIGHBOUR_FLAG.proxy : 0);
    if (index !== undefined) writer.u32(NDA_IFINDEX, index);
    for (const { payload } of socket.stream(plainMessage(RTM_GETNEIGH, writer))) {
      const entry = decodeNeighbour(payload);
      if (index === undefined || entry.index === index) yield entry;
    }
  }
}
