// The figures of one pair of pods: iperf3 over TCP and UDP, and ping.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { ThrowAwayNetns } from "../../support/netns.ts";
import { startProcess } from "../../support/processes.ts";
import type { Pair } from "./pair.ts";

const PORT = "5201";
/** Bytes in each packet of the count of packets, and echo requests of one round trip's figure. */
const SMALL = "64";
const PINGS = "30000";

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

/** One measurement, which may give several figures. */
export type Step = (pair: Pair, seconds: number) => Promise<Partial<Figures>>;

/** All figures come from these; contenders take turns at each, so that what they are held against is seconds away. */
export const STEPS: readonly Step[] = [
  async (pair, seconds) => {
    const before = busyMs();
    const report = await iperf(pair, seconds);
    const cpu = busyMs() - before;
    return {
      "TCP, 1 stream": received(report),
      "CPU a gigabit": cpu / (((report.end.sum_received?.bytes ?? NaN) * 8) / 1e9),
    };
  },
  async (pair, seconds) => ({ "TCP, 8 streams": received(await iperf(pair, seconds, "-P", "8")) }),
  async (pair, seconds) => {
    const { bits } = arrived(await iperf(pair, seconds, "-u", "-b", "0", "-l", "1400"));
    return { "UDP, full packets": bits / 1e9 };
  },
  async (pair, seconds) => {
    const { packets } = arrived(await iperf(pair, seconds, "-u", "-b", "0", "-l", SMALL));
    return { "UDP, 64 bytes": packets / 1e3 };
  },
  async ({ sides: [a, b] }) => Promise.resolve({ "round trip": roundTrip(a.pod, `${b.subnet}.2`) }),
];

function received({ end }: IperfReport): number {
  return (end.sum_received?.bits_per_second ?? NaN) / 1e9;
}

/** A second, of what did not get lost. */
function arrived({ end: { sum } }: IperfReport): { bits: number; packets: number } {
  if (sum === undefined) return { bits: NaN, packets: NaN };
  const share = 1 - sum.lost_packets / sum.packets;
  return { bits: sum.bits_per_second * share, packets: (sum.packets * share) / sum.seconds };
}

async function iperf({ sides: [a, b] }: Pair, seconds: number, ...args: readonly string[]): Promise<IperfReport> {
  const server = b.pod.run(() => startProcess("iperf3", ["-s", "-1", "-p", PORT, "--forceflush"]));
  await server.printed(/Server listening/);
  const client = a.pod.run(() =>
    startProcess("iperf3", ["-c", `${b.subnet}.2`, "-p", PORT, "-t", `${seconds}`, "-O", "0", "-J", ...args]),
  );
  const { stdout, stderr, status } = await client.finished;
  await server.finished;
  if (status !== 0) throw new Error(`iperf3 ${args.join(" ")} failed: ${stdout}${stderr}`);
  return JSON.parse(stdout) as IperfReport;
}

/** Microseconds from one echo request to the next, which ping -f sends when it has the answer. */
function roundTrip(from: ThrowAwayNetns, address: string): number {
  const text = from.run(() => execFileSync("ping", ["-n", "-q", "-f", "-c", PINGS, address], { encoding: "utf8" }));
  return (Number(/time (\d+)ms/.exec(text)?.[1]) * 1e3) / Number(PINGS);
}

/** Milliseconds of processor time of the whole machine that were not idle (proc(5), ticks of 10 ms). */
function busyMs(): number {
  const [, ...fields] = readFileSync("/proc/stat", "utf8").split("\n")[0]!.trim().split(/\s+/).map(Number);
  const [user, nice, system, , , irq, softirq] = fields as [number, number, number, number, number, number, number];
  return (user + nice + system + irq + softirq) * 10;
}
