// Making the TAP device, in the container's namespace.
import { writeText } from "#kernel/files";
import { tunOpen } from "#kernel/netlink/kind/tun";
import { withNetns } from "#kernel/netns";
import { runProgram } from "#kernel/programs";
import { Errno } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { failure } from "../../error.ts";
import type { TapConfig } from "./config.ts";

/** The label that the next program this thread starts will run with (proc_pid_attr(5)). */
const EXEC_LABEL = "/proc/thread-self/attr/exec";

/**
 * Makes a device that stays.
 * @throws CniError 999
 */
export function makeTap(sys: Sys, netns: number, name: string, config: TapConfig): void {
  withNetns(sys, netns, () => {
    if (config.selinuxContext === undefined) makeHere(sys, name, config);
    else makeLabelled(sys, name, config, config.selinuxContext);
  });
}

function makeHere(sys: Sys, name: string, { multiQueue, owner, group }: TapConfig): void {
  try {
    const { fd } = tunOpen(sys, {
      name,
      mode: "tap",
      persist: true,
      exclusive: true,
      multiQueue,
      ...(owner === undefined ? {} : { owner }),
      ...(group === undefined ? {} : { group }),
    });
    sys.close(fd);
  } catch (error) {
    const isMissing = error instanceof Errno && (error.symbol === "ENOENT" || error.symbol === "ENODEV");
    const hint = isMissing ? "; load the module tun, and give the runtime /dev/net/tun" : "";
    throw failure(`failed to create tap: ${(error as Error).message}${hint}`, error);
  }
}

/**
 * SELinux labels a device by the process that makes it, and a process gets another label only by starting a program:
 * so here, and only here, `ip` makes the device.
 */
function makeLabelled(sys: Sys, name: string, { multiQueue, owner, group }: TapConfig, label: string): void {
  try {
    writeText(sys, EXEC_LABEL, label, "existing");
  } catch (error) {
    const reason = (error as Error).message;
    throw failure(`selinuxContext ${JSON.stringify(label)} cannot be used (is SELinux on?): ${reason}`, error);
  }
  const args = ["tuntap", "add", name, "mode", "tap"];
  if (multiQueue) args.push("multi_queue");
  if (owner !== undefined) args.push("user", String(owner));
  if (group !== undefined) args.push("group", String(group));
  const { status, stderr, error } = runProgram("ip", args, {});
  if (status === 0) return;
  throw failure(`failed to create tap with ip ${args.join(" ")}: ${error?.message ?? stderr.trim()}`, error);
}
