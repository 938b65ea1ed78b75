// What `npm run bench -- datapath` can compare: backends of a daemon by their network configuration, and the same topology
// made by hand, which each is held against. A backend more is an entry more.

/** How two hosts are joined without any daemon. */
export type ByHand = "vxlan" | "routing";

export interface BackendEntry {
  /** The configuration's Backend. */
  readonly backend: Readonly<Record<string, unknown>>;
  /** What its figures are divided by. */
  readonly against: ByHand;
  /** Least ratio of TCP throughput that is asked of it, where there is one. */
  readonly bar?: number;
  /** flags of lodend besides. */
  readonly flags?: readonly string[];
}

const USERSPACE = { Type: "udp", Datapath: "userspace" };

export const BACKENDS: Readonly<Record<string, BackendEntry>> = {
  vxlan: { backend: { Type: "vxlan" }, against: "vxlan", bar: 0.98 },
  /** What the source filter and the forward rules cost: the by-hand topology has neither. */
  "vxlan-bare": {
    backend: { Type: "vxlan" },
    against: "vxlan",
    bar: 0.98,
    flags: ["--source-filter=false", "--iptables-forward-rules=false"],
  },
  /** Ten times flannel's udp, which reaches 0.018 of plain routing. */
  "udp-kernel": { backend: { Type: "udp", Datapath: "kernel" }, against: "routing", bar: 0.18 },
  "udp-kernel-bare": {
    backend: { Type: "udp", Datapath: "kernel" },
    against: "routing",
    bar: 0.18,
    flags: ["--source-filter=false", "--iptables-forward-rules=false"],
  },
  /** One and a half times flannel's udp. */
  "udp-userspace": { backend: USERSPACE, against: "routing", bar: 0.027 },
  /** What each step adds: one packet a system call, many, trains out, trains in. */
  "udp-userspace-none": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=none"] },
  "udp-userspace-batch": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=batch"] },
  "udp-userspace-segment": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=batch,segment"] },
  "udp-userspace-receive": { backend: USERSPACE, against: "routing", flags: ["--udp-offloads=batch,segment,receive"] },
  "host-gw": { backend: { Type: "host-gw" }, against: "routing", bar: 0.98 },
};
