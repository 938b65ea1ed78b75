// Whether this daemon can keep the resident CNI plugins: they must lie beside it, and live in the world that container
// runtimes call plugins in.
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";

/** linux/capability.h: entering network namespaces takes it. */
const CAP_SYS_ADMIN = 21n;

/** The executable in a build's layout: dist/cni beside dist/lib/loden. Undefined where there is none, as in a checkout. */
export function residentExecutable(directory: string = import.meta.dirname): string | undefined {
  const file = path.join(directory, "../../cni/loden-cni");
  return existsSync(file) ? file : undefined;
}

export interface Surroundings {
  /** /proc/self/status */
  readonly status: string;
  /** What /proc/self/ns/mnt and /proc/1/ns/mnt lead to; undefined when it cannot be read. */
  readonly mount: string | undefined;
  readonly hostMount: string | undefined;
}

export function readSurroundings(): Surroundings {
  const status = readFileSync("/proc/self/status", "utf8");
  return { status, mount: linkText("/proc/self/ns/mnt"), hostMount: linkText("/proc/1/ns/mnt") };
}

/** Why resident plugins that this daemon starts could serve nobody; undefined when they can. */
export function hindrance({ status, mount, hostMount }: Surroundings): string | undefined {
  const effective = /^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1];
  if (effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 0n) {
    return "lodend runs without CAP_SYS_ADMIN; let the service loden-cni.service keep them";
  }
  if (hostMount !== undefined && mount !== hostMount) {
    return "lodend has a mount namespace of its own; let the service loden-cni.service keep them";
  }
  return undefined;
}

function linkText(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
