// What nf_tables has, asked of the kernel directly (include/uapi/linux/netfilter/nf_tables.h): tables, chains, the
// elements of one set, one counter. libnftables reads the whole ruleset of the host with all its sets for some of these
// questions; here the cost is that of the answer. Decoders are pure.
import { Address, type Family } from "../ip/address.ts";
import { listAttrs, readAttrs } from "../netlink/attr.ts";
import { ENOENT, NETLINK_NETFILTER } from "../netlink/constants.ts";
import { NetlinkError } from "../netlink/error.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import type { Sys } from "../sys.ts";
import type { NftFamily } from "./commands.ts";
import { familyOf, GET, header, NFGENMSG_SIZE, PROTOCOL } from "./message.ts";

const TABLE_NAME = 1;
const CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const;
const HOOK = { number: 1, priority: 2 } as const;
/** NF_DROP of linux/netfilter.h; NF_ACCEPT is 1. */
const POLICY_DROP = 0;
/** NFTA_SET_ELEM_LIST_…, NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE. */
const ELEMENT = { table: 1, set: 2, list: 3, item: 1, key: 1, value: 1 } as const;
const OBJECT = { table: 1, name: 2, type: 3, data: 4 } as const;
const OBJECT_COUNTER = 1;
const COUNTER = { bytes: 1, packets: 2 } as const;

export interface NftName {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
}

export interface NftChainFound extends NftName {
  /** A base chain, called by the kernel at a hook (NF_INET_… of linux/netfilter.h: forward is 2). */
  readonly base?: { readonly hook: number; readonly priority: number; readonly type: string; readonly drops: boolean };
}

export interface NftCount {
  readonly packets: number;
  readonly bytes: number;
}

/** A socket for the queries below, in the calling thread's network namespace. */
export function openNftQueries(sys: Sys): NetlinkSocket {
  return NetlinkSocket.open(sys, NETLINK_NETFILTER);
}

/** All tables of all families. */
export function queryTables(socket: NetlinkSocket): Omit<NftName, "table">[] {
  return socket.dump({ type: GET.table, flags: 0, payload: header(0).finish() }).flatMap(({ payload }) => {
    const family = familyOf(payload);
    const name = readAttrs(payload, NFGENMSG_SIZE).string(TABLE_NAME);
    return family === undefined || name === undefined ? [] : [{ family, name }];
  });
}

/** All chains of all tables. */
export function queryChains(socket: NetlinkSocket): NftChainFound[] {
  const answer = socket.dump({ type: GET.chain, flags: 0, payload: header(0).finish() });
  return answer.flatMap(({ payload }) => decodeChain(payload) ?? []);
}

/** The addresses in a set; undefined where there is no such set. */
export function queryAddresses(socket: NetlinkSocket, set: NftName): Address[] | undefined {
  const request = header(PROTOCOL[set.family]).string(ELEMENT.table, set.table).string(ELEMENT.set, set.name);
  try {
    const answer = socket.dump({ type: GET.element, flags: 0, payload: request.finish() });
    return answer.flatMap(({ payload }) => decodeAddresses(payload));
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === ENOENT) return undefined;
    throw error;
  }
}

/** What a named counter has counted; undefined where there is no such counter. */
export function queryCounter(socket: NetlinkSocket, counter: NftName): NftCount | undefined {
  const request = header(PROTOCOL[counter.family])
    .string(OBJECT.table, counter.table)
    .string(OBJECT.name, counter.name)
    .u32be(OBJECT.type, OBJECT_COUNTER);
  try {
    const [answer] = socket.request({ type: GET.object, flags: 0, payload: request.finish() });
    return answer === undefined ? undefined : decodeCounter(answer.payload);
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === ENOENT) return undefined;
    throw error;
  }
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function decodeChain(payload: Uint8Array): NftChainFound | undefined {
  const family = familyOf(payload);
  const attrs = readAttrs(payload, NFGENMSG_SIZE);
  const table = attrs.string(CHAIN.table);
  const name = attrs.string(CHAIN.name);
  if (family === undefined || table === undefined || name === undefined) return undefined;
  const hook = attrs.nested(CHAIN.hook);
  const number = hook?.u32be(HOOK.number);
  if (hook === undefined || number === undefined) return { family, table, name };
  const base = {
    hook: number,
    // Signed.
    priority: (hook.u32be(HOOK.priority) ?? 0) | 0,
    type: attrs.string(CHAIN.type) ?? "",
    drops: attrs.u32be(CHAIN.policy) === POLICY_DROP,
  };
  return { family, table, name, base };
}

/**
 * The keys of a set's elements that are addresses.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeAddresses(payload: Uint8Array): Address[] {
  const list = readAttrs(payload, NFGENMSG_SIZE).get(ELEMENT.list);
  if (list === undefined) return [];
  return listAttrs(list).flatMap(({ type, value }) => {
    if (type !== ELEMENT.item) return [];
    const bytes = readAttrs(value).nested(ELEMENT.key)?.get(ELEMENT.value);
    const family = bytes === undefined ? undefined : ADDRESS_FAMILY.get(bytes.length);
    return bytes === undefined || family === undefined ? [] : [Address.fromBytes(bytes)];
  });
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function decodeCounter(payload: Uint8Array): NftCount | undefined {
  const data = readAttrs(payload, NFGENMSG_SIZE).nested(OBJECT.data);
  const bytes = data?.get(COUNTER.bytes);
  const packets = data?.get(COUNTER.packets);
  if (bytes?.length !== 8 || packets?.length !== 8) return undefined;
  const number = (value: Uint8Array): number =>
    Number(new DataView(value.buffer, value.byteOffset, value.byteLength).getBigUint64(0));
  return { packets: number(packets), bytes: number(bytes) };
}

/** Bytes of an address. */
const ADDRESS_FAMILY: ReadonlyMap<number, Family> = new Map([
  [4, 4],
  [16, 6],
]);
