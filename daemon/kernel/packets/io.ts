// Many packets with one system call: readv(2), writev(2), poll(2), sendmmsg(2), recvmmsg(2) over memory that does not move, for
// threads that do nothing else. The structures are those of bits/socket.h and linux/uio.h on 64-bit Linux. Sys has the calls
// that everybody needs; these take addresses, and answer -errno.
import koffi from "koffi";
import { Errno } from "../sys.ts";

const libc = koffi.load("libc.so.6");
const bind = (name: string, returns: string, ...args: readonly string[]): ((...args: number[]) => number) =>
  libc.func(name, returns, [...args]) as (...args: number[]) => number;

const calls = {
  read: bind("read", "int64_t", "int", "int64_t", "int64_t"),
  writev: bind("writev", "int64_t", "int", "int64_t", "int"),
  poll: bind("poll", "int", "int64_t", "int64_t", "int"),
  sendmmsg: bind("sendmmsg", "int", "int", "int64_t", "int", "int"),
  recvmmsg: bind("recvmmsg", "int", "int", "int64_t", "int", "int", "int64_t"),
  syscall: bind("syscall", "int64_t", "int64_t", "int64_t", "int64_t"),
};

const EINTR = 4;

/** The answer, or -errno; interrupted calls are restarted. */
function attempt<A extends number[]>(call: (...args: A) => number, ...args: A): number {
  for (;;) {
    const result = call(...args);
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno !== EINTR) return -errno;
  }
}

/** Memory at an address, as long as the process lives or until it is given back. */
export class Arena implements Disposable {
  readonly #pointer: unknown;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: number;

  constructor(size: number) {
    this.#pointer = koffi.alloc("uint8_t", size);
    // Addresses of user space have 47 bits.
    this.address = Number(koffi.address(this.#pointer));
    this.bytes = new Uint8Array(koffi.view(this.#pointer, size));
    this.bytes.fill(0);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }

  [Symbol.dispose](): void {
    koffi.free(this.#pointer);
  }
}

export function readAt(fd: number, address: number, length: number): number {
  return attempt(calls.read, fd, address, length);
}

const IOVEC_SIZE = 16;

/** Writes a 64-bit number that has no more than 53 bits. */
function setWord(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function getWord(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** An array of struct iovec. */
export class Vectors {
  readonly #memory: Arena;
  readonly capacity: number;
  count = 0;

  constructor(capacity: number) {
    this.#memory = new Arena(capacity * IOVEC_SIZE);
    this.capacity = capacity;
  }

  push(address: number, length: number): void {
    const at = this.count++ * IOVEC_SIZE;
    setWord(this.#memory.view, at, address);
    this.#memory.view.setUint32(at + 8, length, true);
  }

  addressOf(index: number): number {
    return this.#memory.address + index * IOVEC_SIZE;
  }

  /** The address of one. */
  valueOf(index: number): number {
    return getWord(this.#memory.view, index * IOVEC_SIZE);
  }

  lengthOf(index: number): number {
    return this.#memory.view.getUint32(index * IOVEC_SIZE + 8, true);
  }

  /** Writes all of them as one. */
  writeTo(fd: number): number {
    return attempt(calls.writev, fd, this.#memory.address, this.count);
  }
}

const POLLFD_SIZE = 8;
export const POLL = { in: 1, error: 8, hangUp: 16, invalid: 32 } as const;

/** Waits for any of some descriptors to be readable. A negative one is not looked at. */
export class PollSet {
  readonly #memory: Arena;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
    this.#memory = new Arena(count * POLLFD_SIZE);
  }

  set(index: number, fd: number): void {
    this.#memory.view.setInt32(index * POLLFD_SIZE, fd, true);
    this.#memory.view.setInt16(index * POLLFD_SIZE + 4, POLL.in, true);
  }

  wait(timeoutMs: number): number {
    return attempt(calls.poll, this.#memory.address, this.#count, timeoutMs);
  }

  answer(index: number): number {
    return this.#memory.view.getInt16(index * POLLFD_SIZE + 6, true);
  }
}

/** struct mmsghdr: struct msghdr of 56 bytes, and the length. */
const MESSAGE_SIZE = 64;
const MSG = {
  name: 0,
  nameLength: 8,
  vectors: 16,
  vectorCount: 24,
  control: 32,
  controlLength: 40,
  length: 56,
} as const;
/** sizeof(struct sockaddr_in6), rounded up. */
export const NAME_SIZE = 32;
/** Room for a struct cmsghdr of 16 bytes with one int, and some to spare. */
const CONTROL_SIZE = 64;

/** linux/udp.h */
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
const MSG_DONTWAIT = 0x40;

/** Datagrams to send, in trains where the kernel cuts them (UDP_SEGMENT). */
export class Outgoing {
  readonly #messages: Arena;
  readonly #names: Arena;
  readonly #controls: Arena;
  readonly vectors: Vectors;
  readonly capacity: number;
  count = 0;

  constructor(capacity: number, vectors: Vectors) {
    this.capacity = capacity;
    this.vectors = vectors;
    this.#messages = new Arena(capacity * MESSAGE_SIZE);
    this.#names = new Arena(capacity * NAME_SIZE);
    this.#controls = new Arena(capacity * CONTROL_SIZE);
  }

  /** Begins a datagram, or a train; its vectors are those that are pushed from now on. */
  begin(name: Uint8Array): void {
    const index = this.count++;
    const { view } = this.#messages;
    const at = index * MESSAGE_SIZE;
    this.#names.bytes.set(name, index * NAME_SIZE);
    setWord(view, at + MSG.name, this.#names.address + index * NAME_SIZE);
    view.setUint32(at + MSG.nameLength, name.length, true);
    setWord(view, at + MSG.vectors, this.vectors.addressOf(this.vectors.count));
    view.setUint32(at + MSG.vectorCount, 0, true);
    view.setUint32(at + MSG.controlLength, 0, true);
  }

  /** Appends to the datagram that was begun last. */
  push(address: number, length: number): void {
    this.vectors.push(address, length);
    const at = (this.count - 1) * MESSAGE_SIZE + MSG.vectorCount;
    this.#messages.view.setUint32(at, this.#messages.view.getUint32(at, true) + 1, true);
  }

  /** The kernel is to cut the one that was begun last into datagrams of this size. */
  segment(size: number): void {
    const index = this.count - 1;
    const control = index * CONTROL_SIZE;
    const { view } = this.#controls;
    // struct cmsghdr: length, level, type.
    view.setUint32(control, 16 + 2, true);
    view.setInt32(control + 8, SOL_UDP, true);
    view.setInt32(control + 12, UDP_SEGMENT, true);
    view.setUint16(control + 16, size, true);
    const at = index * MESSAGE_SIZE;
    setWord(this.#messages.view, at + MSG.control, this.#controls.address + control);
    this.#messages.view.setUint32(at + MSG.controlLength, 24, true);
  }

  /** How many were sent of `count` from `first` on, or -errno of the first. */
  send(fd: number, first: number, count: number): number {
    return attempt(calls.sendmmsg, fd, this.#messages.address + first * MESSAGE_SIZE, count, 0);
  }

  /** Vectors of a message: index of the first, and how many. */
  vectorsOf(index: number): { first: number; count: number } {
    const { view } = this.#messages;
    const at = index * MESSAGE_SIZE;
    return {
      first: (getWord(view, at + MSG.vectors) - this.vectors.addressOf(0)) / IOVEC_SIZE,
      count: view.getUint32(at + MSG.vectorCount, true),
    };
  }

  /** Sends a part of a message's vectors as one datagram; for when a train is refused. 0 or -errno. */
  sendPart(fd: number, index: number, firstVector: number, count: number): number {
    const { view } = this.#messages;
    const at = index * MESSAGE_SIZE;
    setWord(view, at + MSG.vectors, this.vectors.addressOf(firstVector));
    view.setUint32(at + MSG.vectorCount, count, true);
    view.setUint32(at + MSG.controlLength, 0, true);
    return Math.min(0, this.send(fd, index, 1));
  }

  clear(): void {
    this.count = 0;
    this.vectors.count = 0;
  }
}

/** Room for the longest datagram. */
export const DATAGRAM_ROOM = 65_536;

/** Datagrams received, in trains where the kernel has joined them (UDP_GRO). */
export class Incoming {
  readonly #messages: Arena;
  readonly #names: Arena;
  readonly #controls: Arena;
  readonly #vectors: Vectors;
  /** Datagram n begins at n times DATAGRAM_ROOM. */
  readonly data: Arena;
  readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#messages = new Arena(capacity * MESSAGE_SIZE);
    this.#names = new Arena(capacity * NAME_SIZE);
    this.#controls = new Arena(capacity * CONTROL_SIZE);
    this.#vectors = new Vectors(capacity);
    this.data = new Arena(capacity * DATAGRAM_ROOM);
    for (let index = 0; index < capacity; index++) {
      const { view } = this.#messages;
      const at = index * MESSAGE_SIZE;
      this.#vectors.push(this.data.address + index * DATAGRAM_ROOM, DATAGRAM_ROOM);
      setWord(view, at + MSG.name, this.#names.address + index * NAME_SIZE);
      setWord(view, at + MSG.vectors, this.#vectors.addressOf(index));
      view.setUint32(at + MSG.vectorCount, 1, true);
      setWord(view, at + MSG.control, this.#controls.address + index * CONTROL_SIZE);
      this.#arm(index);
    }
  }

  /** How many came, or -errno. */
  receive(fd: number): number {
    const count = attempt(calls.recvmmsg, fd, this.#messages.address, this.capacity, MSG_DONTWAIT, 0);
    return count;
  }

  /** Bytes of datagram n, or of the train. */
  length(index: number): number {
    return this.#messages.view.getUint32(index * MESSAGE_SIZE + MSG.length, true);
  }

  /** Bytes of each datagram of a train but the last; 0 for a single one. To be called once for each that came. */
  segmentSize(index: number): number {
    const control = index * CONTROL_SIZE;
    const length = this.#messages.view.getUint32(index * MESSAGE_SIZE + MSG.controlLength, true);
    const { view } = this.#controls;
    const isTrain =
      length >= 20 && view.getInt32(control + 8, true) === SOL_UDP && view.getInt32(control + 12, true) === UDP_GRO;
    const size = isTrain ? view.getInt32(control + 16, true) : 0;
    this.#arm(index);
    return size > 0 ? size : 0;
  }

  /** Where the sender's sockaddr is. */
  get names(): DataView {
    return this.#names.view;
  }

  /** The kernel writes how much it used of both. */
  #arm(index: number): void {
    const at = index * MESSAGE_SIZE;
    this.#messages.view.setUint32(at + MSG.nameLength, NAME_SIZE, true);
    this.#messages.view.setUint32(at + MSG.controlLength, CONTROL_SIZE, true);
  }
}

const SYS_EVENTFD2 = process.arch === "arm64" ? 19 : 290;
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

/** A descriptor that becomes readable when eight bytes of a number above 0 are written to it. @throws Errno */
export function eventFd(): number {
  const fd = attempt(calls.syscall, SYS_EVENTFD2, 0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw new Errno(-fd, "eventfd2");
  return fd;
}
