// Elements of one set or map of nf_tables with their comments, asked of the kernel directly (NFT_MSG_GETSETELEM of
// include/uapi/linux/netfilter/nf_tables.h): libnftables lists a table as JSON, which takes 0.2 ms for each element. Keys and
// values are bytes: those of a concatenation follow each other, each padded to four (NFT_REG32_SIZE). Decoders are pure.
import { listAttrs, readAttrs, type Attrs } from "../netlink/attr.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { commentIn, GET, header, ifThere, NFGENMSG_SIZE, PROTOCOL } from "./message.ts";
import type { NftName } from "./query.ts";

/** NFTA_SET_ELEM_LIST_…, NFTA_LIST_ELEM, NFTA_SET_ELEM_…, NFTA_DATA_VALUE. */
const LIST = { table: 1, set: 2, elements: 3, element: 1 } as const;
const ELEMENT = { key: 1, data: 2, userData: 6, keyEnd: 10 } as const;
const VALUE = 1;

export interface NftElementFound {
  readonly key: Uint8Array;
  /** The last one, of an interval. */
  readonly keyEnd: Uint8Array | undefined;
  /** Of a map. */
  readonly data: Uint8Array | undefined;
  /** Empty for none. */
  readonly comment: string;
}

/** The elements whose comment is wanted; none where there is no such set, or no nf_tables. */
export function queryElements(
  socket: NetlinkSocket,
  { family, table, name }: NftName,
  isWanted: (comment: string) => boolean,
): NftElementFound[] {
  const payload = header(PROTOCOL[family]).string(LIST.table, table).string(LIST.set, name).finish();
  const answer = ifThere(() => socket.dump({ type: GET.element, flags: 0, payload })) ?? [];
  return answer.flatMap((message) => decodeElements(message.payload, isWanted));
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function decodeElements(payload: Uint8Array, isWanted: (comment: string) => boolean): NftElementFound[] {
  const list = readAttrs(payload, NFGENMSG_SIZE).get(LIST.elements);
  if (list === undefined) return [];
  return listAttrs(list).flatMap(({ type, value }) => {
    if (type !== LIST.element) return [];
    const attrs = readAttrs(value);
    const comment = commentIn(attrs.get(ELEMENT.userData));
    const key = isWanted(comment) ? valueOf(attrs, ELEMENT.key) : undefined;
    if (key === undefined) return [];
    return [{ key, keyEnd: valueOf(attrs, ELEMENT.keyEnd), data: valueOf(attrs, ELEMENT.data), comment }];
  });
}

function valueOf(attrs: Attrs, type: number): Uint8Array | undefined {
  return attrs.nested(type)?.get(VALUE);
}
