// Traffic control objects as messages: struct tcmsg and TCA_* of linux/rtnetlink.h, handles of linux/pkt_sched.h. What
// qdiscs, classes and filters have in common.
import type { AttrWriter } from "../attr.ts";
import { headerView } from "../fields.ts";
import { headed } from "../request.ts";

/** sizeof(struct tcmsg): u8 family, 3 bytes of padding, i32 index, u32 handle, u32 parent, u32 info. */
export const TCMSG_LENGTH = 20;

/** TCA_* */
export const TCA = { kind: 1, options: 2, stats2: 7 } as const;

/** TC_H_ROOT: the parent of a device's outermost qdisc. */
export const ROOT = 0xffff_ffff;
/** TC_H_INGRESS: the parent of the qdisc that sees what a device receives. */
export const INGRESS = 0xffff_fff1;
/** The handle that qdisc has, `ffff:`. */
export const INGRESS_HANDLE = 0xffff_0000;

/** A handle as tc(8) writes it in hexadecimal, `major:minor`. */
export function handleOf(major: number, minor = 0): number {
  return ((major << 16) | minor) >>> 0;
}

/** Where an object stands. */
export interface TcPlace {
  /** Index of the link. */
  readonly index: number;
  readonly handle?: number;
  readonly parent?: number;
}

/** A request's header; `info` is a filter's priority and protocol. */
export function tcWriter(place: TcPlace, info = 0): AttrWriter {
  return headed(TCMSG_LENGTH, (header) => {
    header.setInt32(4, place.index, true);
    header.setUint32(8, place.handle ?? 0, true);
    header.setUint32(12, place.parent ?? 0, true);
    header.setUint32(16, info, true);
  });
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function readTcHeader(payload: Uint8Array): Required<TcPlace> & { readonly info: number } {
  const header = headerView(payload, TCMSG_LENGTH, "tcmsg");
  return {
    index: header.getInt32(4, true),
    handle: header.getUint32(8, true),
    parent: header.getUint32(12, true),
    info: header.getUint32(16, true),
  };
}
