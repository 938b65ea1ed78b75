// The demo's folder: one per run, held by a lock, so that a later run finds and removes what a killed one left.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Errno, type Sys } from "#kernel/sys";
import { removeAllPins } from "./pins.ts";

const PREFIX = "loden-demo-";
const LOCK_EX = 2;
const LOCK_NB = 4;
const O_RDONLY_DIRECTORY = 0o200000;

export interface DemoDirectory extends Disposable {
  readonly path: string;
}

/** Removes the folders of demos that are no more, and makes one for this run. */
export function openDemoDirectory(sys: Sys): DemoDirectory {
  const parent = tmpdir();
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(PREFIX))) {
    const dir = path.join(parent, name);
    const fd = lock(sys, dir);
    if (fd === undefined) continue;
    removeAllPins(dir);
    rmSync(dir, { recursive: true, force: true });
    sys.close(fd);
  }
  const dir = mkdtempSync(path.join(parent, PREFIX));
  const fd = lock(sys, dir);
  return {
    path: dir,
    [Symbol.dispose]() {
      rmSync(dir, { recursive: true, force: true });
      if (fd !== undefined) sys.close(fd);
    },
  };
}

/** The locked descriptor, undefined while somebody else holds it or when it is gone. */
function lock(sys: Sys, dir: string): number | undefined {
  let fd: number | undefined;
  try {
    fd = sys.open(dir, O_RDONLY_DIRECTORY);
    sys.flock(fd, LOCK_EX | LOCK_NB);
    return fd;
  } catch (error) {
    if (fd !== undefined) sys.close(fd);
    if (error instanceof Errno) return undefined;
    throw error;
  }
}
