// Processor time of child processes that were waited for: getrusage(2), which Node gives for itself alone.
import koffi from "koffi";

const RUSAGE_CHILDREN = -1;
/** sizeof(struct rusage) on 64-bit Linux; it begins with user and system time, each seconds and microseconds. */
const RUSAGE_SIZE = 144;

const getrusage = koffi.load("libc.so.6").func("getrusage", "int", ["int", "void *"]) as (
  who: number,
  usage: Uint8Array,
) => number;

/** Milliseconds, user and system, of all children so far. */
export function childrenCpu(): number {
  const usage = new BigInt64Array(RUSAGE_SIZE / 8);
  if (getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer)) !== 0) throw new Error("getrusage failed");
  const [userS, userUs, systemS, systemUs] = [...usage].map(Number) as [number, number, number, number];
  return (userS + systemS) * 1000 + (userUs + systemUs) / 1000;
}
