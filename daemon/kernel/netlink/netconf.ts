// What the kernel tells of a namespace's or an interface's settings: RTM_NEWNETCONF and NETCONFA_* of linux/netconf.h, sent
// by net/ipv4/devinet.c and net/ipv6/addrconf.c. Of all sysctls only forwarding, rp_filter, proxying and a few more are told.
import type { Family } from "../ip/address.ts";
import { readAttrs } from "./attr.ts";
import { decodeFamily, headerView } from "./fields.ts";

export const RTM_NEWNETCONF = 80;

/** struct netconfmsg is one byte; attributes begin at the next multiple of four. */
const HEADER_LENGTH = 4;

const NETCONFA_IFINDEX = 1;
const NETCONFA_FORWARDING = 2;
/** NETCONFA_IFINDEX_ALL: `conf/all` */
const ALL = -1;

/** The sysctl that switches routing between interfaces on, for the whole namespace (linux's ip-sysctl.rst). */
export const FORWARDING: Readonly<Record<Family, string>> = {
  4: "net/ipv4/ip_forward",
  6: "net/ipv6/conf/all/forwarding",
};

/** Settings of a family; what the message does not tell of is absent. */
export interface Netconf {
  readonly family: Family;
  /** For the whole namespace; absent, it is of one interface, or what new ones begin with. */
  readonly isForAll?: true;
  /** The sysctl's number. */
  readonly forwarding?: number;
}

/**
 * Reads the payload of an RTM_NEWNETCONF message of IPv4 or IPv6.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeNetconf(payload: Uint8Array): Netconf {
  const family = decodeFamily(headerView(payload, HEADER_LENGTH, "netconfmsg").getUint8(0));
  const attrs = readAttrs(payload, HEADER_LENGTH);
  const forwarding = attrs.i32(NETCONFA_FORWARDING);
  return {
    family,
    ...(attrs.i32(NETCONFA_IFINDEX) === ALL ? { isForAll: true } : {}),
    ...(forwarding === undefined ? {} : { forwarding }),
  };
}
