// The Sys port: the Linux system calls that neither Node nor Bun offers and that Loden lives by. Names, arguments and
// meanings are those of the manual pages, section 2; buffers are Uint8Array. Two bodies exist, chosen by the import
// condition of "#sys": koffi on Node (sys.node.ts), Bun's FFI in the compiled executables (sys.bun.ts). Both bind the
// table in libc.ts and pass the suite in test/compliance/sys-suite.ts.
import { LodenError } from "#spec/errors";

/** What poll(2) is asked about one descriptor, and where it puts the answer. */
export interface PollEntry {
  readonly fd: number;
  /** POLLIN, POLLOUT… */
  readonly events: number;
  /** Set by poll: what is ready, with POLLERR, POLLHUP and POLLNVAL unasked. */
  revents: number;
}

/** What recvfrom(2) brought. */
export interface Received {
  /** Bytes; with MSG_TRUNC in the flags, the length of the datagram even where it exceeds the buffer. Or -errno. */
  readonly length: number;
  /** The sender's socket address as the kernel wrote it, empty when it wrote none. */
  readonly from: Uint8Array;
}

/** What statx(2) says of a file. */
export interface FileStatus {
  /** Device and inode, which tell a file from all others; never to be shown as a number. */
  readonly identity: string;
  /** S_IFMT bits and permissions. */
  readonly mode: number;
  /** How many names the file has. */
  readonly links: number;
  /** Nanoseconds since the epoch. */
  readonly modified: bigint;
}

/**
 * Calls throw {@link Errno} when they fail, but for two groups that return -errno: those that move data (`send`,
 * `sendTo`, `receive`, `receiveFrom`, `read`, `write`), because EAGAIN and its like are answers there, and those that
 * are about the name of a file (`openFile` to `stat`), because that there is such a name or none is an answer too.
 * Interrupted calls are restarted, so EINTR never shows. Every descriptor is close-on-exec.
 */
export interface Sys {
  /** SOCK_CLOEXEC is added. */
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): void;
  listen(fd: number, backlog: number): void;
  /** The next connection, -EAGAIN when a non-blocking socket has none, or another -errno. `flags`: SOCK_NONBLOCK or 0. */
  accept(fd: number, flags: number): number;
  connect(fd: number, address: Uint8Array): void;
  /** The socket's own address, at most 128 bytes (sockaddr_storage). */
  getsockname(fd: number): Uint8Array;
  /** A number is passed as a C int. */
  setsockopt(fd: number, level: number, option: number, value: number | Uint8Array): void;
  getsockopt(fd: number, level: number, option: number): number;
  /** The effective user of the process at the other end of a Unix socket, as it was when that connected or listened. */
  peerUser(fd: number): number;
  /** Bytes sent, or -errno. */
  send(fd: number, data: Uint8Array, flags: number): number;
  /** Bytes sent, or -errno. */
  sendTo(fd: number, data: Uint8Array, flags: number, address: Uint8Array): number;
  /** Bytes received, or -errno. */
  receive(fd: number, buffer: Uint8Array, flags: number): number;
  receiveFrom(fd: number, buffer: Uint8Array, flags: number): Received;
  /** How many entries have an answer; `timeout` in milliseconds, -1 waits for ever and blocks the whole thread. */
  poll(entries: readonly PollEntry[], timeout: number): number;

  /** O_CLOEXEC is added. */
  open(path: string, flags: number, mode?: number): number;
  /** Never throws: a descriptor is gone after close(2), whatever it says. */
  close(fd: number): void;
  /** Bytes read, 0 at the end, or -errno. */
  read(fd: number, buffer: Uint8Array): number;
  /** Bytes written, or -errno. */
  write(fd: number, data: Uint8Array): number;
  fsync(fd: number): void;
  ftruncate(fd: number, length: number): void;
  /** LOCK_EX waits, and blocks the whole thread; with LOCK_NB it throws EWOULDBLOCK. */
  flock(fd: number, operation: number): void;
  /** As `open`, but -errno when it fails. */
  openFile(path: string, flags: number, mode?: number): number;
  /** 0 or -errno, as the five that follow. */
  link(from: string, to: string): number;
  mkdir(path: string, mode: number): number;
  rename(from: string, to: string): number;
  unlink(path: string): number;
  symlink(target: string, path: string): number;
  /** Sets access and modification time to a whole second. */
  setTimes(path: string, seconds: number): number;
  /** The target of a symbolic link of at most 4095 bytes. */
  readlink(path: string): string | number;
  /** Of a symbolic link itself, unless it is to be followed. */
  stat(path: string, follow: boolean): FileStatus | number;
  /** Of an open file. */
  fstat(fd: number): FileStatus;
  /** The answer of the call; the argument is read and written in place. */
  ioctl(fd: number, request: number, argument: number | Uint8Array): number;
  /** The argument is a whole number that asks or sets something about the descriptor itself: F_SETFD and its like. */
  fcntl(fd: number, command: number, argument: number): number;
  /** `f_type` of the file system that holds the open file: NSFS_MAGIC… */
  fstatfsType(fd: number): number;

  /** Of the calling thread. */
  setns(fd: number, type: number): void;
  /** Of the calling thread. */
  unshare(flags: number): void;
  mount(source: string, target: string, type: string, flags: number, data?: string): void;
  umount(target: string, flags: number): void;

  /** Of the process; gives the mask that was. */
  umask(mask: number): number;
  /** Of the process: 0 or -errno. The runtime's own idea of its working directory stays as it was. */
  changeDirectory(path: string): number;

  kill(pid: number, signal: number): void;
  prctl(option: number, argument: number): number;
  /** A descriptor that becomes readable when the process ends. */
  pidfdOpen(pid: number): number;
  pidfdSendSignal(fd: number, signal: number): void;
}

/**
 * The names of 1, 2, 3… (include/uapi/asm-generic/errno-base.h and errno.h); a dash where Linux has none. Node has such a
 * table too, which lacks what netlink answers with, and costs a CNI executable 0.4 ms.
 */
const SYMBOLS = `
EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST
EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM
ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG
EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET
ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG
ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL
EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD
ENOTRECOVERABLE ERFKILL EHWPOISON`;

let symbols: readonly string[] | undefined;

/** `EEXIST` for 17; `errno 999` for a number without a name. */
export function errnoSymbol(errno: number): string {
  symbols ??= SYMBOLS.split(/\s/);
  const symbol = errno > 0 ? symbols[errno] : undefined;
  return symbol === undefined || symbol === "-" ? `errno ${errno}` : symbol;
}

const MEANINGS: Readonly<Record<string, string>> = {
  EPERM: "not permitted; this needs root or the capability for it",
  EACCES: "permission denied",
  ENOENT: "no such file or directory",
  EEXIST: "already exists",
  EBUSY: "in use",
  EINVAL: "the kernel does not take this value",
  ENODEV: "no such device",
  ENOSPC: "no space left",
  EMFILE: "too many open files in this process; raise its limit (ulimit -n)",
  ENFILE: "too many open files on this machine",
  ENOBUFS: "no buffer space",
  EAFNOSUPPORT: "the kernel lacks this address family",
  EPROTONOSUPPORT: "the kernel lacks this protocol",
  ENOSYS: "the kernel lacks this system call",
};

/** A short text for an errno: `EEXIST (already exists)`. */
export function errnoText(errno: number): string {
  const symbol = errnoSymbol(errno);
  const meaning = MEANINGS[symbol];
  return meaning === undefined ? symbol : `${symbol} (${meaning})`;
}

/** A system call failed. `call` names it, `subject` what it was about (a path, say). */
export class Errno extends LodenError {
  readonly errno: number;
  /** `EEXIST` and so on. */
  readonly symbol: string;
  readonly call: string;

  constructor(errno: number, call: string, subject?: string) {
    super("ERR_SYSCALL", `${call}${subject === undefined ? "" : ` ${subject}`}: ${errnoText(errno)}`, {
      fields: { errno, symbol: errnoSymbol(errno), call, ...(subject === undefined ? {} : { subject }) },
    });
    this.errno = errno;
    this.symbol = errnoSymbol(errno);
    this.call = call;
  }
}

/** The result of a call that returns -errno, or {@link Errno} thrown. */
export function orThrow(result: number, call: string, subject?: string): number {
  if (result < 0) throw new Errno(-result, call, subject);
  return result;
}
