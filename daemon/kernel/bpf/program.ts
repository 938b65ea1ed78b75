// BPF programs for traffic control: an object's instructions with the maps' descriptors put in, loaded and verified.
import type { Sys } from "../sys.ts";
import { INSTRUCTION_SIZE } from "./elf.ts";
import type { BpfProgramText } from "./elf.ts";
import type { BpfMap } from "./map.ts";
import { Attr, NativeBuffer, bpf, loadError, tryBpf } from "./syscall.ts";
import { LodenError } from "#spec/errors";

/** BPF_PROG_TYPE_SCHED_CLS. */
const SCHED_CLS = 3;
/** The immediate of BPF_LD_IMM64 is a map's descriptor: BPF_PSEUDO_MAP_FD, in the upper half of the register byte. */
const PSEUDO_MAP_FD = 1;
const LOG_SIZE = 1 << 20;
const LOG_ON_FAILURE = 1;

/** struct bpf_prog_info up to the name. */
const INFO_SIZE = 80;
const MAX_MAPS = 64;

export interface ProgramInfo {
  readonly id: number;
  /** At most 15 characters. */
  readonly name: string;
  readonly mapIds: ReadonlySet<number>;
}

/**
 * Loads a program under a name; the descriptor.
 * @throws LodenError ERR_BPF with what the verifier says
 */
export function loadProgram(
  name: string,
  text: BpfProgramText,
  license: string,
  maps: ReadonlyMap<string, BpfMap>,
): number {
  using instructions = NativeBuffer.of(linked(text, maps));
  using licenseText = NativeBuffer.ofText(license);
  const attr = new Attr()
    .u32(0, SCHED_CLS)
    .u32(4, text.instructions.length / INSTRUCTION_SIZE)
    .u64(8, instructions.address)
    .u64(16, licenseText.address)
    .name(48, name);
  const fd = tryBpf("programLoad", attr);
  if (fd >= 0) return fd;
  // The log costs time, so it is asked for only when there is something to read.
  using log = new NativeBuffer(LOG_SIZE);
  attr.u32(24, LOG_ON_FAILURE).u32(28, LOG_SIZE).u64(32, log.address);
  const again = tryBpf("programLoad", attr);
  if (again >= 0) return again;
  const end = log.bytes.indexOf(0);
  throw loadError(-fd, text.name, new TextDecoder().decode(log.bytes.subarray(0, Math.max(end, 0))));
}

function linked(
  { name, instructions, maps: references }: BpfProgramText,
  maps: ReadonlyMap<string, BpfMap>,
): Uint8Array {
  const code = new Uint8Array(instructions);
  const view = new DataView(code.buffer);
  for (const { offset, map } of references) {
    const fd = maps.get(map)?.fd;
    if (fd === undefined)
      throw new LodenError("ERR_BPF", `the BPF program ${name} wants a map ${map}, which nobody makes`);
    view.setUint8(offset + 1, (view.getUint8(offset + 1) & 0x0f) | (PSEUDO_MAP_FD << 4));
    view.setInt32(offset + 4, fd, true);
  }
  return code;
}

/** @throws Errno for a descriptor that is no program */
export function programInfo(fd: number): ProgramInfo {
  using info = new NativeBuffer(INFO_SIZE);
  using ids = new NativeBuffer(MAX_MAPS * 4);
  const view = new DataView(info.bytes.buffer, info.bytes.byteOffset, INFO_SIZE);
  view.setUint32(52, MAX_MAPS, true);
  view.setBigUint64(56, ids.address, true);
  bpf("info", new Attr().u32(0, fd).u32(4, INFO_SIZE).u64(8, info.address));
  const idView = new DataView(ids.bytes.buffer, ids.bytes.byteOffset, ids.bytes.length);
  const count = Math.min(view.getUint32(52, true), MAX_MAPS);
  const name = info.bytes.slice(64, 80);
  const end = name.indexOf(0);
  return {
    id: view.getUint32(4, true),
    name: new TextDecoder().decode(end < 0 ? name : name.subarray(0, end)),
    mapIds: new Set(Array.from({ length: count }, (_, index) => idView.getUint32(index * 4, true))),
  };
}

/** The programs of an object are closed once they are attached or pinned. */
export function closeAll(sys: Sys, descriptors: Iterable<number>): void {
  for (const fd of descriptors) sys.close(fd);
}
