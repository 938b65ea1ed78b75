// Pins: names of maps and programs in the BPF file system, by which they outlive the process that made them.
import { mkdirSync, readdirSync, renameSync, rmSync, rmdirSync } from "node:fs";
import path from "node:path";
import type { Sys } from "../sys.ts";
import { Errno } from "../sys.ts";
import { Attr, NativeBuffer, bpf, tryBpf } from "./syscall.ts";

/** Where every tool expects it. */
export const BPF_FS = "/sys/fs/bpf";

/** linux/magic.h, as fstatfsType gives it. */
const BPF_FS_MAGIC = 0xcafe_4a11;
const O_RDONLY = 0;
const ENOENT = 2;

/**
 * Makes a directory for pins, and mounts the file system where nobody did.
 * @throws Errno
 */
export function makePinDirectory(sys: Sys, directory: string): void {
  const root = directory.startsWith(`${BPF_FS}/`) ? BPF_FS : undefined;
  if (root !== undefined && !isBpfFs(sys, root)) sys.mount("bpf", root, "bpf", 0, "mode=0700");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

function isBpfFs(sys: Sys, directory: string): boolean {
  const fd = sys.open(directory, O_RDONLY);
  try {
    return sys.fstatfsType(fd) === BPF_FS_MAGIC;
  } finally {
    sys.close(fd);
  }
}

/** Gives what a descriptor stands for a name, in place of what had it before: there is no moment without one. */
export function pin(fd: number, file: string): void {
  const next = `${file}_next`;
  rmSync(next, { force: true });
  using name = NativeBuffer.ofText(next);
  bpf("pin", new Attr().u64(0, name.address).u32(8, fd), next);
  renameSync(next, file);
}

/** A descriptor of what is pinned; undefined when nothing is. */
export function openPin(file: string): number | undefined {
  using name = NativeBuffer.ofText(file);
  const result = tryBpf("get", new Attr().u64(0, name.address));
  if (result === -ENOENT) return undefined;
  if (result < 0) throw new Errno(-result, "bpf get", file);
  return result;
}

/** Takes a directory of pins away, and the one above when it holds nothing more; what is attached stays until it is detached. */
export function removePins(directory: string): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) rmSync(path.join(directory, name), { force: true });
  rmSync(directory, { recursive: true, force: true });
  removeEmpty(path.dirname(directory));
}

/** A directory that others use, or that is not there, stays as it is. */
function removeEmpty(directory: string): void {
  if (directory === BPF_FS) return;
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
  }
}
