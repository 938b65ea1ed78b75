// The text formats that the schemas name with "format": what they accept and how an error describes them. Generated
// validators import this map, so a new format needs an entry here and nothing else.
import { MAC_TEXT, parseAddressText, parsePrefixText } from "./address-text.ts";

export interface Format {
  readonly accepts: (text: string) => boolean;
  /** Completes "must be …". */
  readonly described: string;
}

function address(family?: 4 | 6): (text: string) => boolean {
  return (text) => {
    const parsed = parseAddressText(text);
    return parsed !== undefined && (family === undefined || parsed.family === family);
  };
}

function prefix(family?: 4 | 6): (text: string) => boolean {
  return (text) => {
    const parsed = parsePrefixText(text);
    return parsed !== undefined && (family === undefined || parsed.family === family);
  };
}

function each(accepts: (text: string) => boolean): (text: string) => boolean {
  return (text) => text.split(",").every(accepts);
}

/** What the specification allows for a container id and a network name, CNI 1.1.0 §2. */
export const CNI_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** As the kernel checks it in dev_valid_name (net/core/dev.c): 1 to 15 bytes, no slash, colon or white space. */
export function isInterfaceName(text: string): boolean {
  return text !== "." && text !== ".." && !/[\s/:]/u.test(text) && text !== "" && Buffer.byteLength(text) <= 15;
}

export const FORMATS = {
  ip: { accepts: address(), described: "an IP address" },
  ipv4: { accepts: address(4), described: "an IPv4 address like 10.5.0.1" },
  ipv6: { accepts: address(6), described: "an IPv6 address like fd00:5::1" },
  cidr: { accepts: prefix(), described: "an IP prefix like 10.5.0.0/16" },
  "ipv4-cidr": { accepts: prefix(4), described: "an IPv4 prefix like 10.5.0.0/16" },
  "ipv6-cidr": { accepts: prefix(6), described: "an IPv6 prefix like fd00:5::/48" },
  "ipv4-cidr-list": { accepts: each(prefix(4)), described: "IPv4 prefixes separated by commas" },
  "ipv6-cidr-list": { accepts: each(prefix(6)), described: "IPv6 prefixes separated by commas" },
  "ip-or-cidr": {
    accepts: (text) => (text.includes("/") ? parsePrefixText(text) : parseAddressText(text)) !== undefined,
    described: "an IP address, with or without a prefix length",
  },
  mac: { accepts: (text) => MAC_TEXT.test(text), described: "a MAC address like 02:00:5e:10:00:01" },
  "mac-prefix": {
    accepts: (text) => /^[\da-f][02468ace]-[\da-f]{2}$/i.test(text),
    described: "two octets of a unicast MAC address like 0E-2A",
  },
  "cni-name": {
    accepts: (text) => CNI_NAME.test(text),
    described: "a letter or digit followed by letters, digits, '_', '.' and '-'",
  },
  "interface-name": {
    accepts: isInterfaceName,
    described: "an interface name: 1 to 15 bytes without '/', ':' and white space",
  },
  decimal: { accepts: (text) => /^\d+$/.test(text), described: "a decimal number" },
} as const satisfies Record<string, Format>;
