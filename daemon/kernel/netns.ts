// Network namespaces: enter one, run, come back; make and delete named ones as `ip netns` does (ip-netns(8), setns(2),
// nsfs in network_namespaces(7)). Namespaces belong to a thread: everything here is synchronous and on one thread.
import { LodenError, errorText } from "#spec/errors";
import { makeDirectories, removeFile, writeText } from "./files.ts";
import { Errno } from "./sys.ts";
import type { Sys } from "./sys.ts";

export const CLONE_NEWNET = 0x4000_0000;
/** `f_type` of the file system that namespace files live on (include/uapi/linux/magic.h). */
const NSFS_MAGIC = 0x6e73_6673;
/** Asks a namespace file for the CLONE_NEW… flag of its kind: _IO(0xb7, 3) of include/uapi/linux/nsfs.h. */
const NS_GET_NSTYPE = 0xb703;
const OWN_NETNS = "/proc/thread-self/ns/net";

/** Where `ip netns` keeps its names, under both of its spellings. */
const NAMED_DIRECTORIES: readonly string[] = ["/run/netns", "/var/run/netns"];

const O_RDONLY = 0;
/** A path may be anything; opening a FIFO would wait for its writer. */
const O_NONBLOCK = 0o4000;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;

const EPERM = 1;
const ENOENT = 2;
const EACCES = 13;
const ENOTDIR = 20;
const EINVAL = 22;

/**
 * Runs `fn` in a network namespace, given by path or descriptor, and gives its result. The thread is back in its own
 * namespace afterwards whatever happens; where that is impossible the process ends at once, as every later call would
 * act on the wrong network.
 * @throws LodenError ERR_NETNS with `fields.reason` "absent" or "not-a-namespace"; ERR_PRIVILEGE without CAP_SYS_ADMIN
 */
export function withNetns<T>(sys: Sys, netns: string | number, fn: () => T): T {
  const target = typeof netns === "number" ? netns : openNetns(sys, netns);
  try {
    return within(
      sys,
      () => {
        try {
          sys.setns(target, CLONE_NEWNET);
        } catch (error) {
          throw enterError(error, netns);
        }
      },
      fn,
    );
  } finally {
    if (target !== netns) sys.close(target);
  }
}

/**
 * A descriptor of the namespace at a path, which keeps it alive; the caller closes it.
 * @throws LodenError ERR_NETNS with `fields.reason` "absent" or "not-a-namespace"
 */
export function openNetns(sys: Sys, file: string): number {
  let fd: number;
  try {
    fd = sys.open(file, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.errno === ENOENT || error.errno === ENOTDIR) throw netnsError(file, "absent", error);
    if (error.errno === EACCES || error.errno === EPERM) {
      throw privilegeError(`open the network namespace ${file}`, error);
    }
    throw netnsError(file, "not-a-namespace", error);
  }
  if (isNetnsFile(sys, fd)) return fd;
  sys.close(fd);
  throw netnsError(file, "not-a-namespace");
}

/** Whether a path is a network namespace. The file left behind when a namespace was unmounted is none. */
export function isNetns(sys: Sys, file: string): boolean {
  try {
    sys.close(openNetns(sys, file));
    return true;
  } catch (error) {
    if (error instanceof LodenError && error.code === "ERR_NETNS") return false;
    throw error;
  }
}

/** Whether two namespaces, by path or descriptor, are one. The first defaults to the calling thread's. */
export function sameNetns(sys: Sys, a: string | number, b: string | number = OWN_NETNS): boolean {
  return netnsIdentity(sys, a) === netnsIdentity(sys, b);
}

/** What tells a namespace from all others that exist now. */
export function netnsIdentity(sys: Sys, netns: string | number): string {
  if (typeof netns === "number") return sys.fstat(netns).identity;
  if (netns === OWN_NETNS) {
    // A namespace for certain: no need to open it and to look what it is.
    const status = sys.stat(netns, true);
    if (typeof status === "object") return status.identity;
  }
  const fd = openNetns(sys, netns);
  try {
    return sys.fstat(fd).identity;
  } finally {
    sys.close(fd);
  }
}

/** A new network namespace without a name: it lives as long as the descriptor or something in it does. */
export function anonymousNetns(sys: Sys): number {
  return within(
    sys,
    () => unshareNetns(sys),
    () => sys.open(OWN_NETNS, O_RDONLY),
  );
}

/**
 * Makes a network namespace and binds it to a path, as `ip netns add` does to a name.
 * @throws LodenError ERR_NETNS when the path is taken
 */
export function createNetns(sys: Sys, file: string): void {
  const directory = file.slice(0, Math.max(file.lastIndexOf("/"), 0)) || ".";
  makeDirectories(sys, directory, 0o755);
  if (NAMED_DIRECTORIES.includes(directory)) shareMounts(sys, directory);
  try {
    writeText(sys, file, "", "create", 0o444);
  } catch (error) {
    throw new LodenError("ERR_NETNS", `the network namespace ${file} cannot be made: ${errorText(error)}`, {
      cause: error,
      fields: { netns: file, reason: "exists" },
    });
  }
  try {
    within(
      sys,
      () => unshareNetns(sys),
      () => sys.mount(OWN_NETNS, file, "none", MS_BIND),
    );
  } catch (error) {
    removeFile(sys, file);
    throw error;
  }
}

/** Removes the name of a namespace; the namespace itself goes with its last user. A path that is gone is no error. */
export function deleteNetns(sys: Sys, file: string): void {
  try {
    sys.umount(file, MNT_DETACH);
  } catch (error) {
    // EINVAL: a file without a mount, left behind by a crash.
    if (!(error instanceof Errno) || (error.errno !== ENOENT && error.errno !== EINVAL)) throw error;
  }
  removeFile(sys, file);
}

/** Runs `enter`, then `fn`, then goes back to the namespace the thread was in. */
function within<T>(sys: Sys, enter: () => void, fn: () => T): T {
  const own = sys.open(OWN_NETNS, O_RDONLY);
  try {
    enter();
    let result: T;
    try {
      result = fn();
    } finally {
      restore(sys, own);
    }
    if (isThenable(result)) {
      throw new LodenError(
        "ERR_INTERNAL",
        "an asynchronous function was run in a network namespace: it would go on outside",
      );
    }
    return result;
  } finally {
    sys.close(own);
  }
}

function restore(sys: Sys, own: number): void {
  try {
    sys.setns(own, CLONE_NEWNET);
  } catch (error) {
    const text = `loden: the thread cannot return to its network namespace: ${errorText(error)}; aborting\n`;
    sys.write(2, new TextEncoder().encode(text));
    process.abort();
  }
}

function unshareNetns(sys: Sys): void {
  try {
    sys.unshare(CLONE_NEWNET);
  } catch (error) {
    throw isPermission(error) ? privilegeError("make a network namespace", error) : error;
  }
}

/** Lets mounts below a directory be seen in other mount namespaces, where container runtimes live. */
function shareMounts(sys: Sys, directory: string): void {
  try {
    sys.mount("", directory, "none", MS_SHARED | MS_REC);
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== EINVAL) throw error;
    // Not a mount point yet: only those have a propagation type.
    sys.mount(directory, directory, "none", MS_BIND | MS_REC);
    sys.mount("", directory, "none", MS_SHARED | MS_REC);
  }
}

function isNetnsFile(sys: Sys, fd: number): boolean {
  return sys.fstatfsType(fd) === NSFS_MAGIC && sys.ioctl(fd, NS_GET_NSTYPE, 0) === CLONE_NEWNET;
}

function isThenable(value: unknown): boolean {
  return value instanceof Object && "then" in value && typeof value.then === "function";
}

function isPermission(error: unknown): boolean {
  return error instanceof Errno && error.errno === EPERM;
}

function enterError(error: unknown, netns: string | number): unknown {
  const name = typeof netns === "number" ? `descriptor ${netns}` : netns;
  if (isPermission(error)) return privilegeError(`enter the network namespace ${name}`, error);
  if (error instanceof Errno && error.errno === EINVAL) return netnsError(name, "not-a-namespace", error);
  return error;
}

function privilegeError(what: string, cause: unknown): LodenError {
  return new LodenError("ERR_PRIVILEGE", `no permission to ${what}: run as root or with CAP_SYS_ADMIN`, { cause });
}

function netnsError(file: string, reason: "absent" | "not-a-namespace", cause?: unknown): LodenError {
  const text = reason === "absent" ? "does not exist" : "is not a network namespace";
  return new LodenError("ERR_NETNS", `the network namespace ${file} ${text}`, {
    ...(cause === undefined ? {} : { cause }),
    fields: { netns: file, reason },
  });
}
