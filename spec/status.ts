// The status document: what one daemon says about itself, in `loden.json` beside the subnet file and under /status of
// the health server. Readers: `loden status`, the CNI plugins' STATUS, operators. Described in
// spec/status-file.md.
import type { ErrorCode } from "./errors.ts";

/** Raised when a field changes its meaning; new fields alone do not raise it. */
export const STATUS_FORMAT = 1;

/** The files of the daemon that writes a subnet file: its status document, and the lock it holds while it lives. */
export interface StatusPaths {
  readonly status: string;
  readonly lock: string;
  /** Where a running daemon tells of the kernel (state-document.md). */
  readonly socket: string;
}

/**
 * `loden.json` and `loden.lock` beside `subnet.env`. Subnet files of other names have their own name in front, so that
 * several daemons (one per network) can share a directory: `vxlan.env.loden.json`.
 */
export function statusPaths(subnetFile: string): StatusPaths {
  const slash = subnetFile.lastIndexOf("/") + 1;
  const name = subnetFile.slice(slash);
  const stem = subnetFile.slice(0, slash) + (name === "subnet.env" ? "loden" : `${name}.loden`);
  return { status: `${stem}.json`, lock: `${stem}.lock`, socket: `${stem}.sock` };
}

/** Where the daemon is on its way; see spec/status-file.md for what each one waits for. */
export const PHASES = [
  "starting",
  "config",
  "interface",
  "backend",
  "lease",
  "peers",
  "programming",
  "running",
  "stopped",
  "failed",
] as const;
export type Phase = (typeof PHASES)[number];

/** A thing that is wrong or awaited, with the code from spec/errors.ts and text that says what to do. */
export interface Problem {
  readonly code: ErrorCode;
  readonly text: string;
  /** Since when, wall clock in RFC 3339. */
  readonly since: string;
}

export interface StatusLease {
  /** The key below subnets/, e.g. `10.5.1.0-24`. */
  readonly key: string;
  /** The leased subnets, IPv4 first: `["10.5.1.0/24"]`. */
  readonly subnets: readonly string[];
  /** What peers send to, IPv4 first. */
  readonly publicAddresses: readonly string[];
  /** When it ends unless it is renewed, RFC 3339; null for a reservation. */
  readonly expires: string | null;
}

/** The CNI plugins as a process that stays; see spec/cni-resident.md. */
export interface ResidentStatus {
  readonly socket: string;
  /** `waiting`: it ended and is started again soon. `off`: this daemon keeps none. Plugins run stand-alone meanwhile. */
  readonly state: "starting" | "serving" | "waiting" | "off";
  readonly pid: number | null;
  /** Why it is not serving. */
  readonly reason: string | null;
}

/** What echo requests to one address found. */
export interface PathStatus {
  readonly target: string;
  /** Of the last 20 at most, those without an answer: 0 to 1. */
  readonly loss: number;
  /** Of the last that was answered; null when none was. */
  readonly roundTripMs: number | null;
  /** The longest IP packet that passed whole, up to the MTU of this host's interface or device; null while it is not known. */
  readonly mtu: number | null;
}

/** What the prober knows of one peer over one family (spec/status-file.md). */
export interface PeerProbe {
  /** Key of its lease. */
  readonly peer: string;
  readonly family: 4 | 6;
  readonly probed: string;
  /** To its node. */
  readonly underlay: PathStatus;
  /** Through the overlay to its gateway. */
  readonly overlay: PathStatus;
}

/** Who carries the udp backend's packets. */
export interface DatapathStatus {
  readonly mode: "kernel" | "userspace";
  /** How the kernel's programs are attached; null where a thread of the daemon carries the packets. */
  readonly attachment: "tcx" | "clsact" | null;
  /** Packets dropped, by reason; reasons without any are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

/** The thread that carries the udp backend's packets where the kernel does not. */
export interface DatapathWorkerStatus {
  /** `waiting`: it ended and is started again soon. */
  readonly state: "running" | "waiting";
  /** How often it was started again since the daemon started. */
  readonly restarts: number;
  /** Why it ended last; null when it never did. */
  readonly reason: string | null;
}

export interface Status {
  readonly format: typeof STATUS_FORMAT;
  readonly version: string;
  readonly pid: number;
  /** /proc/sys/kernel/random/boot_id at start: a file with another boot id is left over from before a reboot. */
  readonly bootId: string;
  readonly nodeId: string | null;
  readonly started: string;
  readonly updated: string;
  readonly phase: Phase;
  /** The subnet file is written and the data path stands: a container attached now will be reachable. */
  readonly ready: boolean;
  /** Why `ready` is false, the first cause first. Null when ready. */
  readonly reason: Problem | null;
  readonly subnetFile: string;
  readonly interface: { readonly name: string; readonly mtu: number } | null;
  readonly backend: string | null;
  /** The cluster's networks, IPv4 first. */
  readonly networks: readonly string[];
  readonly lease: StatusLease | null;
  readonly store: { readonly name: string; readonly trouble: Problem | null };
  readonly peers: {
    readonly known: number;
    /** Records that cannot be used, by lease key. */
    readonly unusable: Readonly<Record<string, string>>;
  };
  readonly kernel: {
    /** Objects wanted. */
    readonly objects: number;
    /** Objects that could not be brought to what they should be, by key. */
    readonly failed: Readonly<Record<string, string>>;
  };
  /** Null while nothing is filtered. */
  readonly sourceFilter: {
    /** Encapsulated packets from addresses of no peer, since the filter was last written. */
    readonly dropped: number;
  } | null;
  /** Null when it is switched off. */
  readonly resident: ResidentStatus | null;
  /** Null when probing is switched off, or cannot be done here. Peers that were not probed yet are not in it. */
  readonly probes: readonly PeerProbe[] | null;
  /** Null where the backend is another than udp, and until its data path stands. */
  readonly datapath: DatapathStatus | null;
  /** Null where no thread of the daemon carries packets. */
  readonly datapathWorker: DatapathWorkerStatus | null;
  /** Everything that is wrong now and does not make the node unready, for people. */
  readonly problems: readonly Problem[];
}

/**
 * Reads a status document. Undefined for anything that is not one (torn text, other JSON, a later format): readers
 * then say that the status cannot be read, which is not the same as "not ready".
 */
export function parseStatus(text: string): Status | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const document = value as Partial<Status>;
  const wellFormed =
    document.format === STATUS_FORMAT &&
    typeof document.pid === "number" &&
    typeof document.bootId === "string" &&
    typeof document.ready === "boolean" &&
    PHASES.includes(document.phase as Phase) &&
    isProblemOrNull(document.reason);
  return wellFormed ? (document as Status) : undefined;
}

function isProblemOrNull(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value !== "object") return false;
  const problem = value as Partial<Problem>;
  return typeof problem.code === "string" && typeof problem.text === "string";
}
