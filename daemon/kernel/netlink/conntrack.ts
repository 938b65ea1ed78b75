// Connection tracking: ctnetlink, linux/netfilter/nfnetlink_conntrack.h (net/netfilter/nf_conntrack_netlink.c). Over a
// socket of NETLINK_NETFILTER, one namespace's entries.
import type { Address, Family } from "../ip/address.ts";
import { AttrWriter, readAttrs } from "./attr.ts";
import type { Attrs } from "./attr.ts";
import { address, decodeFamily, familyNumber, headerView } from "./fields.ts";
import { plainMessage } from "./request.ts";
import type { NetlinkSocket } from "./socket.ts";
import { decodeError } from "./wire.ts";
import type { Message } from "./wire.ts";

/** One direction of a connection. Ports are absent for protocols that have none. */
export interface ConntrackTuple {
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** A tracked connection. */
export interface ConntrackEntry {
  readonly family: Family;
  /** IPPROTO_* */
  readonly protocol: number;
  /** As its first packet came. */
  readonly original: ConntrackTuple;
  /** As answers come: translations show as a difference to `original`. */
  readonly reply: ConntrackTuple;
  readonly id?: number;
  readonly zone?: number;
}

/** Which entries a dump is to give. */
export interface ConntrackFilter {
  readonly family: Family;
  readonly protocol: number;
  /** Of the first packet; any when absent. */
  readonly destinationPort?: number;
}

/** NFNL_SUBSYS_CTNETLINK in the upper byte; IPCTNL_MSG_CT_*. */
const CT_GET = (1 << 8) | 1;
const CT_DELETE = (1 << 8) | 2;

/** sizeof(struct nfgenmsg): u8 family, u8 version, be16 resource id. */
const NFGENMSG_LENGTH = 4;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;

const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
/** CTA_IP_*: source and destination by family. */
const CTA_IP: Readonly<Record<Family, readonly [number, number]>> = { 4: [1, 2], 6: [3, 4] };
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;

const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** CTA_FILTER_F_CTA_PROTO_NUM and _DST_PORT of net/netfilter/nf_internals.h: what of the tuple is to fit. */
const FILTER_PROTOCOL = 1 << 3;
const FILTER_PORT = 1 << 5;

function header(family: Family): AttrWriter {
  return new AttrWriter(Uint8Array.of(familyNumber(family), 0, 0, 0));
}

/** The request of a dump. The kernel filters since 5.8; an older one gives everything. */
export function conntrackQuery({ family, protocol, destinationPort }: ConntrackFilter): Message {
  const writer = header(family)
    .nest(CTA_TUPLE_ORIG, (tuple) => {
      tuple.nest(CTA_TUPLE_PROTO, (proto) => {
        proto.u8(CTA_PROTO_NUM, protocol).u16be(CTA_PROTO_DST_PORT, destinationPort ?? 0);
      });
    })
    .nest(CTA_FILTER, (filter) => {
      const flags = FILTER_PROTOCOL | (destinationPort === undefined ? 0 : FILTER_PORT);
      filter.u32(CTA_FILTER_ORIG_FLAGS, flags).u32(CTA_FILTER_REPLY_FLAGS, 0);
    });
  return plainMessage(CT_GET, writer);
}

/** The connections that a filter fits. */
export function conntrackDump(socket: NetlinkSocket, filter: ConntrackFilter): ConntrackEntry[] {
  return socket
    .dump(conntrackQuery(filter))
    .map(({ payload }) => decodeConntrack(payload))
    .filter(
      ({ protocol, original }) =>
        protocol === filter.protocol &&
        (filter.destinationPort === undefined || original.destinationPort === filter.destinationPort),
    );
}

/** Forgets a connection: ENOENT when it has ended already. */
export function conntrackDelete({ family, protocol, original, id, zone }: ConntrackEntry): Message {
  const writer = header(family);
  writer.nest(CTA_TUPLE_ORIG, (tuple) => {
    tuple.nest(CTA_TUPLE_IP, (ip) => {
      address.write(ip, CTA_IP[family][0], original.source);
      address.write(ip, CTA_IP[family][1], original.destination);
    });
    tuple.nest(CTA_TUPLE_PROTO, (proto) => {
      proto.u8(CTA_PROTO_NUM, protocol);
      if (original.sourcePort !== undefined) proto.u16be(CTA_PROTO_SRC_PORT, original.sourcePort);
      if (original.destinationPort !== undefined) proto.u16be(CTA_PROTO_DST_PORT, original.destinationPort);
    });
  });
  // Another connection of the same addresses and ports may have begun since: its id differs.
  if (id !== undefined) writer.u32be(CTA_ID, id);
  if (zone !== undefined) writer.u16be(CTA_ZONE, zone);
  return plainMessage(CT_DELETE, writer);
}

/**
 * Reads the payload of an entry.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeConntrack(payload: Uint8Array): ConntrackEntry {
  const family = decodeFamily(headerView(payload, NFGENMSG_LENGTH, "nfgenmsg").getUint8(0));
  const attrs = readAttrs(payload, NFGENMSG_LENGTH);
  const id = attrs.u32be(CTA_ID);
  const zone = attrs.u16be(CTA_ZONE);
  return {
    family,
    protocol: attrs.nested(CTA_TUPLE_ORIG)?.nested(CTA_TUPLE_PROTO)?.u8(CTA_PROTO_NUM) ?? 0,
    original: readTuple(family, attrs.nested(CTA_TUPLE_ORIG)),
    reply: readTuple(family, attrs.nested(CTA_TUPLE_REPLY)),
    ...(id === undefined ? {} : { id }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function readTuple(family: Family, tuple: Attrs | undefined): ConntrackTuple {
  const [source, destination] = CTA_IP[family];
  const ip = tuple?.nested(CTA_TUPLE_IP);
  const proto = tuple?.nested(CTA_TUPLE_PROTO);
  const sourcePort = proto?.u16be(CTA_PROTO_SRC_PORT);
  const destinationPort = proto?.u16be(CTA_PROTO_DST_PORT);
  return {
    source: addressIn(ip, source, family),
    destination: addressIn(ip, destination, family),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  };
}

function addressIn(ip: Attrs | undefined, type: number, family: Family): Address {
  const found = ip === undefined ? undefined : address.read(ip, type);
  if (found?.family === family) return found;
  throw decodeError(`a connection without its IPv${family} addresses`);
}
