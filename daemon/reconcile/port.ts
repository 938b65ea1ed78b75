// Desired and actual kernel state, and the Kernel port between them. A backend says what should be; the reconciler
// compares it with a dump and hands the difference to the kernel in one batch. Keys are the identity an object has in
// the kernel, so that two wishes for one object meet.
import type { IptablesVariant } from "#kernel/iptables/programs";
import type { Address, Family } from "#kernel/ip/address";
import type { Mac } from "#kernel/ip/mac";
import type { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";

/** Why an object is wanted: a lease's key, or "base" for what the network needs with no peer at all. */
export type Because = string;

export interface VxlanSpec {
  readonly kind: "vxlan";
  readonly vni: number;
  /** UDP port, for both directions. */
  readonly port: number;
  readonly local: Address;
  /** Name of the underlay interface. */
  readonly parent: string;
  readonly learning: boolean;
  readonly gbp: boolean;
}

/**
 * The device of the udp backend's data path in the kernel: a VXLAN-GPE receiver that BPF programs feed and empty. Frames
 * never have the format on the wire.
 */
export interface GpeSpec {
  readonly kind: "vxlan-gpe";
  /** UDP port that it receives on. */
  readonly port: number;
}

/** A persistent TUN device: packets that it is given are read by a process. */
export interface TunSpec {
  readonly kind: "tun";
}

/** The link kinds that backends make. More kinds join as backends do. */
export type LinkKindSpec = VxlanSpec | GpeSpec | TunSpec;

export interface LinkSpec {
  readonly name: string;
  readonly mtu: number;
  /** Absent: whatever the device has. */
  readonly mac?: Mac;
  readonly up: boolean;
  /** Name of the bridge or the like whose port it is. No wish has one: what comes in is to be routed. */
  readonly master?: string;
  readonly detail: LinkKindSpec;
}

export interface AddressSpec {
  readonly link: string;
  readonly address: Prefix;
}

export interface RouteSpec {
  readonly destination: Prefix;
  /** Absent: unicast. "blackhole" drops what no better route takes; it has no gateway, and `link` is "". */
  readonly type?: "blackhole";
  /** Absent: the kernel's default. Routes to one destination with different metrics are different objects (routeKey). */
  readonly metric?: number;
  readonly gateway?: Address;
  /** Name of the outgoing interface. */
  readonly link: string;
  readonly onlink: boolean;
  readonly source?: Address;
  readonly mtu?: number;
}

export interface NeighbourSpec {
  readonly link: string;
  readonly address: Address;
  readonly mac: Mac;
}

/** A VXLAN forwarding entry: frames for `mac` go to `remote`. */
export interface FdbSpec {
  readonly link: string;
  readonly mac: Mac;
  readonly remote: Address;
}

export interface SysctlSpec {
  /** Path below /proc/sys, e.g. `net/ipv4/ip_forward`. */
  readonly path: string;
  readonly value: string;
  /** The link it belongs to: it is set once the link is there, and goes with it. */
  readonly link?: string;
  /** A number that is larger is as good, and is left. */
  readonly atLeast?: boolean;
  /** Where the kernel has no such file (IPv6 switched off), there is nothing to set and nothing is wrong. */
  readonly ifPresent?: boolean;
}

/**
 * A whole nftables table of ours, replaced atomically. A table is found with the content that was written when nobody
 * altered it since, and with none otherwise: what nft lists is not what it was given, and differs between its versions.
 */
export interface NftTableSpec {
  readonly family: "ip" | "ip6" | "inet";
  readonly name: string;
  /** The table's chains, sets and rules as libnftables JSON commands, in order, without the table itself. */
  readonly content: readonly object[];
}

/**
 * One address in a set of a table of ours. The table's content declares the set; writing the table anew keeps what is in
 * it, so that a table and thousands of elements are written apart.
 */
export interface NftElementSpec {
  readonly family: NftTableSpec["family"];
  readonly table: string;
  readonly set: string;
  readonly address: Address;
}

/** A chain of ours in a table of iptables, with the built-in chain that leads to it. */
export interface IptablesChain {
  readonly table: "nat" | "filter";
  readonly name: string;
  readonly parent: string;
  /** The rule of the parent that leads here, as iptables-save prints it behind `-A <parent> `. */
  readonly jump: string;
  /** How many such rules the parent has; what is wanted is one. */
  readonly jumps: number;
  /** In order, as iptables-save prints them behind `-A <name> `. */
  readonly rules: readonly string[];
}

/** Everything of ours in one family's iptables, written in one run of iptables-restore. */
export interface IptablesSpec {
  readonly family: Family;
  readonly variant: IptablesVariant;
  readonly chains: readonly IptablesChain[];
}

/** Who carries the packets of a tunnel. */
export type DatapathMode = "kernel" | "userspace";

/** The udp backend's data path: programs and their attachments, or a process, and what they are told of this node. */
export interface TunnelSpec {
  readonly datapath: DatapathMode;
  /** Name of the tunnel's device. */
  readonly link: string;
  /** Name of the underlay interface. */
  readonly underlay: string;
  /** UDP port of every node. */
  readonly port: number;
  /** Outer source addresses, and this node's own subnets. */
  readonly local: { readonly [F in Family]?: Address };
  readonly subnet: { readonly [F in Family]?: Prefix };
  /** Something of it is missing or not as it was made. Only found, never wanted. */
  readonly isDamaged?: boolean;
}

/** Packets for `subnet` go to the node at `endpoint`, and those from there are let in. */
export interface TunnelPeerSpec {
  readonly datapath: DatapathMode;
  readonly subnet: Prefix;
  readonly endpoint: Address;
  /** It takes no trains (spec/udp.md, "The lease"): each packet is sent by itself. */
  readonly isSingle?: boolean;
  /** Half of it is missing. Only found, never wanted. */
  readonly isDamaged?: boolean;
}

interface SpecByKind {
  link: LinkSpec;
  address: AddressSpec;
  route: RouteSpec;
  neighbour: NeighbourSpec;
  fdb: FdbSpec;
  sysctl: SysctlSpec;
  "nft-table": NftTableSpec;
  "nft-element": NftElementSpec;
  iptables: IptablesSpec;
  tunnel: TunnelSpec;
  "tunnel-peer": TunnelPeerSpec;
}

export type ObjectKind = keyof SpecByKind;

export type KernelObject<Kind extends ObjectKind = ObjectKind> = {
  [K in Kind]: { readonly kind: K; readonly key: string; readonly spec: SpecByKind[K]; readonly because: Because };
}[Kind];

/** What the kernel has, of the kinds asked for: our own objects (by mark) and those that stand where ours should. */
export type ActualObject<Kind extends ObjectKind = ObjectKind> = {
  [K in Kind]: {
    readonly kind: K;
    readonly key: string;
    /** The object bears Loden's mark: it may be pruned when nobody wants it. */
    readonly ours: boolean;
    /** Why it is neither replaced nor removed, with what the user can do: it is the kernel's own, or another daemon's. */
    readonly untouchable?: string;
    /** What the kernel implementation needs besides the spec to find exactly this object again when it is to be removed. */
    readonly handle?: unknown;
    readonly spec: K extends "link" ? LinkSpec | OtherLinkSpec : SpecByKind[K];
  };
}[Kind];

/** A link that stands where ours should and is no kind of ours. */
export interface OtherLinkSpec {
  readonly name: string;
  readonly detail: { readonly kind: "other"; readonly name: string };
}

/** A kind whose dump failed is in `failed`, and nothing of it is ever treated as gone. */
export interface Actual {
  readonly objects: ReadonlyMap<string, ActualObject>;
  readonly failed: ReadonlyMap<ObjectKind, Error>;
}

export type Change =
  | { readonly type: "add"; readonly object: KernelObject }
  /** Bring what is there to what it should be; by replacement where the kernel cannot change it in place. */
  | { readonly type: "update"; readonly object: KernelObject; readonly actual: ActualObject }
  | { readonly type: "remove"; readonly actual: ActualObject };

/** One per change, in order: undefined when it was carried out. */
export type Outcome = Error | undefined;

/**
 * What a notification told. The reconciler compares it with what it believes: its own writes come back as what it
 * knows already and mark nothing. What differs marks the kind dirty, and a dump finds the truth: nothing is ever
 * done because of a notification alone.
 */
export interface Observation {
  readonly kind: ObjectKind;
  /** Absent: something of that kind may have changed, or notifications were lost. */
  readonly key?: string;
  /** What stands there now; absent when it is gone. Only with `key`. */
  readonly actual?: ActualObject;
  /** Who did it, where the kernel tells. */
  readonly by?: Sender;
}

/** The sender of the request that a notification comes from. */
export type Sender =
  /** Port id of an rtnetlink socket; Kernel.identify may know whose. */
  { readonly port: number } | { readonly name: string; readonly pid: number };

/** What the reconciler wants, for a dump to know where to look. */
export interface Wanted {
  has(key: string): boolean;
  get(key: string): KernelObject | undefined;
  of<Kind extends ObjectKind>(kind: Kind): Iterable<KernelObject<Kind>>;
}

/**
 * The outcome of an add that found something in its place which no dump had shown: to be looked at again, and news to
 * nobody unless it comes back.
 */
export class OccupiedError extends LodenError {}

export interface Kernel {
  /** Objects that are neither ours nor wanted are left out. */
  dump(kinds: ReadonlySet<ObjectKind>, wanted: Wanted): Actual;
  /**
   * Calls back after anything changed that could touch our objects, ours or not; never while dump or apply runs, but perhaps
   * between the parts of one pass. What apply did may be told as well, or not.
   */
  watch(onObserved: (seen: readonly Observation[]) => void): Disposable;
  /** The process a sender is or was, e.g. `ip (pid 42)`; undefined when there is no telling. To be asked soon. */
  identify?(sender: Sender): string | undefined;
  /** Carries changes out in dependency order in as few system calls as the kernel allows; one failing stops no other. */
  apply(changes: readonly Change[]): Outcome[];
}
