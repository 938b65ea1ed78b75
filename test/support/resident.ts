// The resident CNI plugins as lodend starts them, in the network namespace the caller is in.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export interface StartedResident extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly socket: string;
  /** What makes plugins call it. */
  readonly variables: { readonly LODEN_CNI_SOCKET: string };
  /** All it has said on standard error. */
  complaints(): string;
  /** Ends as it does when lodend goes; gives its exit status. */
  stop(): Promise<number | null>;
  /** Milliseconds of processor time so far, of all its threads and those of its helpers. */
  cpu(): number;
  /** Bytes of memory that are its own. */
  memory(): number;
}

/** Plugins that ask no resident. */
export const STAND_ALONE = { LODEN_CNI_SOCKET: "" } as const;

/** Starts `loden-cni serve` of a directory of plugins; resolves once it serves. */
export async function startResident(directory: string, socket: string): Promise<StartedResident> {
  const args = ["serve", `--socket=${socket}`, "--until-eof"];
  const child = spawn(path.join(directory, "loden-cni"), args, { env: { PATH: process.env["PATH"] }, cwd: "/" });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const serving = once(child.stdout, "data");
  await Promise.race([serving, exited]);
  if (child.exitCode !== null) throw new Error(`the resident ended with status ${child.exitCode}: ${said}`);
  const pid = child.pid!;
  /** By process, those that have ended included. */
  const spent = new Map<number, number>();
  const stop = (): Promise<number | null> => {
    child.stdin.end();
    return exited;
  };
  return {
    process: child,
    pid,
    socket,
    variables: { LODEN_CNI_SOCKET: socket },
    complaints: () => said,
    stop,
    cpu() {
      for (const each of [pid, ...helpersOf(pid)]) spent.set(each, processorTime(each) ?? spent.get(each) ?? 0);
      return [...spent.values()].reduce((sum, time) => sum + time, 0);
    },
    memory: () => Number(/^Pss_Anon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]) * 1024,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

/** Processes that it started for a rush. */
export function helpersOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

function processorTime(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]) / 1e6)
      .reduce((sum, time) => sum + time, 0);
  } catch {
    return undefined; // it has ended
  }
}
