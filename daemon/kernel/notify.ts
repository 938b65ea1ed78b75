// The service notification protocol of sd_notify(3): one datagram of assignments to the socket the service manager
// names in NOTIFY_SOCKET. Hand-made, as Node has no datagram sockets of the Unix family.
import { LodenError, errorText } from "#spec/errors";
import { orThrow } from "./sys.ts";
import type { Sys } from "./sys.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
/** sizeof(sun_path); a path needs room for its NUL, an abstract name does not. */
const PATH_MAX = 108;

/** What a service manager may be told; each is one line of the datagram. */
export interface Notification {
  /** The service is up (`READY=1`). */
  readonly ready?: boolean;
  /** The service is on its way down (`STOPPING=1`). */
  readonly stopping?: boolean;
  /** One line for people, in `systemctl status`. */
  readonly status?: string;
  /** Sign of life (`WATCHDOG=1`). */
  readonly watchdog?: boolean;
  /** Asks for so many more microseconds to start or stop. */
  readonly extendTimeoutMicroseconds?: number;
}

export interface ServiceManager {
  /** How often a sign of life is due, in milliseconds: half of what the manager allows. Undefined: not at all. */
  readonly watchdogInterval: number | undefined;
  /** Tells the manager; an error if it cannot be reached, which is for the log and never a reason to stop. */
  notify(notification: Notification): Error | undefined;
}

/**
 * The service manager that the environment names (NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID), or one that takes
 * everything and does nothing.
 */
export function serviceManager(
  sys: Sys,
  env: Readonly<Record<string, string | undefined>>,
  pid: number = process.pid,
): ServiceManager {
  const socketName = env["NOTIFY_SOCKET"];
  if (socketName === undefined || socketName === "") {
    return { watchdogInterval: undefined, notify: () => undefined };
  }
  return {
    watchdogInterval: watchdogInterval(env, pid),
    notify(notification) {
      try {
        send(sys, unixAddress(socketName), notificationText(notification));
        return undefined;
      } catch (error) {
        const text = `the service manager at NOTIFY_SOCKET=${socketName} cannot be told: ${errorText(error)}`;
        return new LodenError("ERR_SYSCALL", text, { cause: error });
      }
    },
  };
}

/** The lines of a notification. A status keeps to one line, as a newline would begin another assignment. */
export function notificationText(notification: Notification): string {
  const lines = [
    ...(notification.ready === true ? ["READY=1"] : []),
    ...(notification.stopping === true ? ["STOPPING=1"] : []),
    ...(notification.status === undefined ? [] : [`STATUS=${notification.status.replaceAll(/\s+/g, " ")}`]),
    ...(notification.watchdog === true ? ["WATCHDOG=1"] : []),
    ...(notification.extendTimeoutMicroseconds === undefined
      ? []
      : [`EXTEND_TIMEOUT_USEC=${Math.round(notification.extendTimeoutMicroseconds)}`]),
  ];
  return lines.join("\n");
}

/**
 * struct sockaddr_un: u16 family, then the path, or a NUL and a name in the abstract space, written with an `@`.
 * @throws LodenError ERR_CONFIG for a name that fits neither
 */
export function unixAddress(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  const isAbstract = name.startsWith("@");
  const length = isAbstract ? bytes.length : bytes.length + 1;
  if (!(isAbstract || name.startsWith("/")) || bytes.includes(0) || bytes.length < 2 || length > PATH_MAX) {
    throw new LodenError(
      "ERR_CONFIG",
      `${JSON.stringify(name)} is no Unix socket: it must be an absolute path or @name of at most ${PATH_MAX - 1} bytes`,
    );
  }
  const address = new Uint8Array(2 + length);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

function send(sys: Sys, address: Uint8Array, text: string): void {
  const fd = sys.socket(AF_UNIX, SOCK_DGRAM, 0);
  try {
    const data = new TextEncoder().encode(text);
    orThrow(sys.sendTo(fd, data, MSG_NOSIGNAL | MSG_DONTWAIT, address), "sendto");
  } finally {
    sys.close(fd);
  }
}

function watchdogInterval(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const forPid = env["WATCHDOG_PID"];
  const microseconds = Number(env["WATCHDOG_USEC"]);
  if ((forPid !== undefined && Number(forPid) !== pid) || !(microseconds > 0)) return undefined;
  return microseconds / 1000 / 2;
}
