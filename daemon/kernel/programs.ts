// Running another program and waiting for it (posix_spawn(3), wait(2)), for what the CNI executables share. One place, so
// that a process which must start none can say so.
import type { SpawnSyncOptions, SpawnSyncReturns } from "node:child_process";

let refuse: ((file: string) => never) | undefined;

/** From here on this process starts no programs: what asks for one gets what `refusal` throws. */
export function refusePrograms(refusal: (file: string) => never): void {
  refuse = refusal;
}

/**
 * As spawnSync of node:child_process, with text. That a program has ended before it read all of its input (EPIPE, of which
 * Node tells and Bun does not, and which depends on who was faster) is no error: its status and words tell how it went.
 */
export function runProgram(file: string, args: readonly string[], options: SpawnSyncOptions): SpawnSyncReturns<string> {
  refuse?.(file);
  // Loaded here alone: most invocations start no process, and the module costs a start of a CNI executable a millisecond.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { error, ...result } = spawnSync(file, args, { ...options, encoding: "utf8" });
  const failed: NodeJS.ErrnoException | undefined = error;
  return failed === undefined || failed.code === "EPIPE" ? result : { ...result, error: failed };
}
