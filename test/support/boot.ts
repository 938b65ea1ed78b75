// Another boot of this machine, as far as processes see that the test starts from then on: a file lies over the kernel's
// boot id, in a mount namespace of the test's own, with which it goes.
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { sys } from "#sys";

const [CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE] = [0x2_0000, 0x1000, 0x4000, 1 << 18];
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Once per process; gives the new boot id. */
export function pretendBoot(directory: string): string {
  const id = randomUUID();
  const file = path.join(directory, "boot_id");
  writeFileSync(file, `${id}\n`);
  sys.unshare(CLONE_NEWNS);
  sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
  sys.mount(file, BOOT_ID, "none", MS_BIND);
  return id;
}
