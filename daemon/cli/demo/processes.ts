// The demo's child processes: started in the namespace of a host, their output kept in a file, ended with the demo
// however the demo itself ends.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { LodenError } from "#spec/errors";

export interface Managed {
  readonly name: string;
  readonly pid: number;
  /** Rejects when the process ends before it was told to. */
  readonly ended: Promise<never>;
  /** The exit status, null after a signal. */
  readonly exited: Promise<number | null>;
  /** SIGTERM, and SIGKILL for what has not ended after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

export interface StartOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: Record<string, string>;
}

const STOP_GRACE_MS = 5000; // lodend and the stores stop within a fraction of a second; this is for a hung one

/**
 * Starts a program that dies with this process, kill -9 included: setpriv asks the kernel for SIGKILL on the parent's
 * death (PR_SET_PDEATHSIG, prctl(2)) and then becomes the program. Runs where it is called: call it inside withNetns.
 */
export function start(options: StartOptions): Managed {
  const log = openSync(options.logFile, "a", 0o600);
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", options.command, ...options.args], {
    stdio: ["ignore", log, log],
    env: { ...process.env, ...options.env },
    detached: true, // Ctrl-C in the terminal is for the demo alone, which then stops the others in order
  });
  closeSync(log);
  return manage(options, child);
}

function manage(options: StartOptions, child: ChildProcess): Managed {
  let isStopping = false;
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const ended = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new LodenError("ERR_MISSING_TOOL", `${options.name}: ${error.message}`)));
    child.once("exit", (code, signal) => {
      if (isStopping) return;
      const how = signal ?? `status ${code ?? "none"}`;
      const text = `${options.name} ended with ${how}. Its last words:\n${tail(options.logFile)}`;
      reject(new LodenError("ERR_INTERNAL", text));
    });
  });
  ended.catch(() => undefined); // whoever waits for it hears of it; nobody need
  return {
    name: options.name,
    pid: child.pid ?? -1,
    ended,
    exited,
    async stop(graceMs = STOP_GRACE_MS) {
      isStopping = true;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** The last lines of a log, for an error message. */
export function tail(file: string, lines = 8): string {
  try {
    return readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .slice(-lines)
      .map((line) => `  ${line}`)
      .join("\n");
  } catch {
    return "  (nothing)";
  }
}
