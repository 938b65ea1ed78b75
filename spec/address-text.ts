// IP address text, in one place for the schemas' formats, subnet.env and daemon/kernel/ip: the ip-address package reads
// and prints it, and this file narrows what the package accepts to what Go accepts (no zone ids, no prefix length in
// an address) and prints RFC 5952, with the dotted form for mapped IPv4 addresses (§5) as Go's net/netip does.
import { address6 } from "./address-package.ts";

/** The longest IPv6 text, six groups and a dotted quad, has 45 characters. Anything longer is refused unread. */
const TEXT_LIMIT = 45;

/** The upper 96 bits of ::ffff:0:0/96, RFC 4291 §2.5.5.2. */
const MAPPED_HIGH = 0xffffn;

export interface AddressNumber {
  readonly family: 4 | 6;
  /** Unsigned, 32 or 128 bits. */
  readonly value: bigint;
}

export interface PrefixNumber extends AddressNumber {
  readonly length: number;
}

/**
 * Dotted quads are read and printed here: they are what nearly every plugin meets, and loading the package costs a CNI
 * executable more than half a millisecond. test/property/spec holds this to what the package says.
 */
const DOTTED_QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

function parseDottedQuad(text: string): AddressNumber | undefined {
  const octets = DOTTED_QUAD.exec(text)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) return undefined;
  return { family: 4, value: BigInt(octets.reduce((value, octet) => value * 256 + octet, 0)) };
}

function printDottedQuad(value: bigint): string {
  const bits = Number(value);
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

/** Undefined for anything that is not an address. IPv4 octets with leading zeros are not: some read them as octal. */
export function parseAddressText(text: string): AddressNumber | undefined {
  if (text.length > TEXT_LIMIT || text.includes("/") || text.includes("%")) return undefined;
  if (!text.includes(":")) return parseDottedQuad(text);
  try {
    return { family: 6, value: new (address6())(text).bigInt() };
  } catch {
    return undefined;
  }
}

/** `address/length`, host bits kept. The length may have leading zeros, as in Go's ParseCIDR. */
export function parsePrefixText(text: string): PrefixNumber | undefined {
  const slash = text.indexOf("/");
  const lengthText = text.slice(slash + 1);
  if (slash < 0 || !/^\d{1,3}$/.test(lengthText)) return undefined;
  const address = parseAddressText(text.slice(0, slash));
  const length = Number(lengthText);
  return address === undefined || length > (address.family === 4 ? 32 : 128) ? undefined : { ...address, length };
}

/** The value must fit the family. */
export function printAddress(family: 4 | 6, value: bigint): string {
  if (family === 4) return printDottedQuad(value);
  const address = address6().fromBigInt(value);
  return value >> 32n === MAPPED_HIGH ? address.to4in6() : address.correctForm();
}

/** EUI-48 in the forms Go's ParseMAC reads: colons, dashes, or groups of four with dots; any case. */
export const MAC_TEXT = /^(?:[\da-f]{2}(?:(?::[\da-f]{2}){5}|(?:-[\da-f]{2}){5})|[\da-f]{4}(?:\.[\da-f]{4}){2})$/i;
