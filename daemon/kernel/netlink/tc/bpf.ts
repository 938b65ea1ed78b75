// BPF programs as traffic control filters in direct-action mode: TCA_BPF_* of linux/pkt_cls.h (net/sched/cls_bpf.c), at
// the two hooks of the qdisc clsact (linux/pkt_sched.h).
import { readAttrs } from "../attr.ts";
import { newMessage, plainMessage } from "../request.ts";
import type { NetlinkSocket } from "../socket.ts";
import type { Message } from "../wire.ts";
import { INGRESS, INGRESS_HANDLE, TCA, TCMSG_LENGTH, readTcHeader, tcWriter } from "./message.ts";
import { qdiscDelete, qdiscNew } from "./qdisc.ts";

/** TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS) and _EGRESS. */
export const HOOK = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;

export type Hook = keyof typeof HOOK;

/** A BPF filter, as asked for and as reported. */
export interface BpfFilter {
  /** Index of the link. */
  readonly index: number;
  readonly hook: Hook;
  /** 1 to 65535: the smallest is asked first. */
  readonly priority: number;
  readonly handle: number;
  /** What tc(8) shows. */
  readonly name: string;
}

export interface FoundBpfFilter extends BpfFilter {
  /** Of the program. */
  readonly id: number;
}

const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;

const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_ID = 11;
/** TCA_BPF_FLAG_ACT_DIRECT: what the program returns is what is done. */
const ACT_DIRECT = 1;

/** ETH_P_ALL in network order, as the lower half of tcm_info has it. */
const ALL_PROTOCOLS = 0x0300;

function infoOf(priority: number): number {
  return ((priority << 16) | ALL_PROTOCOLS) >>> 0;
}

/** Makes the qdisc with both hooks; EEXIST where there is one, or its elder, ingress. */
export function clsactNew(index: number): Message {
  const discipline = { kind: "other", name: "clsact" } as const;
  return qdiscNew({ index, handle: INGRESS_HANDLE, parent: INGRESS, discipline });
}

export function clsactDelete(index: number): Message {
  return qdiscDelete({ index, handle: INGRESS_HANDLE, parent: INGRESS }, "clsact");
}

/** Attaches a program, in place of the one that has its priority and handle: there is no packet that meets none. */
export function bpfFilterReplace(filter: BpfFilter, program: number): Message {
  const { index, hook, handle, priority, name } = filter;
  const writer = tcWriter({ index, handle, parent: HOOK[hook] }, infoOf(priority));
  writer.string(TCA.kind, "bpf").nest(TCA.options, (inner) => {
    inner.u32(TCA_BPF_FD, program).string(TCA_BPF_NAME, name).u32(TCA_BPF_FLAGS, ACT_DIRECT);
  });
  return newMessage(RTM_NEWTFILTER, "replace", writer);
}

export function bpfFilterDelete({ index, hook, handle, priority }: BpfFilter): Message {
  const writer = tcWriter({ index, handle, parent: HOOK[hook] }, infoOf(priority));
  return plainMessage(RTM_DELTFILTER, writer.string(TCA.kind, "bpf"));
}

/** The BPF filters of a hook; none where the link has no such qdisc. */
export function bpfFilterDump(socket: NetlinkSocket, index: number, hook: Hook): FoundBpfFilter[] {
  return socket.dump(plainMessage(RTM_GETTFILTER, tcWriter({ index, parent: HOOK[hook] }))).flatMap(({ payload }) => {
    const header = readTcHeader(payload);
    const attrs = readAttrs(payload, TCMSG_LENGTH);
    const options = attrs.nested(TCA.options);
    const id = options?.u32(TCA_BPF_ID);
    if (header.index !== index || attrs.string(TCA.kind) !== "bpf" || options === undefined || id === undefined)
      return [];
    const { handle, info } = header;
    return [{ index, hook, handle, priority: info >>> 16, name: options.string(TCA_BPF_NAME) ?? "", id }];
  });
}

/** How many filters of any kind a hook has. */
export function filterCount(socket: NetlinkSocket, index: number, hook: Hook): number {
  return socket
    .dump(plainMessage(RTM_GETTFILTER, tcWriter({ index, parent: HOOK[hook] })))
    .filter(({ payload }) => readTcHeader(payload).index === index).length;
}
