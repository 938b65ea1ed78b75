// Which boot of which machine an index was last cleaned in. A reservation from before a reboot is of a container that
// is gone, unless the directory lies on storage that several machines share: then nothing is ever reclaimed.
import { readText, removeFile } from "#kernel/files";
import { orThrow } from "#kernel/sys";
import type { Sys } from "#kernel/sys";

/** In the index: a symbolic link to `<machine> <boot>`. */
const MARK = ".boot";
/** In place of the machine once two of them have used the directory. */
const SHARED = "shared";

/** /proc/sys/kernel/random/boot_id: another one after every start of the machine (random(4)). */
export function thisBoot(sys: Sys): string {
  return readText(sys, "/proc/sys/kernel/random/boot_id")?.trim() ?? "unknown";
}

/** machine-id(5); machines without one are told apart by nothing, and take the directory to be theirs alone. */
function thisMachine(sys: Sys): string {
  try {
    return readText(sys, "/etc/machine-id")?.trim() || "unknown";
  } catch {
    return "unknown";
  }
}

function readMark(sys: Sys, index: string): { machine: string; boot: string } | undefined {
  const text = sys.readlink(`${index}/${MARK}`);
  if (typeof text === "number") return undefined;
  const [machine = "", boot = ""] = text.split(" ");
  return { machine, boot };
}

/** Whether the machine was restarted since the index was last cleaned; true as well for a new index. */
export function isReboot(sys: Sys, index: string, boot: string): boolean {
  const mark = readMark(sys, index);
  if (mark === undefined) {
    // Nothing in a new index is from another boot.
    rememberBoot(sys, index, boot);
    return false;
  }
  if (mark.boot === boot || mark.machine === SHARED) return false;
  if (mark.machine === thisMachine(sys)) return true;
  write(sys, index, SHARED, boot);
  return false;
}

export function rememberBoot(sys: Sys, index: string, boot: string): void {
  write(sys, index, thisMachine(sys), boot);
}

function write(sys: Sys, index: string, machine: string, boot: string): void {
  const next = `${index}/${MARK}.new`;
  removeFile(sys, next);
  orThrow(sys.symlink(`${machine} ${boot}`, next), "symlink", next);
  orThrow(sys.rename(next, `${index}/${MARK}`), "rename", next);
}
