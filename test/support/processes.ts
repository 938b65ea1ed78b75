// Child processes of tests: they die with the test, kill -9 included (setpriv --pdeathsig), and are awaited by events.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  /** What has been printed so far. */
  readonly output: { stdout: string; stderr: string };
  readonly finished: Promise<Finished>;
  /** Resolves once standard output or error matches; rejects with all output when the process ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts a program that lives no longer than this test process. */
export function startProcess(command: string, args: readonly string[], options: SpawnOptions = {}): Started {
  const child = spawn("/usr/bin/setpriv", ["--pdeathsig", "KILL", "--", command, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  const output = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      for (const listener of listeners) listener();
    });
  }
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ status, signal, ...output }));
  });
  return {
    child,
    output,
    finished,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr);
          if (match === null) return;
          listeners.delete(check);
          resolve(match);
        };
        listeners.add(check);
        finished.then(
          () => reject(new Error(`ended without printing ${pattern}:\n${output.stdout}\n${output.stderr}`)),
          reject,
        );
        check();
      }),
  };
}

export function runProcess(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  return startProcess(command, args, options).finished;
}
