// Which boot of which machine an index was last cleaned in. A reservation from before a reboot is of a container that
// is gone, unless the directory lies on storage that several machines share: then nothing is ever reclaimed.
import * as fs from "node:fs";

/** In the index: a symbolic link to `<machine> <boot>`. */
const MARK = ".boot";
/** In place of the machine once two of them have used the directory. */
const SHARED = "shared";

/** /proc/sys/kernel/random/boot_id: another one after every start of the machine (random(4)). */
export function thisBoot(): string {
  return fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** machine-id(5); machines without one are told apart by nothing, and take the directory to be theirs alone. */
function thisMachine(): string {
  try {
    return fs.readFileSync("/etc/machine-id", "utf8").trim() || "unknown";
  } catch {
    return "unknown";
  }
}

function readMark(index: string): { machine: string; boot: string } | undefined {
  try {
    const [machine = "", boot = ""] = fs.readlinkSync(`${index}/${MARK}`).split(" ");
    return { machine, boot };
  } catch {
    return undefined;
  }
}

/** Whether the machine was restarted since the index was last cleaned; true as well for a new index. */
export function isReboot(index: string, boot: string): boolean {
  const mark = readMark(index);
  if (mark === undefined) {
    // Nothing in a new index is from another boot.
    rememberBoot(index, boot);
    return false;
  }
  if (mark.boot === boot || mark.machine === SHARED) return false;
  if (mark.machine === thisMachine()) return true;
  write(index, SHARED, boot);
  return false;
}

export function rememberBoot(index: string, boot: string): void {
  write(index, thisMachine(), boot);
}

function write(index: string, machine: string, boot: string): void {
  const next = `${index}/${MARK}.new`;
  fs.rmSync(next, { force: true });
  fs.symlinkSync(`${machine} ${boot}`, next);
  fs.renameSync(next, `${index}/${MARK}`);
}
