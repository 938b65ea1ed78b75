// The Files port: the few small files that the daemon keeps, passed in like time and the kernel, so that it runs in a
// simulator too. Writes files so that a reader sees the old text or the new, never a part: a temporary file beside it, then a
// rename. Left-over temporary files of a killed daemon are overwritten by the next one.
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import path from "node:path";

/** Mode of directories that are made on the way. */
const DIRECTORY_MODE = 0o755;

export interface Files {
  /** The file's text; undefined when there is none or it cannot be read. */
  read(file: string): string | undefined;
  /**
   * Replaces a file atomically, with exactly this mode. Directories that lack are made, with `directoryMode` (0755).
   * Throws the error of the call that failed.
   */
  replace(file: string, text: string, mode: number, directoryMode?: number): void;
  /** Removes a file; nothing happens when there is none. Throws the error of the call that failed. */
  remove(file: string): void;
}

export const systemFiles: Files = {
  read: readText,
  replace: writeFileAtomic,
  remove: (file) => rmSync(file, { force: true }),
};

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Replaces a file, with exactly this mode whatever the umask. Throws Node's error of the call that failed. */
export function writeFileAtomic(file: string, text: string, mode: number, directoryMode = DIRECTORY_MODE): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: directoryMode });
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.tmp`);
  try {
    const fd = openSync(temporary, "w", mode);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    chmodSync(temporary, mode);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
