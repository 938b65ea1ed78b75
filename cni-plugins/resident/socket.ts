// The socket that clients look for: a file in a directory that nobody else can write, with a lock beside it, so that one
// resident serves it and a file left behind by a dead one is replaced. unix(7).
import { makeDirectories, removeFile } from "#kernel/files";
import { Errno } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
/** sizeof(sun_path), with the final zero. */
const PATH_LIMIT = 108;
/** As many as can wait; the kernel lowers it to net.core.somaxconn. */
const BACKLOG = 4096;

const O_RDWR_CREATE = 0o102;
const LOCK_EX_NB = 2 | 4;
/** Write permission of group and others, and the bit that keeps them from each other's files in /tmp. */
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

export interface Listener {
  readonly fd: number;
  /** Directory of the resident's locks. */
  readonly locks: string;
  /** Takes the file away. Never the one of a successor: that waits for the lock, which ends with this process. */
  close(): void;
}

/** @throws LodenError ERR_CONFIG when another resident serves the socket, or when it cannot be one */
export function listenAt(sys: Sys, path: string): Listener {
  const name = new TextEncoder().encode(path);
  if (!path.startsWith("/") || name.length >= PATH_LIMIT) {
    throw unusable(path, `it must be an absolute path of fewer than ${PATH_LIMIT} bytes`);
  }
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  makeDirectories(sys, directory, 0o755);
  const status = sys.stat(directory, true);
  if (typeof status === "number") throw new Errno(-status, "statx", directory);
  if ((status.mode & OTHERS_WRITE) !== 0 && (status.mode & STICKY) === 0) {
    throw unusable(path, `others may write to ${directory}: chmod go-w ${directory}`);
  }
  const lock = sys.open(`${path}.lock`, O_RDWR_CREATE, 0o600);
  try {
    sys.flock(lock, LOCK_EX_NB);
  } catch (error) {
    sys.close(lock);
    throw unusable(path, `another resident serves it: give this one its own with --socket`, error);
  }
  removeFile(sys, path);
  const fd = sys.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const address = new Uint8Array(2 + name.length + 1);
  address[0] = AF_UNIX;
  address.set(name, 2);
  const mask = sys.umask(0o177);
  try {
    sys.bind(fd, address);
  } finally {
    sys.umask(mask);
  }
  sys.listen(fd, BACKLOG);
  return {
    fd,
    locks: `${path}.locks`,
    close() {
      removeFile(sys, path);
      sys.close(fd);
    },
  };
}

function unusable(path: string, reason: string, cause?: unknown): LodenError {
  const text = `the socket ${path} cannot be served: ${reason}`;
  return new LodenError("ERR_CONFIG", text, { fields: { file: path }, ...(cause === undefined ? {} : { cause }) });
}
