// What a running process costs: memory and processor time, from proc(5).
import { readdirSync, readFileSync } from "node:fs";

export interface Memory {
  /** Bytes in memory now (VmRSS), and the most there ever were (VmHWM). */
  readonly now: number;
  readonly peak: number;
  /** Of `now`: the process's own (RssAnon), and pages of files that it has mapped (RssFile), which others may share. */
  readonly anonymous: number;
  readonly file: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
  return { now: field("VmRSS"), peak: field("VmHWM"), anonymous: field("RssAnon"), file: field("RssFile") };
}

/** Milliseconds that the process's threads have run so far, user and system (/proc/…/schedstat, nanoseconds). */
export function cpuOf(pid: number): number {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // The thread has just ended.
    }
  }
  return total / 1e6;
}
