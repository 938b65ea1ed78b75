// Interface addresses: RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR and IFA_* of linux/if_addr.h.
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { readAttrs } from "./attr.ts";
import type { AttrWriter, Attrs } from "./attr.ts";
import {
  address,
  decodeFamily,
  decodePrefix,
  familyNumber,
  headerView,
  readFields,
  text,
  u32,
  u8,
  writeFields,
} from "./fields.ts";
import type { Codec, Field } from "./fields.ts";
import { headed, newMessage, plainMessage } from "./request.ts";
import type { NewMode } from "./request.ts";
import { ROUTE_SCOPES } from "./route-types.ts";
import type { RouteScope } from "./route-types.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

/** IFA_F_* of linux/if_addr.h. */
export const ADDRESS_FLAG = {
  secondary: 0x01,
  /** Skip duplicate address detection: the address is usable at once. */
  noDad: 0x02,
  optimistic: 0x04,
  dadFailed: 0x08,
  homeAddress: 0x10,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  manageTempAddress: 0x100,
  /** Do not add the prefix route. */
  noPrefixRoute: 0x200,
  mcastAutojoin: 0x400,
  stablePrivacy: 0x800,
} as const;

/** Seconds left; Infinity for ever. */
export interface AddressLifetime {
  readonly preferred: number;
  readonly valid: number;
}

/** An address of a link, as asked for and as reported. */
export interface LinkAddress {
  /** Index of the link. */
  readonly index: number;
  /** The address with its prefix length, host bits kept. */
  readonly address: Prefix;
  /** The other end of a point-to-point link, where it differs from the address. */
  readonly peer?: Address;
  readonly broadcast?: Address;
  /** IPv4 only: a name that begins with the link's. */
  readonly label?: string;
  readonly scope?: RouteScope | number;
  /** ADDRESS_FLAG bits. */
  readonly flags?: number;
  readonly lifetime?: AddressLifetime;
  /** Metric of the prefix route. */
  readonly metric?: number;
  /** IFAPROT_*: who set it, for display only. */
  readonly protocol?: number;
}

/** Which addresses a dump is to give. */
export interface AddressFilter {
  /** Index of the link. */
  readonly index?: number;
  readonly family?: Family;
}

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;

/** sizeof(struct ifaddrmsg): u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
const IFADDRMSG_LENGTH = 8;
/** INFINITY_LIFE_TIME of net/addrconf.h. */
const FOREVER = 0xffff_ffff;

/** struct ifa_cacheinfo: u32 preferred, u32 valid, then two time stamps that only the kernel writes. */
const lifetime: Codec<AddressLifetime> = {
  read: (attrs, type) => {
    const both = attrs.u64(type);
    if (both === undefined) return undefined;
    return { preferred: seconds(Number(both & 0xffff_ffffn)), valid: seconds(Number(both >> 32n)) };
  },
  write: (writer, type, { preferred, valid }) => {
    const value = new DataView(new ArrayBuffer(16));
    value.setUint32(0, Math.min(preferred, FOREVER), true);
    value.setUint32(4, Math.min(valid, FOREVER), true);
    writer.bytes(type, new Uint8Array(value.buffer));
  },
};

function seconds(value: number): number {
  return value === FOREVER ? Infinity : value;
}

/** In iproute2's order: these stand between IFA_LOCAL and IFA_ADDRESS. */
const FIELDS: readonly Field<LinkAddress>[] = [
  [4, "broadcast", address],
  [3, "label", text],
  [9, "metric", u32],
  [11, "protocol", u8],
];

/** Gives a link an address; EEXIST when it has it, unless the mode is replace. */
export function addrNew(spec: LinkAddress, mode: NewMode = "create"): Message {
  return newMessage(RTM_NEWADDR, mode, writeAddress(spec, spec.address.address.isLoopback ? "host" : "global"));
}

/** Takes an address from a link. Only index, address and peer (and label, if given) need fit. */
export function addrDelete(spec: LinkAddress): Message {
  return plainMessage(RTM_DELADDR, writeAddress(spec, "global"));
}

function writeAddress(spec: LinkAddress, defaultScope: RouteScope): AttrWriter {
  const flags = spec.flags ?? 0;
  const writer = headed(IFADDRMSG_LENGTH, (header) => {
    header.setUint8(0, familyNumber(spec.address.family));
    header.setUint8(1, spec.address.length);
    header.setUint8(2, flags > 0xff ? 0 : flags);
    header.setUint8(3, ROUTE_SCOPES.number(spec.scope ?? defaultScope));
    header.setUint32(4, spec.index, true);
  });
  address.write(writer, IFA_LOCAL, spec.address.address);
  writeFields(writer, FIELDS, spec);
  // The header has room for eight flags; the attribute replaces them all.
  if (flags > 0xff) writer.u32(IFA_FLAGS, flags);
  address.write(writer, IFA_ADDRESS, spec.peer ?? spec.address.address);
  if (spec.lifetime !== undefined) lifetime.write(writer, IFA_CACHEINFO, spec.lifetime);
  return writer;
}

/**
 * Reads the payload of an RTM_NEWADDR or RTM_DELADDR message.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeAddr(payload: Uint8Array): LinkAddress {
  const header = headerView(payload, IFADDRMSG_LENGTH, "ifaddrmsg");
  const attrs = readAttrs(payload, IFADDRMSG_LENGTH);
  const life = lifetime.read(attrs, IFA_CACHEINFO);
  return {
    index: header.getUint32(4, true),
    ...readOwnAndPeer(attrs, decodeFamily(header.getUint8(0)), header.getUint8(1)),
    scope: ROUTE_SCOPES.name(header.getUint8(3)),
    flags: attrs.u32(IFA_FLAGS) ?? header.getUint8(2),
    ...readFields(attrs, FIELDS),
    ...(life === undefined ? {} : { lifetime: life }),
  };
}

/** IFA_ADDRESS is the peer where there is one; IFA_LOCAL is then our own, and absent in IPv6 otherwise. */
function readOwnAndPeer(attrs: Attrs, family: Family, length: number): Pick<LinkAddress, "address" | "peer"> {
  const far = attrs.get(IFA_ADDRESS);
  const own = decodePrefix(family, attrs.get(IFA_LOCAL) ?? far, length);
  const peer = far === undefined ? undefined : decodePrefix(family, far, length).address;
  return { address: own, ...(peer === undefined || peer.equals(own.address) ? {} : { peer }) };
}

/** The addresses of the socket's namespace, of one link or family when the filter says so. */
export function addrDump(socket: NetlinkSocket, filter: AddressFilter = {}): LinkAddress[] {
  const { index, family } = filter;
  const writer = headed(IFADDRMSG_LENGTH, (header) => {
    if (family !== undefined) header.setUint8(0, familyNumber(family));
    if (index !== undefined) header.setUint32(4, index, true);
  });
  return socket
    .dump(plainMessage(RTM_GETADDR, writer))
    .map(({ payload }) => decodeAddr(payload))
    .filter((found) => index === undefined || found.index === index);
}
