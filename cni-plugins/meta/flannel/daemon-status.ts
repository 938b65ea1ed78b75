// Why the daemon on this node is not ready, and whether another node has this node's lease, from the status document beside
// the subnet file (spec/status-file.md).
import { readText } from "#kernel/files";
import { Errno, type Sys } from "#kernel/sys";
import { parseStatus, statusPaths } from "#spec/status";

/** spec/errors.ts */
const CONFLICT = "ERR_LEASE_CONFLICT";

/** sys/file.h */
const LOCK_SH = 1;
const LOCK_NB = 4;

/**
 * The reason in words; undefined when the daemon says it is ready, was stopped in order (the data path stays), or says
 * nothing because it is another one (flanneld writes no such document).
 */
export function reasonNotReady(sys: Sys, subnetFile: string): string | undefined {
  const paths = statusPaths(subnetFile);
  let text: string | undefined;
  let boot: string | undefined;
  try {
    text = readText(sys, paths.status);
    boot = readText(sys, "/proc/sys/kernel/random/boot_id")?.trim();
  } catch {
    return undefined;
  }
  const status = text === undefined ? undefined : parseStatus(text);
  if (status === undefined || status.ready || status.bootId !== boot || status.phase === "stopped") return undefined;
  const reason = status.reason === null ? `it is in the phase "${status.phase}"` : status.reason.text;
  return isRunning(sys, paths.lock)
    ? `the daemon is not ready: ${reason}`
    : `the daemon is not running; the last it said: ${reason}`;
}

/**
 * Text that names both nodes while the daemon says, or said last, that another one has this node's lease or address: a new
 * container might get an address that the other gives away too. Undefined otherwise, and where there is no document.
 */
export function leaseConflict(sys: Sys, subnetFile: string): string | undefined {
  let text: string | undefined;
  let boot: string | undefined;
  try {
    text = readText(sys, statusPaths(subnetFile).status);
    // Of all attachments few meet one: the others are spared the parsing.
    if (text === undefined || !text.includes(CONFLICT)) return undefined;
    boot = readText(sys, "/proc/sys/kernel/random/boot_id")?.trim();
  } catch {
    return undefined;
  }
  const status = parseStatus(text);
  if (status === undefined || status.ready || status.bootId !== boot || status.reason?.code !== CONFLICT) {
    return undefined;
  }
  const addresses = status.lease?.publicAddresses.join(", ") ?? "";
  const own = `${status.nodeId ?? "without an id"}${addresses === "" ? "" : ` at ${addresses}`}`;
  return `the node ${own} takes no new containers: ${status.reason.text}`;
}

/** The daemon holds the lock exclusively for as long as it lives. */
function isRunning(sys: Sys, lock: string): boolean {
  let fd: number;
  try {
    fd = sys.open(lock, 0);
  } catch {
    return false;
  }
  try {
    sys.flock(fd, LOCK_SH | LOCK_NB);
    return false;
  } catch (error) {
    return error instanceof Errno && error.symbol === "EAGAIN";
  } finally {
    sys.close(fd);
  }
}
