// What the process may do: CAP_NET_ADMIN decides whether it can program the kernel at all (capabilities(7)).
import { readFileSync } from "node:fs";
import { LodenError } from "#spec/errors";

/** linux/capability.h */
const CAP_NET_ADMIN = 12n;

/** @throws LodenError ERR_PRIVILEGE without CAP_NET_ADMIN */
export function requireNetAdmin(procStatus = readFileSync("/proc/self/status", "utf8")): void {
  const effective = /^CapEff:\s*([\da-f]+)$/m.exec(procStatus)?.[1];
  if (effective === undefined || (BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) return;
  throw new LodenError(
    "ERR_PRIVILEGE",
    "lodend needs the capability CAP_NET_ADMIN to make devices and routes: run it as root, or grant it (systemd: " +
      "AmbientCapabilities=CAP_NET_ADMIN; containers: securityContext.capabilities.add NET_ADMIN)",
  );
}
