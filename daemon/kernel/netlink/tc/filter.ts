// Filters by content, u32, and the action that hands packets to another device, mirred: TCA_U32_* and struct tc_u32_sel of
// linux/pkt_cls.h (net/sched/cls_u32.c), TCA_ACT_* of linux/pkt_cls.h, struct tc_mirred of linux/tc_act/tc_mirred.h.
import type { Family } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { Attrs, listAttrs, readAttrs } from "../attr.ts";
import type { AttrWriter } from "../attr.ts";
import { headerView } from "../fields.ts";
import { newMessage, plainMessage } from "../request.ts";
import type { NetlinkSocket } from "../socket.ts";
import { decodeError } from "../wire.ts";
import type { Message } from "../wire.ts";
import { TCA, TCMSG_LENGTH, readTcHeader, tcWriter } from "./message.ts";
import type { TcPlace } from "./message.ts";

/** One word of the packet, from the network header on: it must be `value` where `mask` has bits. */
export interface U32Key {
  readonly mask: number;
  readonly value: number;
  /** Bytes. */
  readonly offset: number;
}

/** A u32 filter, as asked for and as reported. */
export interface U32Filter extends TcPlace {
  /** 1 to 65535: the smallest is asked first. Filters of one priority are of one protocol. */
  readonly priority: number;
  /** ETH_P_* of linux/if_ether.h. */
  readonly protocol: number;
  /** All must fit; none fits everything. */
  readonly keys: readonly U32Key[];
  /** Handle of the class the packet goes to. */
  readonly classId?: number;
  /** Index of the link that the packet is sent out by instead. */
  readonly redirect?: number;
}

export const ETH_P = { all: 0x0003, ipv4: 0x0800, ipv6: 0x86dd } as const;

const RTM_NEWTFILTER = 44;
const RTM_GETTFILTER = 46;

const TCA_U32_CLASSID = 1;
const TCA_U32_SEL = 5;
const TCA_U32_ACT = 7;

/** struct tc_u32_sel: u8 flags, offshift, number of keys, pad; be16 offmask, u16 off, i16 offoff, i16 hoff, be32 hmask. */
const SEL_LENGTH = 16;
/** struct tc_u32_key: be32 mask, be32 value, i32 offset, i32 offset mask. */
const KEY_LENGTH = 16;
const TC_U32_TERMINAL = 1;

const TCA_ACT_KIND = 1;
const TCA_ACT_OPTIONS = 2;
const TCA_MIRRED_PARMS = 2;
/** struct tc_mirred: u32 index, capab; i32 action, refcnt, bindcnt; i32 eaction; u32 ifindex. */
const MIRRED_LENGTH = 28;
const TC_ACT_STOLEN = 4;
const TCA_EGRESS_REDIR = 1;

/** The network header's offset of an address, and the words it has. */
const ADDRESSES: Readonly<Record<Family, { readonly source: number; readonly destination: number }>> = {
  4: { source: 12, destination: 16 },
  6: { source: 8, destination: 24 },
};

/** The keys that fit packets from or to a network; none for the network of all addresses. */
export function prefixKeys(prefix: Prefix, end: "source" | "destination"): U32Key[] {
  const bytes = new DataView(prefix.first.toBytes().slice().buffer);
  const start = ADDRESSES[prefix.family][end];
  const keys: U32Key[] = [];
  for (let word = 0; word * 32 < prefix.length; word++) {
    const bits = Math.min(prefix.length - word * 32, 32);
    const mask = (0xffff_ffff << (32 - bits)) >>> 0;
    keys.push({ mask, value: bytes.getUint32(word * 4), offset: start + word * 4 });
  }
  return keys;
}

function swapped(protocol: number): number {
  return ((protocol & 0xff) << 8) | (protocol >> 8);
}

/** Makes a filter. */
export function filterNew(filter: U32Filter): Message {
  const writer = tcWriter(filter, ((filter.priority << 16) | swapped(filter.protocol)) >>> 0);
  writer.string(TCA.kind, "u32").nestPlain(TCA.options, (inner) => {
    if (filter.classId !== undefined) inner.u32(TCA_U32_CLASSID, filter.classId);
    if (filter.redirect !== undefined) writeRedirect(inner, filter.redirect);
    inner.bytes(TCA_U32_SEL, selector(filter.keys));
  });
  return newMessage(RTM_NEWTFILTER, "create", writer);
}

function selector(keys: readonly U32Key[]): Uint8Array {
  // The kernel takes no selector without a key: one without a mask fits everything.
  const written = keys.length === 0 ? [{ mask: 0, value: 0, offset: 0 }] : keys;
  const view = new DataView(new ArrayBuffer(SEL_LENGTH + written.length * KEY_LENGTH));
  view.setUint8(0, TC_U32_TERMINAL);
  view.setUint8(2, written.length);
  for (const [number, { mask, value, offset }] of written.entries()) {
    const at = SEL_LENGTH + number * KEY_LENGTH;
    view.setUint32(at, mask);
    view.setUint32(at + 4, value);
    view.setInt32(at + 8, offset, true);
  }
  return new Uint8Array(view.buffer);
}

function writeRedirect(writer: AttrWriter, index: number): void {
  const mirred = new DataView(new ArrayBuffer(MIRRED_LENGTH));
  mirred.setInt32(8, TC_ACT_STOLEN, true);
  mirred.setInt32(20, TCA_EGRESS_REDIR, true);
  mirred.setUint32(24, index, true);
  writer.nestPlain(TCA_U32_ACT, (actions) => {
    // Actions are numbered from 1 in the order they are carried out.
    actions.nestPlain(1, (action) => {
      action.string(TCA_ACT_KIND, "mirred");
      action.nest(TCA_ACT_OPTIONS, (options) => options.bytes(TCA_MIRRED_PARMS, new Uint8Array(mirred.buffer)));
    });
  });
}

/**
 * Undefined for what is no u32 filter with a selector: the kernel also lists the hash tables that filters are in.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeFilter(payload: Uint8Array): U32Filter | undefined {
  const { index, handle, parent, info } = readTcHeader(payload);
  const attrs = readAttrs(payload, TCMSG_LENGTH);
  const options = attrs.nested(TCA.options);
  const sel = options?.get(TCA_U32_SEL);
  if (attrs.string(TCA.kind) !== "u32" || options === undefined || sel === undefined) return undefined;
  const classId = options.u32(TCA_U32_CLASSID);
  const redirect = readRedirect(options.get(TCA_U32_ACT));
  return {
    index,
    handle,
    parent,
    priority: info >>> 16,
    protocol: swapped(info & 0xffff),
    keys: readKeys(sel),
    ...(classId === undefined ? {} : { classId }),
    ...(redirect === undefined ? {} : { redirect }),
  };
}

function readKeys(sel: Uint8Array): U32Key[] {
  const count = headerView(sel, SEL_LENGTH, "tc_u32_sel").getUint8(2);
  if (sel.length < SEL_LENGTH + count * KEY_LENGTH) throw decodeError(`${sel.length} bytes for ${count} u32 keys`);
  const view = new DataView(sel.buffer, sel.byteOffset, sel.byteLength);
  const keys = Array.from({ length: count }, (_, number): U32Key => {
    const at = SEL_LENGTH + number * KEY_LENGTH;
    return { mask: view.getUint32(at), value: view.getUint32(at + 4), offset: view.getInt32(at + 8, true) };
  });
  return keys.filter(({ mask }) => mask !== 0);
}

function readRedirect(actions: Uint8Array | undefined): number | undefined {
  if (actions === undefined) return undefined;
  for (const { value } of listAttrs(actions)) {
    const action = readAttrs(value);
    if (action.string(TCA_ACT_KIND) !== "mirred") continue;
    const parms = (action.nested(TCA_ACT_OPTIONS) ?? new Attrs()).get(TCA_MIRRED_PARMS);
    if (parms === undefined) continue;
    const mirred = headerView(parms, MIRRED_LENGTH, "tc_mirred");
    if (mirred.getInt32(20, true) === TCA_EGRESS_REDIR) return mirred.getUint32(24, true);
  }
  return undefined;
}

/** The u32 filters of a link below a parent. */
export function filterDump(socket: NetlinkSocket, index: number, parent: number): U32Filter[] {
  return socket
    .dump(plainMessage(RTM_GETTFILTER, tcWriter({ index, parent })))
    .flatMap(({ payload }) => decodeFilter(payload) ?? [])
    .filter((found) => found.index === index);
}
