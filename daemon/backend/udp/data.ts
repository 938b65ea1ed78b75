// What a udp node tells its peers in the lease's BackendData and BackendV6Data, which flannel leaves empty: that its kernel
// carries the packets (spec/udp.md).
import type { Family } from "#kernel/ip/address";
import type { BackendData, Lease } from "../../lease/types.ts";
import type { DatapathMode } from "../../reconcile/port.ts";

const KERNEL = { Datapath: "kernel" } as const;

export function udpData(datapath: DatapathMode, families: readonly Family[]): BackendData {
  return datapath === "kernel" ? Object.fromEntries(families.map((family) => [family, KERNEL])) : {};
}

/**
 * Whether datagrams may come to the node as trains that the kernel has not cut yet (UDP_SEGMENT over veth or virtio): a socket
 * is given them one by one. BPF programs cannot cut them. What is not understood is a socket.
 */
export function takesTrains(lease: Lease, family: Family): boolean {
  const data = lease.backendData[family];
  const isKernel = typeof data === "object" && data !== null && "Datapath" in data && data.Datapath === KERNEL.Datapath;
  return !isKernel;
}
