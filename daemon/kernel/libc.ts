// The libc functions behind Sys as one table of prototypes, which each body binds with its own FFI, and the Sys made
// of them. Only 64-bit Linux: long, size_t and pointers have 8 bytes. Variadic functions (open, ioctl, prctl, syscall)
// are bound with fixed arguments, which the C calling conventions of x86-64 and of Linux on arm64 allow.
import { Errno, orThrow } from "./sys.ts";
import type { FileStatus, PollEntry, Received, Sys } from "./sys.ts";

/** `ptr`: a Uint8Array passed in place, or null. `i64` comes back as a number, as no call here exceeds 2^53. */
export type CType = "i32" | "u32" | "i64" | "u64" | "ptr";

interface Prototype {
  readonly args: readonly CType[];
  readonly returns: CType;
}

export const LIBC = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
  recvfrom: { args: ["i32", "ptr", "u64", "i32", "ptr", "ptr"], returns: "i64" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  read: { args: ["i32", "ptr", "u64"], returns: "i64" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64" },
  fsync: { args: ["i32"], returns: "i32" },
  ftruncate: { args: ["i32", "i64"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  link: { args: ["ptr", "ptr"], returns: "i32" },
  mkdir: { args: ["ptr", "u32"], returns: "i32" },
  rename: { args: ["ptr", "ptr"], returns: "i32" },
  unlink: { args: ["ptr"], returns: "i32" },
  symlink: { args: ["ptr", "ptr"], returns: "i32" },
  readlink: { args: ["ptr", "ptr", "u64"], returns: "i64" },
  statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },
  fstatfs: { args: ["i32", "ptr"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i64" },
} as const satisfies Record<string, Prototype>;

type JsType<T extends CType> = T extends "ptr" ? Uint8Array | null : number;
type JsTypes<A extends readonly CType[]> = { [K in keyof A]: JsType<A[K]> };

/** The table bound: each function returns what libc does, -1 for a failure. */
export type BoundLibc = {
  readonly [K in keyof typeof LIBC]: (...args: JsTypes<(typeof LIBC)[K]["args"]>) => number;
};

/** What to ask the loader for. On musl too: its loader answers every name that begins with `libc.` with itself. */
export const LIBC_NAME = "libc.so.6";

const EINTR = 4;
const EINVAL = 22;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;
/** sizeof(struct sockaddr_storage). */
const SOCKADDR_MAX = 128;
/** sizeof(struct pollfd): int fd, short events, short revents. */
const POLLFD_SIZE = 8;
/** sizeof(struct statfs) is 120 on 64-bit Linux; f_type is the first word. */
const STATFS_SIZE = 120;
/** System call numbers that are the same on every architecture (include/uapi/asm-generic/unistd.h). */
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;

/** Numbers that differ (arch/x86/entry/syscalls/syscall_64.tbl; asm-generic/unistd.h). Calls with whole numbers alone. */
const SYS =
  process.arch === "arm64"
    ? { ioctl: 29, fchdir: 50, umask: 166, listen: 201, accept4: 242 }
    : { ioctl: 16, fchdir: 81, umask: 95, listen: 50, accept4: 288 };
/** asm-generic/socket.h: SOL_SOCKET, SO_PEERCRED; struct ucred is pid, uid and gid. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const UCRED_WORDS = 3;
const O_PATH_DIRECTORY = 0o10000000 | 0o200000;

/** linux/fcntl.h: the path is relative to the working directory; do not follow a link; the path is the descriptor's. */
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
/** sizeof(struct statx) of linux/stat.h, and STATX_BASIC_STATS. */
const STATX_SIZE = 256;
const STATX_BASIC = 0x7ff;
/** PATH_MAX of linux/limits.h. */
const PATH_LIMIT = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array(0);

/** NUL-terminated, as C wants it. A NUL within would cut the name short and act on another file: refused as EINVAL. */
function cString(text: string, call: string): Uint8Array {
  if (text.includes("\0")) throw new Errno(EINVAL, call, JSON.stringify(text));
  return encoder.encode(`${text}\0`);
}

/** struct statx: u32 nlink at 16, u16 mode at 28, u64 inode at 32, mtime at 112 (i64 s, u32 ns), u32 device at 136. */
function readStatus(statx: DataView): FileStatus {
  const device = `${statx.getUint32(136, true)}:${statx.getUint32(140, true)}`;
  return {
    identity: `${device}:${statx.getUint32(36, true)}:${statx.getUint32(32, true)}`,
    mode: statx.getUint16(28, true),
    links: statx.getUint32(16, true),
    modified: statx.getBigInt64(112, true) * 1_000_000_000n + BigInt(statx.getUint32(120, true)),
  };
}

/** Sys over a bound libc; `errno` reads the calling thread's errno right after a call that failed. */
export function sysOverLibc(libc: BoundLibc, errno: () => number): Sys {
  /** Calls until it is not interrupted: the result, or -errno. */
  const attempt = <A extends readonly unknown[]>(call: (...args: A) => number, ...args: A): number => {
    for (;;) {
      const result = call(...args);
      if (result !== -1) return result;
      const code = errno();
      if (code !== EINTR) return -code;
    }
  };
  const must = <A extends readonly unknown[]>(
    name: string,
    subject: string | undefined,
    call: (...args: A) => number,
    ...args: A
  ): number => orThrow(attempt(call, ...args), name, subject);

  // Scratch space for the small structures that calls fill in; every call is synchronous and on one thread.
  const address = new Uint8Array(SOCKADDR_MAX);
  const number = new Int32Array(2);
  const numberBytes = new Uint8Array(number.buffer);
  const statfs = new Uint8Array(STATFS_SIZE);
  const statx = new Uint8Array(STATX_SIZE);
  const statxView = new DataView(statx.buffer);

  return {
    socket: (domain, type, protocol) =>
      must("socket", `family ${domain} protocol ${protocol}`, libc.socket, domain, type | SOCK_CLOEXEC, protocol),
    bind: (fd, at) => void must("bind", undefined, libc.bind, fd, at, at.length),
    listen: (fd, backlog) => void must("listen", undefined, libc.syscall, SYS.listen, fd, backlog, 0, 0),
    accept: (fd, flags) => attempt(libc.syscall, SYS.accept4, fd, 0, 0, flags | SOCK_CLOEXEC),
    connect: (fd, to) => void must("connect", undefined, libc.connect, fd, to, to.length),
    getsockname(fd) {
      number[0] = SOCKADDR_MAX;
      must("getsockname", undefined, libc.getsockname, fd, address, numberBytes);
      return address.slice(0, number[0]);
    },
    setsockopt(fd, level, option, value) {
      let bytes: Uint8Array;
      if (typeof value === "number") {
        number[0] = value;
        bytes = numberBytes.subarray(0, 4);
      } else {
        bytes = value;
      }
      must("setsockopt", optionName(level, option), libc.setsockopt, fd, level, option, bytes, bytes.length);
    },
    getsockopt(fd, level, option) {
      number[0] = 0;
      number[1] = 4;
      const [value, length] = [numberBytes.subarray(0, 4), numberBytes.subarray(4, 8)];
      must("getsockopt", optionName(level, option), libc.getsockopt, fd, level, option, value, length);
      return number[0];
    },
    peerUser(fd) {
      const credentials = new Uint32Array(UCRED_WORDS);
      const bytes = new Uint8Array(credentials.buffer);
      number[0] = bytes.length;
      must("getsockopt", "SO_PEERCRED", libc.getsockopt, fd, SOL_SOCKET, SO_PEERCRED, bytes, numberBytes);
      return credentials[1]!;
    },
    send: (fd, data, flags) => attempt(libc.sendto, fd, data, data.length, flags, null, 0),
    sendTo: (fd, data, flags, to) => attempt(libc.sendto, fd, data, data.length, flags, to, to.length),
    receive: (fd, buffer, flags) => attempt(libc.recvfrom, fd, buffer, buffer.length, flags, null, null),
    receiveFrom(fd, buffer, flags): Received {
      number[0] = SOCKADDR_MAX;
      const length = attempt(libc.recvfrom, fd, buffer, buffer.length, flags, address, numberBytes);
      return { length, from: length < 0 ? EMPTY : address.slice(0, Math.min(number[0], SOCKADDR_MAX)) };
    },
    poll(entries, timeout) {
      const bytes = new Uint8Array(entries.length * POLLFD_SIZE);
      const view = new DataView(bytes.buffer);
      entries.forEach((entry, i) => {
        view.setInt32(i * POLLFD_SIZE, entry.fd, true);
        view.setInt16(i * POLLFD_SIZE + 4, entry.events, true);
      });
      // An interrupted wait begins anew: it may take longer than asked, never shorter.
      const ready = must("poll", undefined, libc.poll, bytes, entries.length, timeout);
      entries.forEach((entry: PollEntry, i) => {
        entry.revents = view.getInt16(i * POLLFD_SIZE + 6, true);
      });
      return ready;
    },
    open(path, flags, mode = 0) {
      const name = cString(path, "open");
      return must("open", path, libc.open, name, flags | O_CLOEXEC, mode);
    },
    // Not restarted when interrupted: Linux has let go of the descriptor by then, and another may bear its number.
    close: (fd) => void libc.close(fd),
    read: (fd, buffer) => attempt(libc.read, fd, buffer, buffer.length),
    write: (fd, data) => attempt(libc.write, fd, data, data.length),
    fsync: (fd) => void must("fsync", undefined, libc.fsync, fd),
    ftruncate: (fd, length) => void must("ftruncate", undefined, libc.ftruncate, fd, length),
    flock: (fd, operation) => void must("flock", undefined, libc.flock, fd, operation),
    openFile(path, flags, mode = 0) {
      const name = cString(path, "open");
      return attempt(libc.open, name, flags | O_CLOEXEC, mode);
    },
    link(from, to) {
      const [source, target] = [cString(from, "link"), cString(to, "link")];
      return attempt(libc.link, source, target);
    },
    mkdir(path, mode) {
      const name = cString(path, "mkdir");
      return attempt(libc.mkdir, name, mode);
    },
    rename(from, to) {
      const [source, target] = [cString(from, "rename"), cString(to, "rename")];
      return attempt(libc.rename, source, target);
    },
    unlink(path) {
      const name = cString(path, "unlink");
      return attempt(libc.unlink, name);
    },
    symlink(target, path) {
      const [content, name] = [cString(target, "symlink"), cString(path, "symlink")];
      return attempt(libc.symlink, content, name);
    },
    setTimes(path, seconds) {
      const name = cString(path, "utimensat");
      const times = new Uint8Array(new BigInt64Array([BigInt(seconds), 0n, BigInt(seconds), 0n]).buffer);
      return attempt(libc.utimensat, AT_FDCWD, name, times, 0);
    },
    readlink(path) {
      const name = cString(path, "readlink");
      const target = new Uint8Array(PATH_LIMIT);
      const length = attempt(libc.readlink, name, target, target.length);
      return length < 0 ? length : decoder.decode(target.subarray(0, length));
    },
    stat(path, follow) {
      const name = cString(path, "statx");
      const flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
      const result = attempt(libc.statx, AT_FDCWD, name, flags, STATX_BASIC, statx);
      return result < 0 ? result : readStatus(statxView);
    },
    fstat(fd) {
      const name = cString("", "statx");
      must("statx", `descriptor ${fd}`, libc.statx, fd, name, AT_EMPTY_PATH, STATX_BASIC, statx);
      return readStatus(statxView);
    },
    ioctl(fd, request, argument) {
      if (typeof argument === "number") {
        // By value, the way requests without a structure take it: through the one entry that has integer arguments.
        return must("ioctl", `request ${hex(request)}`, libc.syscall, SYS.ioctl, fd, request, argument, 0);
      }
      return must("ioctl", `request ${hex(request)}`, libc.ioctl, fd, request, argument);
    },
    fcntl: (fd, command, argument) => must("fcntl", `command ${command}`, libc.fcntl, fd, command, argument),
    fstatfsType(fd) {
      must("fstatfs", undefined, libc.fstatfs, fd, statfs);
      return new DataView(statfs.buffer).getUint32(0, true);
    },
    setns: (fd, type) => void must("setns", undefined, libc.setns, fd, type),
    unshare: (flags) => void must("unshare", `flags ${hex(flags)}`, libc.unshare, flags),
    mount(source, target, type, flags, data) {
      const [from, at, kind] = [cString(source, "mount"), cString(target, "mount"), cString(type, "mount")];
      const options = data === undefined ? null : cString(data, "mount");
      must("mount", `${source} on ${target}`, libc.mount, from, at, kind, flags, options);
    },
    umount(target, flags) {
      const name = cString(target, "umount");
      must("umount", target, libc.umount2, name, flags);
    },
    umask: (mask) => must("umask", undefined, libc.syscall, SYS.umask, mask, 0, 0, 0),
    changeDirectory(path) {
      const name = cString(path, "chdir");
      const fd = attempt(libc.open, name, O_PATH_DIRECTORY | O_CLOEXEC, 0);
      if (fd < 0) return fd;
      const result = attempt(libc.syscall, SYS.fchdir, fd, 0, 0, 0);
      libc.close(fd);
      return result;
    },
    kill: (pid, signal) => void must("kill", `process ${pid}`, libc.kill, pid, signal),
    prctl: (option, argument) => must("prctl", `option ${option}`, libc.prctl, option, argument, 0, 0, 0),
    pidfdOpen: (pid) => must("pidfd_open", `process ${pid}`, libc.syscall, SYS_PIDFD_OPEN, pid, 0, 0, 0),
    pidfdSendSignal: (fd, signal) =>
      void must("pidfd_send_signal", undefined, libc.syscall, SYS_PIDFD_SEND_SIGNAL, fd, signal, 0, 0),
  };
}

function optionName(level: number, option: number): string {
  return `level ${level} option ${option}`;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
