// What a udp node tells its peers in the lease's BackendData and BackendV6Data, which flannel leaves empty: who carries its
// packets (spec/udp.md). What is not understood is a socket like flannel's.
import type { Family } from "#kernel/ip/address";
import type { BackendData, Lease } from "../../lease/types.ts";
import type { DatapathMode } from "../../reconcile/port.ts";

export function udpData(datapath: DatapathMode, families: readonly Family[]): BackendData {
  return Object.fromEntries(families.map((family) => [family, { Datapath: datapath }]));
}

/**
 * Whether a node's packets go out one by one to this peer. From a thread: where a BPF program would be given trains that the
 * kernel has not cut yet (UDP_SEGMENT over veth or virtio), and a socket single datagrams. From the kernel: where nobody is
 * known who cuts the trains, and makes the checksums, that such a wire leaves as they are.
 */
export function takesSingle(from: DatapathMode, lease: Lease, family: Family): boolean {
  const datapath = datapathOf(lease.backendData[family]);
  return from === "kernel" ? datapath === undefined : datapath === "kernel";
}

function datapathOf(data: unknown): DatapathMode | undefined {
  const told = typeof data === "object" && data !== null && "Datapath" in data ? data.Datapath : undefined;
  return told === "kernel" || told === "userspace" ? told : undefined;
}
