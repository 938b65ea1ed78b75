// Rules of nf_tables by their comments, asked of the kernel directly (include/uapi/linux/netfilter/nf_tables.h): rules are
// deleted by handle alone, and libnftables reads sets and maps as well to tell one. Decoders are pure.
import { readAttrs } from "../netlink/attr.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import type { NftFamily } from "./commands.ts";
import { commentIn, GET, header, ifThere, NFGENMSG_SIZE, PROTOCOL } from "./message.ts";
import type { NftName } from "./query.ts";

/** NFTA_RULE_… and NFTA_CHAIN_… */
const RULE = { table: 1, chain: 2, handle: 3, userData: 7 } as const;
const CHAIN = { table: 1, name: 3 } as const;

export interface NftRuleFound {
  readonly chain: string;
  readonly handle: number;
  /** Empty for none. */
  readonly comment: string;
}

export interface NftRulePlace {
  readonly family: NftFamily;
  readonly table: string;
  /** All chains of the table when absent. */
  readonly chain?: string;
}

/** Rules in the order of their chains; none where there is no such table or chain, or no nf_tables. */
export function queryRules(socket: NetlinkSocket, { family, table, chain }: NftRulePlace): NftRuleFound[] {
  const request = header(PROTOCOL[family]).string(RULE.table, table);
  if (chain !== undefined) request.string(RULE.chain, chain);
  const message = { type: GET.rule, flags: 0, payload: request.finish() };
  return ifThere(() => socket.dump(message).flatMap(({ payload }) => decodeRule(payload) ?? [])) ?? [];
}

/** Whether there is a chain. */
export function queryHasChain(socket: NetlinkSocket, { family, table, name }: NftName): boolean {
  const payload = header(PROTOCOL[family]).string(CHAIN.table, table).string(CHAIN.name, name).finish();
  return ifThere(() => socket.request({ type: GET.chain, flags: 0, payload })) !== undefined;
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function decodeRule(payload: Uint8Array): NftRuleFound | undefined {
  const attrs = readAttrs(payload, NFGENMSG_SIZE);
  const chain = attrs.string(RULE.chain);
  const handle = attrs.get(RULE.handle);
  if (chain === undefined || handle?.length !== 8) return undefined;
  const number = new DataView(handle.buffer, handle.byteOffset).getBigUint64(0);
  return { chain, handle: Number(number), comment: commentIn(attrs.get(RULE.userData)) };
}
