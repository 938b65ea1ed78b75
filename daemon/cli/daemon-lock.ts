// Whether a daemon lives: it holds its lock file (spec/status-file.md) exclusively from its start to its end.
import { Errno, type Sys } from "#kernel/sys";

/** flock(2) */
const LOCK_SH = 1;
const LOCK_NB = 4;

/** @param lock path of the lock file */
export function isLocked(calls: Sys, lock: string): boolean {
  let fd: number;
  try {
    fd = calls.open(lock, 0);
  } catch {
    return false;
  }
  try {
    calls.flock(fd, LOCK_SH | LOCK_NB);
    return false;
  } catch (error) {
    return error instanceof Errno && error.symbol === "EAGAIN";
  } finally {
    calls.close(fd);
  }
}
