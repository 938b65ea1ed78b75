// bpf(2) (linux/bpf.h): maps, programs and pins. The argument is a structure full of addresses, so buffers live outside
// JavaScript's heap, in memory whose address koffi tells. Only the daemon needs it; the CNI executables never load this.
import koffi from "koffi";
import { Errno, errnoText } from "../sys.ts";
import { LodenError } from "#spec/errors";

/** BPF_* commands. */
export const COMMAND = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  programLoad: 5,
  pin: 6,
  get: 7,
  attach: 8,
  detach: 9,
  programById: 13,
  info: 15,
  query: 16,
  lookupBatch: 24,
  updateBatch: 26,
  deleteBatch: 27,
} as const;

export type Command = keyof typeof COMMAND;

const SYS_BPF = process.arch === "arm64" ? 280 : 321;
/** sizeof(union bpf_attr) of the newest kernel; older ones want what they do not know to be zero, and it is. */
const ATTR_SIZE = 144;
const EINTR = 4;
const EAGAIN = 11;
/** The verifier gives up with EAGAIN when a signal is pending; libbpf tries as often. */
const LOAD_ATTEMPTS = 5;

type Syscall = (number: number, command: number, attr: Uint8Array, size: number) => number;

let syscall: Syscall | undefined;

/** Memory at an address that does not change, until it is given back. */
export class NativeBuffer implements Disposable {
  readonly #pointer: unknown;
  readonly bytes: Uint8Array;
  readonly address: bigint;

  constructor(size: number) {
    const room = Math.max(size, 8);
    this.#pointer = koffi.alloc("uint8_t", room);
    this.address = koffi.address(this.#pointer);
    this.bytes = new Uint8Array(koffi.view(this.#pointer, room)).subarray(0, size);
    this.bytes.fill(0);
  }

  static of(content: Uint8Array): NativeBuffer {
    const buffer = new NativeBuffer(content.length);
    buffer.bytes.set(content);
    return buffer;
  }

  /** NUL-terminated. */
  static ofText(content: string): NativeBuffer {
    return NativeBuffer.of(new TextEncoder().encode(`${content}\0`));
  }

  [Symbol.dispose](): void {
    koffi.free(this.#pointer);
  }
}

/** union bpf_attr, zeroed. */
export class Attr {
  readonly bytes = new Uint8Array(ATTR_SIZE);
  readonly #view = new DataView(this.bytes.buffer);

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: bigint): this {
    this.#view.setBigUint64(offset, value, true);
    return this;
  }

  /** At most 15 bytes. */
  name(offset: number, value: string): this {
    new TextEncoder().encodeInto(value, this.bytes.subarray(offset, offset + 15));
    return this;
  }

  getU32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }
}

/** The call's answer, or -errno. What the kernel writes into `attr` is there afterwards. */
export function tryBpf(command: Command, attr: Attr): number {
  syscall ??= koffi.load("libc.so.6").func("syscall", "long", ["long", "long", "void *", "long"]) as Syscall;
  for (let attempt = 1; ; attempt++) {
    const result = syscall(SYS_BPF, COMMAND[command], attr.bytes, ATTR_SIZE);
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno === EINTR) continue;
    if (errno === EAGAIN && attempt < LOAD_ATTEMPTS) continue;
    return -errno;
  }
}

/** @throws Errno */
export function bpf(command: Command, attr: Attr, subject?: string): number {
  const result = tryBpf(command, attr);
  if (result < 0) throw new Errno(-result, `bpf ${command}`, subject);
  return result;
}

/** A failure with what the verifier said of the program. */
export function loadError(errno: number, program: string, log: string): LodenError {
  const said = log.trim().split("\n").slice(-4).join("; ");
  return new LodenError(
    "ERR_BPF",
    `the kernel does not take the BPF program ${program}: ${errnoText(errno)}${said === "" ? "" : `; it says: ${said}`}`,
    { fields: { program, errno } },
  );
}
