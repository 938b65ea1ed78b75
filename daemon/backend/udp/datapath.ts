// The port of the udp backend's data paths: what the reconciler asks of whoever carries the packets. The one in the kernel
// (kernel-datapath.ts) is BPF programs and maps; the other (userspace/) is a thread that reads a TUN device. Both are told of the
// node and of its peers as kernel objects (reconcile/port.ts, TunnelSpec and TunnelPeerSpec), and both speak spec/udp.md.
import type { Address } from "#kernel/ip/address";
import type { Link } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { DatapathMode, TunnelPeerSpec, TunnelSpec } from "../../reconcile/port.ts";

/** The host that a data path works in. Calls come within its network namespace. */
export interface DatapathHost {
  readonly socket: NetlinkSocket;
  linkNamed(name: string): Link | undefined;
  linkAt(index: number | undefined): Link | undefined;
}

/** What went to and came from one peer. Bytes are those of inner packets. */
export interface PeerTraffic {
  readonly endpoint: Address;
  readonly sentPackets: bigint;
  readonly sentBytes: bigint;
  readonly sentDrops: bigint;
  readonly receivedPackets: bigint;
  readonly receivedBytes: bigint;
  readonly receivedDrops: bigint;
}

/** Why packets were dropped, in the order of `enum drop` in bpf/tunnel.h. */
export const DROP_REASONS = [
  "unknown-subnet",
  "no-route",
  "too-big",
  "malformed",
  "fragment",
  "not-a-peer",
  "forged-source",
  "other-destination",
  "not-admitted",
  "kernel-refused",
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

export type Drops = Readonly<Record<DropReason, bigint>>;

export interface DatapathTraffic {
  readonly peers: readonly PeerTraffic[];
  readonly drops: Drops;
}

export interface Datapath extends Disposable {
  readonly mode: DatapathMode;
  /**
   * What stands of the tunnel; undefined when nothing of it does. `isWanted` is false where it is asked only for what an
   * earlier configuration may have left. Throws when it cannot be known.
   */
  find(host: DatapathHost, isWanted: boolean): TunnelSpec | undefined;
  /** The peers that it knows. Called after `find`. */
  peers(): Iterable<TunnelPeerSpec>;
  /** Brings the tunnel to what it should be, whatever there is of it; peers stay, and so does traffic. Throws LodenError. */
  ensure(spec: TunnelSpec, host: DatapathHost): void;
  /** Ends the tunnel. */
  remove(spec: TunnelSpec, host: DatapathHost): void;
  /** An outcome per peer, of `added` and then of `removed`. Adding one that is there changes it. */
  changePeers(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): (Error | undefined)[];
  /** Calls back when something may have been altered by others. */
  watch(onAltered: (what: "tunnel" | "tunnel-peer") => void): Disposable;
  /** What was dropped since the tunnel was made, by reason; undefined while there is none. */
  drops(): Drops | undefined;
  /** Counters since the tunnel was made; undefined while there is none. */
  traffic(): DatapathTraffic | undefined;
}
