// BPF programs in the hooks of traffic control without a qdisc: tcx, of Linux 6.6 (linux/bpf.h, kernel/bpf/tcx.c). Several
// programs run one after the other, in front of all filters. A program stays until it is detached or the link goes.
// All of this is about the network namespace of the calling thread.
import { Errno, type Sys } from "../sys.ts";
import type { Hook } from "../netlink/tc/bpf.ts";
import { type ProgramInfo, programInfo } from "./program.ts";
import { Attr, NativeBuffer, bpf, tryBpf } from "./syscall.ts";

/** BPF_TCX_INGRESS, BPF_TCX_EGRESS. */
const ATTACH_TYPE: Readonly<Record<Hook, number>> = { ingress: 46, egress: 47 };
const BPF_F_REPLACE = 1 << 2;
/** In front of a program; of none that is named, in front of all. */
const BPF_F_BEFORE = 1 << 3;
/** BPF_MPROG_MAX: as many as one hook takes. */
const MOST = 64;

const ENOENT = 2;
const EINVAL = 22;
const ENODEV = 19;
/** Of the attachment, in struct bpf_attr: the hook, the program, and the one that it takes the place of. */
const OF_CHANGE = { link: 0, program: 4, type: 8, flags: 12, replaced: 16 } as const;
const OF_QUERY = { link: 0, type: 4, ids: 16, count: 24 } as const;

export interface TcxHook {
  /** Index of the link. */
  readonly index: number;
  readonly hook: Hook;
}

/**
 * The programs of a hook in the order in which they run; undefined where the kernel has no tcx.
 * @throws Errno EPERM without CAP_NET_ADMIN
 */
export function tcxPrograms(sys: Sys, { index, hook }: TcxHook): ProgramInfo[] | undefined {
  using ids = new NativeBuffer(MOST * 4);
  const attr = new Attr()
    .u32(OF_QUERY.link, index)
    .u32(OF_QUERY.type, ATTACH_TYPE[hook])
    .u64(OF_QUERY.ids, ids.address)
    .u32(OF_QUERY.count, MOST);
  const result = tryBpf("query", attr);
  if (result === -EINVAL) return undefined;
  // Nobody has attached anything yet; or there is no such link.
  if (result === -ENOENT || result === -ENODEV) return [];
  if (result < 0) throw new Errno(-result, "bpf query", `${hook} of link ${index}`);
  const view = new DataView(ids.bytes.buffer, ids.bytes.byteOffset, ids.bytes.length);
  return Array.from({ length: attr.getU32(OF_QUERY.count) }, (_, at) => view.getUint32(at * 4, true)).flatMap(
    (id) => infoOf(sys, id) ?? [],
  );
}

/** Attaches a program in front of all others, or in the place of one: there is no packet that meets none. @throws Errno */
export function tcxAttach({ index, hook }: TcxHook, program: number, replaced?: number): void {
  const attr = new Attr()
    .u32(OF_CHANGE.link, index)
    .u32(OF_CHANGE.program, program)
    .u32(OF_CHANGE.type, ATTACH_TYPE[hook])
    .u32(OF_CHANGE.flags, replaced === undefined ? BPF_F_BEFORE : BPF_F_REPLACE);
  if (replaced !== undefined) attr.u32(OF_CHANGE.replaced, replaced);
  bpf("attach", attr, `${hook} of link ${index}`);
}

/** @throws Errno ENOENT where it is not attached */
export function tcxDetach({ index, hook }: TcxHook, program: number): void {
  const attr = new Attr().u32(OF_CHANGE.link, index).u32(OF_CHANGE.program, program);
  bpf("detach", attr.u32(OF_CHANGE.type, ATTACH_TYPE[hook]), `${hook} of link ${index}`);
}

/** Runs with the descriptor of a program; undefined where it is gone. */
export function withProgram<T>(sys: Sys, id: number, fn: (fd: number) => T): T | undefined {
  const fd = tryBpf("programById", new Attr().u32(0, id));
  if (fd === -ENOENT) return undefined;
  if (fd < 0) throw new Errno(-fd, "bpf programById", `program ${id}`);
  try {
    return fn(fd);
  } finally {
    sys.close(fd);
  }
}

function infoOf(sys: Sys, id: number): ProgramInfo | undefined {
  return withProgram(sys, id, programInfo);
}
