// Rules of nf_tables by their comments, asked of the kernel directly (include/uapi/linux/netfilter/nf_tables.h): rules are
// deleted by handle alone, and libnftables reads sets and maps as well to tell one. Decoders are pure.
import { readAttrs } from "../netlink/attr.ts";
import { ENOENT } from "../netlink/constants.ts";
import { NetlinkError } from "../netlink/error.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import type { NftFamily } from "./commands.ts";
import { GET, header, NFGENMSG_SIZE, PROTOCOL } from "./message.ts";
import type { NftName } from "./query.ts";

/** NFTA_RULE_… and NFTA_CHAIN_… */
const RULE = { table: 1, chain: 2, handle: 3, userData: 7 } as const;
const CHAIN = { table: 1, name: 3 } as const;
/** Items of user data: type, length, value (libnftnl, include/libnftnl/udata.h). NFTNL_UDATA_RULE_COMMENT. */
const ITEM_HEADER = 2;
const COMMENT = 0;
/** What a kernel without nf_tables says: to a subsystem that it does not have, to a family it was built without. */
const EINVAL = 22;
const EOPNOTSUPP = 95;

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

function ifThere<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetlinkError && [ENOENT, EINVAL, EOPNOTSUPP].includes(error.errno)) return undefined;
    throw error;
  }
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

function commentIn(data: Uint8Array = new Uint8Array()): string {
  for (let at = 0; at + ITEM_HEADER <= data.length; at += ITEM_HEADER + data[at + 1]!) {
    const value = data.subarray(at + ITEM_HEADER, at + ITEM_HEADER + data[at + 1]!);
    if (data[at] !== COMMENT) continue;
    const end = value.indexOf(0);
    return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
  }
  return "";
}
