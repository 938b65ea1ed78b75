// A process of its own for the tests of sysctl.ts: writes one where /proc/sys is read-only and prints the error as JSON.
import { sys } from "#sys";
import { errorText } from "#spec/errors";
import { writeSysctl } from "#kernel/sysctl";

const [CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE] = [0x20000, 1, 32, 0x1000, 0x4000, 1 << 18];

sys.unshare(CLONE_NEWNS);
sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
sys.mount("/proc/sys", "/proc/sys", "none", MS_BIND);
sys.mount("none", "/proc/sys", "none", MS_BIND | MS_REMOUNT | MS_RDONLY);
try {
  writeSysctl("net/ipv4/ip_forward", "1");
  process.stdout.write("null");
} catch (error) {
  process.stdout.write(JSON.stringify(Object.assign({}, error, { message: errorText(error) })));
}
