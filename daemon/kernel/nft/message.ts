// What messages to and from nf_tables have in common (include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h). Pure.
import { AttrWriter } from "../netlink/attr.ts";
import { ENOENT } from "../netlink/constants.ts";
import { NetlinkError } from "../netlink/error.ts";
import type { NftFamily } from "./commands.ts";

/** NFNL_SUBSYS_NFTABLES in the upper byte of a message's type. */
const SUBSYSTEM = 10 << 8;
/** NFT_MSG_GET… */
export const GET = {
  table: SUBSYSTEM | 1,
  chain: SUBSYSTEM | 4,
  rule: SUBSYSTEM | 7,
  element: SUBSYSTEM | 13,
  object: SUBSYSTEM | 19,
} as const;
/** sizeof(struct nfgenmsg): u8 family, u8 version, be16 resource id. */
export const NFGENMSG_SIZE = 4;

/** NFPROTO_… of linux/netfilter.h. */
export const PROTOCOL: Readonly<Record<NftFamily, number>> = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 };
const FAMILY_OF = new Map<number, NftFamily>(
  Object.entries(PROTOCOL).map(([family, number]) => [number, family as NftFamily]),
);

/** A payload's start, with attributes to come. `protocol`: of PROTOCOL, or 0 for all. */
export function header(protocol: number): AttrWriter {
  return new AttrWriter(Uint8Array.of(protocol, 0, 0, 0));
}

export function familyOf(payload: Uint8Array): NftFamily | undefined {
  return FAMILY_OF.get(payload[0] ?? -1);
}

/** What a kernel without nf_tables says: to a subsystem that it does not have, to a family it was built without. */
const EINVAL = 22;
const EOPNOTSUPP = 95;

/** Undefined where what is asked for is not there, nf_tables included. */
export function ifThere<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetlinkError && [ENOENT, EINVAL, EOPNOTSUPP].includes(error.errno)) return undefined;
    throw error;
  }
}

/** Items of user data: type, length, value (libnftnl, include/libnftnl/udata.h). */
const ITEM_HEADER = 2;
/** NFTNL_UDATA_RULE_COMMENT, NFTNL_UDATA_SET_ELEM_COMMENT. */
const COMMENT = 0;
const decoder = new TextDecoder();

/** The comment in the user data of a rule or an element; empty for none. */
export function commentIn(data: Uint8Array | undefined): string {
  if (data === undefined) return "";
  for (let at = 0; at + ITEM_HEADER <= data.length; at += ITEM_HEADER + data[at + 1]!) {
    const value = data.subarray(at + ITEM_HEADER, at + ITEM_HEADER + data[at + 1]!);
    if (data[at] !== COMMENT) continue;
    const end = value.indexOf(0);
    return decoder.decode(end < 0 ? value : value.subarray(0, end));
  }
  return "";
}
