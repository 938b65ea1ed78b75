// What a lease is, once its key and JSON have been read: a subnet per address family and what peers must know to reach it.
import type { Address, Family } from "#kernel/ip/address";
import type { Mac } from "#kernel/ip/mac";
import type { Prefix } from "#kernel/ip/prefix";

/** One value per address family; a family that is not in use is absent. Loop over it, never copy code per family. */
export type PerFamily<T> = Partial<Record<Family, T>>;

/**
 * The values that there are, in as little memory as it takes: V8 gives every object that gets a key like 4 in another way
 * room for twenty more, and there are three such objects a lease.
 */
export function perFamily<T>(v4: T | undefined, v6: T | undefined): PerFamily<T> {
  const keys = `${v4 === undefined ? "" : '"4":0'}${v4 === undefined || v6 === undefined ? "" : ","}${v6 === undefined ? "" : '"6":0'}`;
  const values = JSON.parse(`{${keys}}`) as PerFamily<T>;
  if (v4 !== undefined) values[4] = v4;
  if (v6 !== undefined) values[6] = v6;
  return values;
}

/** What a backend publishes for peers: JSON for BackendData and BackendV6Data of the lease. */
export type BackendData = PerFamily<unknown>;

export interface Lease {
  /** Identity: the store key below subnets/, e.g. `10.5.1.0-24` or `10.5.1.0-24&fd00:1::-64`. */
  readonly key: string;
  readonly subnet: PerFamily<Prefix>;
  /** Where the node is reached on the underlay: PublicIP, PublicIPv6. */
  readonly publicAddress: PerFamily<Address>;
  /** "" for the backends that publish none (udp, alloc). */
  readonly backendType: string;
  readonly backendData: BackendData;
  /** Who owns it (Loden's own keys in the lease JSON); absent in leases that flannel wrote. */
  readonly nodeId?: string;
  readonly epoch?: number;
  /** Those of `publicAddress` that the node has no more, while it cannot tell another. */
  readonly vacated?: PerFamily<Address>;
  /** Mod revision of its record; of two leases of one node the later tells where the node is. */
  readonly revision?: bigint;
  /** What was known before: a restored store lacks it, or something unreadable stands in its place. */
  readonly isMissed?: true;
}

/** The network a cluster shares, from the configuration document with all defaults filled in. */
export interface Network {
  readonly ranges: PerFamily<NetworkRange>;
  /** Type in lower case, with its options as written. */
  readonly backend: { readonly type: string; readonly options: Record<string, unknown> };
  /** Undefined where the configuration says nothing. */
  readonly enableNFTables: boolean | undefined;
}

export interface NetworkRange {
  readonly network: Prefix;
  /** Prefix length of each node's subnet. */
  readonly subnetLength: number;
  /** Base addresses of the first and last subnet that may be leased. */
  readonly subnetMin: Address;
  readonly subnetMax: Address;
}

/** This host as the backends see it. */
export interface Node {
  readonly id: string;
  /** The interface that carries traffic to other hosts. */
  readonly link: { readonly name: string; readonly index: number; readonly mtu: number };
  /** Its address on that interface. */
  readonly address: PerFamily<Address>;
  /** What peers send to; differs from `address` when --public-ip says so. */
  readonly publicAddress: PerFamily<Address>;
  /** Prefixes of `link` (its addresses with their lengths, /32 and link-local ones left out): who is in one is on-link. */
  readonly onLink: readonly Prefix[];
  /** Every address of this host: a public address that is not among them is a NAT's. */
  readonly hostAddresses: readonly Address[];
  /** The host's routes that may lead to peers: of the main tables, without the fabric's own. backend/underlay.ts asks them. */
  readonly routes: readonly UnderlayRoute[];
  /** MACs by which peers know this node's devices, by device name: kept for as long as the daemon runs. Absent: none yet. */
  readonly macs?: ReadonlyMap<string, Mac>;
  /** What the extension backend's PreStartupCommand printed. */
  readonly commandOutput?: string;
  /** Why this host's kernel cannot be the udp backend's data path; undefined when it can. Found out once, when asked. */
  readonly kernelDatapathObstacle?: () => string | undefined;
  /** The leased subnets; absent before a lease is held. */
  readonly subnet: PerFamily<Prefix>;
}

/** A route of the host, as far as it tells how a peer is reached. */
export interface UnderlayRoute {
  readonly destination: Prefix;
  /** Name of the outgoing interface; "" where there are several, or none because the route refuses. */
  readonly link: string;
  /** Index of the outgoing interface, of several the first. */
  readonly index?: number;
  /** What that interface carries, of several the least; absent for a route that refuses. */
  readonly linkMtu?: number;
  /** Absent: the destination is on the link itself. */
  readonly gateway?: Address;
  /** The route's own `mtu` metric. */
  readonly mtu?: number;
  /** The lowest wins among routes to one destination. */
  readonly metric: number;
}
