// What `npm run bench -- datapath` can compare: backends of a daemon by their network configuration, and the same topology
// made by hand, which each is held against. A backend more is an entry more.
import type { Metric } from "./measure.ts";

/** How two hosts are joined without any daemon. */
export type ByHand = "vxlan" | "vxlan with masquerade" | "routing";

export interface BackendEntry {
  /** The configuration's Backend. */
  readonly backend: Readonly<Record<string, unknown>>;
  /** What its figures are divided by. */
  readonly against: ByHand;
  /** Least ratios that are asked of it; where less is better, of the inverse. */
  readonly bars?: Partial<Readonly<Record<Metric, number>>>;
  /** flags of lodend besides. */
  readonly flags?: readonly string[];
}

const ALL = [
  "TCP, 1 stream",
  "TCP, 8 streams",
  "UDP, full packets",
  "UDP, 64 bytes",
  "round trip",
] as const satisfies Metric[];

/** The same bar for all of what pods see. */
function throughout(bar: number): NonNullable<BackendEntry["bars"]> {
  return Object.fromEntries(ALL.map((metric) => [metric, bar]));
}

/** Ten times flannel's udp, which reaches 0.018 of plain routing; and at most 1.3 times the round trip of plain routing. */
const KERNEL_BARS = { "TCP, 1 stream": 0.18, "round trip": 1 / 1.3 } as const;
const USERSPACE = { Type: "udp", Datapath: "userspace" };

export const BACKENDS: Readonly<Record<string, BackendEntry>> = {
  vxlan: { backend: { Type: "vxlan" }, against: "vxlan", bars: throughout(0.98) },
  /** Both track connections, which costs more than all else. */
  "vxlan-masquerade": {
    backend: { Type: "vxlan" },
    against: "vxlan with masquerade",
    bars: throughout(0.98),
    flags: ["--ip-masq"],
  },
  /** What the source filter costs: the by-hand topology has none. */
  "vxlan-bare": {
    backend: { Type: "vxlan" },
    against: "vxlan",
    bars: throughout(0.98),
    flags: ["--source-filter=false"],
  },
  "udp-kernel": { backend: { Type: "udp", Datapath: "kernel" }, against: "routing", bars: KERNEL_BARS },
  "udp-kernel-bare": {
    backend: { Type: "udp", Datapath: "kernel" },
    against: "routing",
    bars: KERNEL_BARS,
    flags: ["--source-filter=false"],
  },
  /** One and a half times flannel's udp. */
  "udp-userspace": { backend: USERSPACE, against: "routing", bars: { "TCP, 1 stream": 0.027 } },
  /** What each step adds: one packet a system call, many, trains out, trains in. */
  "udp-userspace-none": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=none"] },
  "udp-userspace-batch": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=batch"] },
  "udp-userspace-segment": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=batch,segment"] },
  "udp-userspace-receive": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=batch,segment,receive"] },
  "host-gw": { backend: { Type: "host-gw" }, against: "routing", bars: throughout(0.98) },
};
