// Kernel parameters through /proc/sys (proc_sys(5), sysctl(8)). Those below net/ are those of the calling thread's network
// namespace, as the files are opened on this thread.
import { sys } from "#sys";
import { LodenError, errorText } from "#spec/errors";
import { readText, writeText } from "./files.ts";
import { Errno } from "./sys.ts";

const ROOT = "/proc/sys/";

/**
 * The path below /proc/sys of a parameter in either spelling of sysctl(8). The first separator decides which it is:
 * `net.ipv4.conf.eth0/100.forwarding` and `net/ipv4/conf/eth0.100/forwarding` are one.
 * @throws LodenError ERR_CONFIG for a name that would lead elsewhere
 */
export function sysctlPath(name: string): string {
  const [dot, slash] = [name.indexOf("."), name.indexOf("/")];
  const isDotted = dot >= 0 && (slash < 0 || dot < slash);
  const path = isDotted ? name.replaceAll(/[./]/g, (separator) => (separator === "." ? "/" : ".")) : name;
  const enclosed = `/${path}/`;
  const isPlain = !enclosed.includes("//") && !enclosed.includes("/./") && !enclosed.includes("/../");
  if ((dot < 0 && slash < 0) || !isPlain || path.includes("\0")) {
    throw new LodenError(
      "ERR_CONFIG",
      `${JSON.stringify(name)} is not the name of a sysctl, like net.ipv4.ip_forward`,
      {
        fields: { sysctl: name },
      },
    );
  }
  return path;
}

/** The value without its last newline; undefined when the kernel has no such parameter (or its module is not loaded). */
export function readSysctl(name: string): string | undefined {
  const path = sysctlPath(name);
  try {
    return readText(sys, ROOT + path)?.trimEnd();
  } catch (error) {
    throw sysctlError(path, "read", error);
  }
}

/** @throws LodenError ERR_PRIVILEGE when it is read-only here, ERR_SYSCALL when it is absent or takes no such value */
export function writeSysctl(name: string, value: string): void {
  const path = sysctlPath(name);
  try {
    // Not created: /proc/sys would answer EACCES, and the user be told of permissions.
    writeText(sys, ROOT + path, value, "existing");
  } catch (error) {
    throw sysctlError(path, `set to ${JSON.stringify(value)}`, error);
  }
}

function sysctlError(path: string, what: string, cause: unknown): LodenError {
  const code = cause instanceof Errno ? cause.symbol : undefined;
  const options = { cause, fields: { sysctl: path } };
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    const hint = "run as root; in a container, /proc/sys must be writable";
    return new LodenError("ERR_PRIVILEGE", `the sysctl ${path} cannot be ${what}: ${hint}`, options);
  }
  const hint =
    code === "ENOENT"
      ? "the kernel has no such parameter, or its module is not loaded"
      : code === "EINVAL"
        ? "the kernel does not take this value"
        : errorText(cause);
  return new LodenError("ERR_SYSCALL", `the sysctl ${path} cannot be ${what}: ${hint}`, options);
}
