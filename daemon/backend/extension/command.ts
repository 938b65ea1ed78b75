// Runs one of the user's commands as flannel's documentation says: the text is a program for `sh`, with the rights of the
// daemon. No text of ours ever goes into it; what it is to know stands in its environment and standard input.
import { spawn } from "node:child_process";
import { errorText, LodenError } from "#spec/errors";

export interface Command {
  /** The option it stands in, for errors. */
  readonly name: string;
  readonly text: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Without a newline at its end: one is added. */
  readonly input: string;
}

/** Resolves to what it printed on standard output and error. Rejects with ERR_BACKEND that says how it failed. */
export type RunCommand = (command: Command, signal: AbortSignal) => Promise<CommandOutput>;

export interface CommandOutput {
  /** Without white space at either end. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than any sane set-up of a device, shorter than people wait for a node. */
const TIMEOUT_MS = 60_000;

/** What runs when the daemon is stopped has this long to end. */
const GRACE_MS = 3_000;

/** Bytes of output that are kept of each stream: a lease that carries it must stay small. */
const OUTPUT_LIMIT = 16 << 10;

/** Output behind the end of the command itself is waited for this long: it may have left something running. */
const TRAIL_MS = 500;

/** Characters of output in an error or a log line. */
const SHOWN = 1_000;

/** Variables of this daemon's own, which may hold the store's password. */
const OWN_VARIABLE = /^(?:LODEN|FLANNELD)_/;

export const runShell: RunCommand = async (command, signal) => {
  const { promise, resolve, reject } = Promise.withResolvers<CommandOutput>();
  // A group of its own: what a shell started is ended with it.
  const child = spawn("sh", ["-c", command.text], {
    env: { ...inherited(), ...command.environment },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const output = (): CommandOutput => ({ stdout: stdout().trim(), stderr: stderr().trim() });
  const end = (reason: string): void => {
    killGroup(child.pid);
    reject(failure(command, reason, output()));
  };
  const timer = setTimeout(() => end(`it has not ended within ${TIMEOUT_MS / 1_000} s and was killed`), TIMEOUT_MS);
  // What is half done helps nobody: it may come to its end.
  let grace: NodeJS.Timeout | undefined;
  const onAbort = (): void => void (grace = setTimeout(() => end("the daemon stops"), GRACE_MS));
  signal.addEventListener("abort", onAbort, { once: true });
  let trail: NodeJS.Timeout | undefined;
  const settle = (code: number | null, killed: NodeJS.Signals | null): void => {
    if (code === 0) resolve(output());
    else
      reject(
        failure(command, killed === null ? `it ended with status ${code ?? "none"}` : `${killed} ended it`, output()),
      );
  };
  child.once("error", (error) => reject(failure(command, `sh cannot be started: ${errorText(error)}`, output())));
  child.once("exit", (code, killed) => (trail = setTimeout(() => settle(code, killed), TRAIL_MS)));
  child.once("close", settle);
  // A command need not read its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${command.input}\n`);
  if (signal.aborted) onAbort();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    clearTimeout(trail);
    signal.removeEventListener("abort", onAbort);
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
  }
};

/** Output for a log line, on one line. */
export function shownOutput({ stdout, stderr }: CommandOutput): string {
  const text = [stdout, stderr]
    .filter((part) => part !== "")
    .join(" | ")
    .replaceAll(/\s+/g, " ");
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN_VARIABLE.test(name)));
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    // The rest is read all the same, so that the command does not stand still.
    if (size >= OUTPUT_LIMIT) return;
    chunks.push(chunk.subarray(0, OUTPUT_LIMIT - size));
    size += chunk.length;
  });
  stream.on("error", () => undefined);
  return () => Buffer.concat(chunks).toString("utf8");
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}

function failure({ name, environment }: Command, reason: string, output: CommandOutput): LodenError {
  const subnet = environment["SUBNET"] ?? "";
  const shown = shownOutput(output);
  return new LodenError(
    "ERR_BACKEND",
    `Backend.${name} failed${subnet === "" ? "" : ` for ${subnet}`}: ${reason}${shown === "" ? "" : `; it said: ${shown}`}`,
    { fields: { command: name, ...(subnet === "" ? {} : { subnet }) } },
  );
}
