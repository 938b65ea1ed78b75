// The figures of one pair of pods: iperf3 over TCP and UDP, and ping.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { ThrowAwayNetns } from "../../support/netns.ts";
import { startProcess } from "../../support/processes.ts";
import type { Pair } from "./pair.ts";

const PORT = "5201";
/** Bytes in each packet of the count of packets, and echo requests of one round trip's figure. */
const SMALL = "64";
const PINGS = "2000";

/** Names with the unit; `less` is better for some. */
export const METRICS = {
  "TCP, 1 stream": { unit: "Gbit/s", isLessBetter: false },
  "TCP, 8 streams": { unit: "Gbit/s", isLessBetter: false },
  "UDP, full packets": { unit: "Gbit/s", isLessBetter: false },
  "UDP, 64 bytes": { unit: "kpackets/s", isLessBetter: false },
  "round trip": { unit: "µs", isLessBetter: true },
  "CPU a gigabit": { unit: "ms", isLessBetter: true },
} as const;

export type Metric = keyof typeof METRICS;
export type Figures = Readonly<Record<Metric, number>>;

interface IperfReport {
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number; readonly bytes: number };
    readonly sum?: {
      readonly bits_per_second: number;
      readonly packets: number;
      readonly lost_packets: number;
      readonly seconds: number;
    };
  };
}

export async function measure({ sides: [a, b] }: Pair, seconds: number): Promise<Figures> {
  const target = `${b.subnet}.2`;
  const run = (...args: readonly string[]): Promise<IperfReport> => iperf(a.pod, b.pod, target, seconds, args);
  const before = busyMs();
  const one = await run();
  const cpu = busyMs() - before;
  const eight = await run("-P", "8");
  const full = await run("-u", "-b", "0", "-l", "1400");
  const small = await run("-u", "-b", "0", "-l", SMALL);
  const bits = (report: IperfReport): number => (report.end.sum_received?.bits_per_second ?? NaN) / 1e9;
  const { sum: packets } = small.end;
  const delivered = packets === undefined ? NaN : (packets.packets - packets.lost_packets) / packets.seconds / 1e3;
  return {
    "TCP, 1 stream": bits(one),
    "TCP, 8 streams": bits(eight),
    "UDP, full packets": udpBits(full),
    "UDP, 64 bytes": delivered,
    "round trip": roundTrip(a.pod, target),
    "CPU a gigabit": cpu / (((one.end.sum_received?.bytes ?? NaN) * 8) / 1e9),
  };
}

/** What arrived. */
function udpBits({ end: { sum } }: IperfReport): number {
  return sum === undefined ? NaN : (sum.bits_per_second * (1 - sum.lost_packets / sum.packets)) / 1e9;
}

async function iperf(
  from: ThrowAwayNetns,
  to: ThrowAwayNetns,
  address: string,
  seconds: number,
  args: readonly string[],
): Promise<IperfReport> {
  const server = to.run(() => startProcess("iperf3", ["-s", "-1", "-p", PORT, "--forceflush"]));
  await server.printed(/Server listening/);
  const client = from.run(() =>
    startProcess("iperf3", ["-c", address, "-p", PORT, "-t", `${seconds}`, "-O", "0", "-J", ...args]),
  );
  const { stdout, stderr, status } = await client.finished;
  await server.finished;
  if (status !== 0) throw new Error(`iperf3 ${args.join(" ")} failed: ${stdout}${stderr}`);
  return JSON.parse(stdout) as IperfReport;
}

/** Microseconds, on average. */
function roundTrip(from: ThrowAwayNetns, address: string): number {
  const text = from.run(() => execFileSync("ping", ["-n", "-q", "-f", "-c", PINGS, address], { encoding: "utf8" }));
  return Number(/= [\d.]+\/([\d.]+)\//.exec(text)?.[1]) * 1e3;
}

/** Milliseconds of processor time of the whole machine that were not idle (proc(5), ticks of 10 ms). */
function busyMs(): number {
  const [, ...fields] = readFileSync("/proc/stat", "utf8").split("\n")[0]!.trim().split(/\s+/).map(Number);
  const [user, nice, system, , , irq, softirq] = fields as [number, number, number, number, number, number, number];
  return (user + nice + system + irq + softirq) * 10;
}
