// `loden-cni serve [--socket=path] [--until-eof]`: the plugins as a process that stays. lodend starts it, or a service
// manager does. Its helpers are `loden-cni serve --helper=locks`, with the listening socket as descriptor 3.
import type { ChildProcess } from "node:child_process";
import type { Sys } from "#kernel/sys";
import { pluginNamed } from "#plugins";
import { LodenError } from "#spec/errors";
import { PLUGIN_NAMES } from "#spec/plugin-names";
import { type End, Resident } from "./serve.ts";
import { listenAt } from "./socket.ts";

const DEFAULT_SOCKET = "/run/loden/cni.sock";
const USAGE = `usage: loden-cni serve [--socket=path] [--until-eof]
  --socket=path  where the CNI plugins find it (default ${DEFAULT_SOCKET}); theirs is LODEN_CNI_SOCKET
  --until-eof    end when standard input does
`;
/** Exit status: after the end that was asked for, a failure, and a mistake on the command line. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The descriptor after the three standard ones. */
const HELPER_LISTENER = 3;
/** How many serve a rush, with the first. */
const PROCESSES = 4;
/** How long a helper stays when the rush is over. */
const HELPER_IDLE_MS = 5_000;
/** How often ended helpers are looked after. */
const TENDING_MS = 1_000;

interface Arguments {
  readonly socket: string;
  readonly untilEof: boolean;
  /** The directory of locks, which makes this process a helper. */
  readonly helper?: string;
}

export async function runResident(sys: Sys, args: readonly string[]): Promise<number> {
  const tell = (text: string): void => void sys.write(2, new TextEncoder().encode(text));
  const options = readArguments(args);
  if (options === undefined) {
    tell(USAGE);
    return EXIT.usage;
  }
  // A supervisor that stops everything at once shall not cut a call in two: the end of standard input is what counts then.
  if (options.untilEof) for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  // The executable is set to compile late, for processes that live a few milliseconds.
  if (typeof Bun !== "undefined") Bun.unsafe.setJITPolicy(1);
  // Now, so that no call waits for it.
  for (const name of PLUGIN_NAMES) pluginNamed(name);
  try {
    if (options.helper === undefined) await lead(sys, options);
    else help(sys, options.helper, options.untilEof);
    return EXIT.ok;
  } catch (error) {
    tell(`${error instanceof LodenError ? error.message : ((error as Error).stack ?? String(error))}\n`);
    return EXIT.failed;
  }
}

/** The first process: has the socket, and starts helpers while clients queue up. */
async function lead(sys: Sys, { socket, untilEof }: Arguments): Promise<void> {
  const listener = listenAt(sys, socket);
  const helpers = new Set<ChildProcess>();
  const serving = { listener: listener.fd, locks: listener.locks, untilEof };
  const resident = new Resident(sys, serving, () => {
    // Twice as many, until there are enough: a rush is over soon.
    const wanted = Math.min(2 * (helpers.size + 1), PROCESSES) - 1;
    while (helpers.size < wanted) startHelper(helpers, serving);
  });
  sys.write(1, new TextEncoder().encode(`serving ${socket}\n`));
  try {
    let end: End | undefined;
    while ((end = resident.turn(helpers.size > 0 ? TENDING_MS : -1)) === undefined) {
      // The loop above leaves the runtime no time of its own, which it needs to notice helpers that have ended.
      if (helpers.size > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    if (end === "closed") throw new LodenError("ERR_SYSCALL", `the socket ${socket} does not work any more`);
  } finally {
    listener.close();
  }
}

function startHelper(
  helpers: Set<ChildProcess>,
  serving: { listener: number; locks: string; untilEof: boolean },
): void {
  const { spawn } = process.getBuiltinModule("node:child_process");
  const args = ["serve", `--helper=${serving.locks}`, ...(serving.untilEof ? ["--until-eof"] : [])];
  const helper = spawn(process.execPath, args, {
    stdio: ["inherit", "inherit", "inherit", serving.listener],
    cwd: "/",
  });
  helpers.add(helper);
  const forget = (): void => void helpers.delete(helper);
  helper.once("exit", forget).once("error", forget);
}

function help(sys: Sys, locks: string, untilEof: boolean): void {
  const options = { listener: HELPER_LISTENER, locks, untilEof, idleLimit: HELPER_IDLE_MS };
  const resident = new Resident(sys, options, () => undefined);
  while (resident.turn(-1) === undefined);
}

function readArguments(args: readonly string[]): Arguments | undefined {
  let options: Arguments = { socket: DEFAULT_SOCKET, untilEof: false };
  for (const arg of args) {
    if (arg.startsWith("--socket=")) options = { ...options, socket: arg.slice("--socket=".length) };
    else if (arg.startsWith("--helper=")) options = { ...options, helper: arg.slice("--helper=".length) };
    else if (arg === "--until-eof") options = { ...options, untilEof: true };
    else return undefined;
  }
  return options;
}
