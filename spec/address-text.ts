// IP address text, in one place for the schemas' formats, subnet.env and daemon/kernel/ip. The plain forms are read and
// printed here and in ipv6-text.ts, all others by the ip-address package, which also is what the plain ones are held to
// (test/property/spec/address-text.test.ts); spec/decisions/address-text.md has the reason. This file narrows what the package accepts to what Go accepts (no zone ids, no prefix length in
// an address) and prints RFC 5952, with the dotted form for mapped IPv4 addresses (§5) as Go's net/netip does.
import { address6 } from "./address-package.ts";
import { parsePlainIpv6, printPlainIpv6 } from "./ipv6-text.ts";

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

/** A whole number of up to three digits; undefined for any other text. */
function parseDecimal(text: string): number | undefined {
  if (text.length < 1 || text.length > 3) return undefined;
  let value = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** The code of the character 0; the other digits follow, and the dot lies two before. */
const ZERO = 48;
const DOT = -2;

/**
 * Dotted quads are read and printed here: they are what nearly every plugin meets, and loading the package costs a CNI
 * executable more than half a millisecond, compiling a regular expression a tenth of that. test/property/spec/
 * address-text.test.ts holds this to what the package says.
 */
function parseDottedQuad(text: string): AddressNumber | undefined {
  let [value, octet, digits, dots] = [0, 0, 0, 0];
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - ZERO;
    if (digit === DOT) {
      if (digits === 0) return undefined;
      value = value * 256 + octet;
      [octet, digits] = [0, 0];
      dots++;
    } else {
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined;
      octet = octet * 10 + digit;
      digits++;
      if (octet > 255) return undefined;
    }
  }
  return dots === 3 && digits > 0 ? { family: 4, value: BigInt(value * 256 + octet) } : undefined;
}

function printDottedQuad(value: bigint): string {
  const bits = Number(value);
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

/** Undefined for anything that is not an address. IPv4 octets with leading zeros are not: some read them as octal. */
export function parseAddressText(text: string): AddressNumber | undefined {
  if (text.length > TEXT_LIMIT || text.includes("/") || text.includes("%")) return undefined;
  if (!text.includes(":")) return parseDottedQuad(text);
  const plain = parsePlainIpv6(text);
  if (plain !== undefined) return { family: 6, value: plain };
  try {
    return { family: 6, value: new (address6())(text).bigInt() };
  } catch {
    return undefined;
  }
}

/** `address/length`, host bits kept. The length may have leading zeros, as in Go's ParseCIDR. */
export function parsePrefixText(text: string): PrefixNumber | undefined {
  const slash = text.indexOf("/");
  const length = slash < 0 ? undefined : parseDecimal(text.slice(slash + 1));
  if (length === undefined) return undefined;
  const address = parseAddressText(text.slice(0, slash));
  return address === undefined || length > (address.family === 4 ? 32 : 128) ? undefined : { ...address, length };
}

/** The value must fit the family. */
export function printAddress(family: 4 | 6, value: bigint): string {
  if (family === 4) return printDottedQuad(value);
  return value >> 32n === MAPPED_HIGH ? address6().fromBigInt(value).to4in6() : printPlainIpv6(value);
}

/** EUI-48 in the forms Go's ParseMAC reads: colons, dashes, or groups of four with dots; any case. */
export const MAC_TEXT = /^(?:[\da-f]{2}(?:(?::[\da-f]{2}){5}|(?:-[\da-f]{2}){5})|[\da-f]{4}(?:\.[\da-f]{4}){2})$/i;
