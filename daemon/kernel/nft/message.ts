// What all messages to and from nf_tables begin with (include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h). Pure.
import { AttrWriter } from "../netlink/attr.ts";
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
