// The daemon's flags, those of the reference daemon: `-name value`, `-name=value`, one dash or two (Go's flag package).
import { DEFAULT_SOCKET } from "./config.ts";
import type { Patience } from "./lease.ts";

export interface DaemonFlags {
  /** Where the process id is written. */
  readonly pidFile: string | undefined;
  /** In front of every namespace's path, for a daemon that sees the host's files elsewhere. */
  readonly hostPrefix: string;
  readonly socket: string;
  readonly patience: Patience;
}

export const USAGE = `usage: dhcp daemon [flags]
  -pidfile path            write the process id there
  -hostprefix path         put this in front of the path of every network namespace
  -socketpath path         listen there (default ${DEFAULT_SOCKET})
  -broadcast               ask servers to broadcast their answers
  -timeout duration        wait so long for an answer before asking again (default 10s)
  -resendmax duration      the longest pause between two tries (default 62s)
  -resendtimeout duration  give up after so long (default 208s)
`;

/** Go's time.ParseDuration, as far as anybody writes it. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const TRUE: readonly string[] = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE: readonly string[] = ["0", "f", "F", "false", "FALSE", "False"];

/** Milliseconds; undefined for what is no duration. */
function duration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0);
}

/** The flags, or what is wrong with them as text. */
export function readFlags(args: readonly string[]): DaemonFlags | string {
  const values = new Map([
    ["pidfile", ""],
    ["hostprefix", ""],
    ["socketpath", DEFAULT_SOCKET],
    ["broadcast", "false"],
    ["timeout", "10s"],
    ["resendmax", "62s"],
    ["resendtimeout", "208s"],
  ]);
  for (let at = 0; at < args.length; at++) {
    const match = /^--?([a-z]+)(?:=(.*))?$/s.exec(args[at]!);
    const name = match?.[1] ?? "";
    if (!values.has(name)) return `flag provided but not defined: ${args[at]!}`;
    let value = match?.[2];
    if (value === undefined && name === "broadcast") value = "true";
    value ??= args[++at];
    if (value === undefined) return `flag needs an argument: -${name}`;
    values.set(name, value);
  }
  const broadcast = values.get("broadcast")!;
  if (![...TRUE, ...FALSE].includes(broadcast))
    return `invalid value ${JSON.stringify(broadcast)} for flag -broadcast: true or false`;
  const durations: number[] = [];
  for (const name of ["timeout", "resendmax", "resendtimeout"]) {
    const milliseconds = duration(values.get(name)!);
    if (milliseconds === undefined)
      return `invalid value ${JSON.stringify(values.get(name))} for flag -${name}: a duration such as 10s`;
    durations.push(milliseconds);
  }
  const [answerTimeout = 0, resendMax = 0, resendTimeout = 0] = durations;
  const socket = values.get("socketpath")!;
  if (!socket.startsWith("/")) return `invalid value ${JSON.stringify(socket)} for flag -socketpath: an absolute path`;
  return {
    pidFile: values.get("pidfile") || undefined,
    hostPrefix: values.get("hostprefix")!,
    socket,
    patience: { answerTimeout, resendMax, resendTimeout, broadcast: TRUE.includes(broadcast) },
  };
}
