// The document of `loden state --json` and of the daemon's socket (spec/state-document.md).

/** Raised when a field changes its meaning. */
export const STATE_FORMAT = 1;

export interface StateObject {
  /** The kernel's own identity in words, e.g. `route 10.5.2.0/24`. */
  readonly key: string;
  readonly kind: string;
  /** Addresses, prefixes and MACs as text. */
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface StateDocument {
  readonly format: typeof STATE_FORMAT;
  /** Where the desired state is from: the running daemon, or the file that an earlier one left. */
  readonly source: "lodend" | "last-state";
  /** Of the last known state: when it was written, RFC 3339. */
  readonly written?: string;
  readonly nodeId: string;
  /** `because`: a lease's key, or "base" for what is needed with no peer at all. */
  readonly desired: readonly (StateObject & { readonly because: string })[];
  readonly actual: readonly (StateObject & { readonly ours: boolean })[];
  readonly changes: readonly StateChange[];
  /** Kinds of objects that could not be read, with the reason. */
  readonly unread: Readonly<Record<string, string>>;
  /** What the daemon tried and the kernel refused. */
  readonly failed: readonly { readonly key: string; readonly text: string; readonly tries: number }[];
  /** Of the udp backend, by the running daemon; absent where nobody counts. */
  readonly traffic?: readonly PeerTrafficCounts[];
  /** Objects that others alter again and again. */
  readonly fights: readonly { readonly key: string; readonly repairs: number; readonly by: readonly string[] }[];
}

/** What one peer was sent and sent here. Bytes are those of containers' packets. */
export interface PeerTrafficCounts {
  /** Its address on the underlay. */
  readonly endpoint: string;
  readonly sent: TrafficCounts;
  readonly received: TrafficCounts;
}

export interface TrafficCounts {
  readonly packets: number;
  readonly bytes: number;
  readonly dropped: number;
}

export interface StateChange {
  readonly change: "add" | "update" | "remove";
  readonly key: string;
  readonly because: string;
  /** For people: what is missing, differs, or is no longer wanted. */
  readonly reason: string;
}
