// The Backend port. A backend is a pure function from configuration, this node and leases to kernel objects: no system
// call, no clock, no state. `peer` sees one lease alone, so a lease event costs one peer's objects, whatever the size
// of the cluster.
import type { Family } from "#kernel/ip/address";
import type { BackendData, Lease, Network, Node } from "../lease/types.ts";
import type { KernelObject } from "../reconcile/port.ts";

/** A UDP port on which this node takes encapsulated packets from its peers. */
export interface Tunnel {
  /** Of the packets on the underlay. */
  readonly family: Family;
  readonly port: number;
  /** Of a VXLAN port, which others may use with VNIs of their own; absent where all that comes to the port is the backend's. */
  readonly vni?: number;
}

export interface Backend {
  /** As in the lease's BackendType; "" publishes none. */
  readonly type: string;
  /** Type for the lease, which for some backends is not published (flannel's udp and alloc). */
  readonly leaseType: string;
  /** What the user should know of the configuration: options nobody reads, values that were cut. For the log, once. */
  readonly warnings: readonly string[];
  /** MTU for containers (FLANNEL_MTU). */
  mtu(node: Node): number;
  /** What peers must know, for the lease. */
  advertise(node: Node): BackendData;
  /** Device, addresses, network-wide routes and sysctls. */
  base(node: Node): KernelObject[];
  /** Where peers' packets arrive, for the source filter. Absent: they come as plain packets. */
  tunnels?(node: Node): readonly Tunnel[];
  /**
   * The lease's node listens to this very backend, with its options: asked where two of one type are up. Absent: it does.
   */
  reaches?(lease: Lease): boolean;
  /**
   * What one peer adds for one family that both the network and the lease have. Throws LodenError ERR_LEASE_INVALID
   * when the lease cannot be used by this backend: it is reported and costs nobody else, nor the other family, anything.
   */
  peer(node: Node, lease: Lease, family: Family): KernelObject[];
}

/**
 * Makes a backend from the network's configuration. Throws LodenError ERR_BACKEND for bad options, ERR_BACKEND also
 * where this node cannot serve it (host-gw behind NAT).
 */
export type BackendFactory = (network: Network, node: Node) => Backend;
