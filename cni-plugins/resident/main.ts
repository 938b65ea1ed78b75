// `loden-cni serve [--socket=path] [--until-eof]`: the plugins as a process that stays. lodend starts it, or a service
// manager does.
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import { serveResident, type ResidentOptions } from "./serve.ts";

const DEFAULT_SOCKET = "/run/loden/cni.sock";
const USAGE = `usage: loden-cni serve [--socket=path] [--until-eof]
  --socket=path  where the CNI plugins find it (default ${DEFAULT_SOCKET}); theirs is LODEN_CNI_SOCKET
  --until-eof    end when standard input does
`;

/** Exit status: after the end that was asked for, a failure, and a mistake on the command line. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

export function runResident(sys: Sys, args: readonly string[]): number {
  const tell = (text: string): void => void sys.write(2, new TextEncoder().encode(text));
  const options = readOptions(args);
  if (options === undefined) {
    tell(USAGE);
    return EXIT.usage;
  }
  // A supervisor that stops everything at once shall not cut a call in two: the end of standard input is what counts then.
  if (options.untilEof) for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  // The executable is set to compile late, for processes that live a few milliseconds.
  if (typeof Bun !== "undefined") Bun.unsafe.setJITPolicy(1);
  try {
    serveResident(sys, options);
    return EXIT.ok;
  } catch (error) {
    tell(`${error instanceof LodenError ? error.message : ((error as Error).stack ?? String(error))}\n`);
    return EXIT.failed;
  }
}

function readOptions(args: readonly string[]): ResidentOptions | undefined {
  let socket = DEFAULT_SOCKET;
  let untilEof = false;
  for (const arg of args) {
    if (arg.startsWith("--socket=")) socket = arg.slice("--socket=".length);
    else if (arg === "--until-eof") untilEof = true;
    else return undefined;
  }
  return { socket, untilEof };
}
