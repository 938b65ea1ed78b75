// Files over Sys, for what the CNI executables share: there Node's `fs` would cost every start 0.9 ms
// (spec/decisions/runtime.md). Small files, read and written whole.
import { Errno } from "./sys.ts";
import type { Sys } from "./sys.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

const ENOENT = 2;
const EEXIST = 17;
const ENOTDIR = 20;

/** Most files here are smaller; the buffer doubles for others. */
const FIRST_READ = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The content as UTF-8; undefined when there is no such file.
 * @throws Errno
 */
export function readText(sys: Sys, path: string): string | undefined {
  const fd = sys.openFile(path, O_RDONLY);
  if (fd === -ENOENT || fd === -ENOTDIR) return undefined;
  if (fd < 0) throw new Errno(-fd, "open", path);
  try {
    return readToEnd(sys, fd, path);
  } finally {
    sys.close(fd);
  }
}

function readToEnd(sys: Sys, fd: number, path: string): string {
  let bytes = new Uint8Array(FIRST_READ);
  let length = 0;
  for (;;) {
    const got = sys.read(fd, bytes.subarray(length));
    if (got < 0) throw new Errno(-got, "read", path);
    if (got === 0) return decoder.decode(bytes.subarray(0, length));
    length += got;
    if (length < bytes.length) continue;
    const larger = new Uint8Array(bytes.length * 2);
    larger.set(bytes);
    bytes = larger;
  }
}

/** What to do when the file is there already, or is not. Files of /proc and /sys are "existing". */
export type WriteMode = "replace" | "create" | "existing";

const WRITE_FLAGS: Readonly<Record<WriteMode, number>> = {
  replace: O_WRONLY | O_CREAT,
  create: O_WRONLY | O_CREAT | O_EXCL,
  existing: O_WRONLY,
};

/**
 * Writes a file whole; `permissions` are those of a new one.
 * @throws Errno EEXIST for "create", ENOENT for "existing"
 */
export function writeText(sys: Sys, path: string, text: string, mode: WriteMode, permissions = 0o600): void {
  const fd = sys.openFile(path, WRITE_FLAGS[mode], permissions);
  if (fd < 0) throw new Errno(-fd, "open", path);
  try {
    const bytes = encoder.encode(text);
    let rest = bytes;
    do {
      const written = sys.write(fd, rest);
      if (written < 0) throw new Errno(-written, "write", path);
      rest = rest.subarray(written);
    } while (rest.length > 0);
    // Cut afterwards: O_TRUNC gives the blocks of the old content back first, which takes ext4 more than a millisecond.
    if (mode === "replace") sys.ftruncate(fd, bytes.length);
  } finally {
    sys.close(fd);
  }
}

/**
 * Makes a directory, and those it lies in.
 * @throws Errno
 */
export function makeDirectories(sys: Sys, path: string, permissions: number): void {
  let result = sys.mkdir(path, permissions);
  const parent = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
  if (result === -ENOENT && parent !== "") {
    makeDirectories(sys, parent, permissions);
    result = sys.mkdir(path, permissions);
  }
  if (result < 0 && result !== -EEXIST) throw new Errno(-result, "mkdir", path);
}

/**
 * Removes a file; one that is not there is no error.
 * @throws Errno
 */
export function removeFile(sys: Sys, path: string): void {
  const result = sys.unlink(path);
  if (result < 0 && result !== -ENOENT) throw new Errno(-result, "unlink", path);
}

/** What tells the regular file that a path leads to from all others; undefined when it leads to none. */
export function fileIdentity(sys: Sys, path: string): string | undefined {
  const status = sys.stat(path, true);
  return typeof status === "object" && (status.mode & S_IFMT) === S_IFREG ? status.identity : undefined;
}
