// Who this host is to the fabric: an identity that outlives restarts and reboots without a file of its own, and that
// differs between virtual machines cloned from one image (same machine id, other MAC) and between test hosts in
// namespaces of one machine. spec/decisions/node-identity.md says why.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Link } from "#kernel/netlink/link";

/** man 5 machine-id: 32 hexadecimal digits; it must not leave the host as it is, so only a hash of it does. */
const MACHINE_ID = /^[\da-f]{32}$/;

/** The text of /etc/machine-id, or "" where there is none that is valid. */
export function readMachineId(file = "/etc/machine-id"): string {
  try {
    const text = readFileSync(file, "utf8").trim();
    return MACHINE_ID.test(text) ? text : "";
  } catch {
    return "";
  }
}

/** 32 hexadecimal digits from the machine id and the interface's MAC (its name, for links that have none). */
export function deriveNodeId(machineId: string, link: Pick<Link, "name" | "mac">): string {
  const interfaceId = link.mac?.toString() ?? link.name;
  return createHash("sha256").update(`loden node\0${machineId}\0${interfaceId}`).digest("hex").slice(0, 32);
}

/** Changes with every boot; "" where the kernel does not tell. */
export function readBootId(file = "/proc/sys/kernel/random/boot_id"): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
