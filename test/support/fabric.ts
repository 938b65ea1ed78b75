// Networks, nodes and leases for tests of backends and the reconciler: node n of a fabric has the subnet 10.5.n.0/24
// (fd00:5:n::/64) and the underlay address 192.168.0.n (fd99::n).
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { createBackend } from "../../daemon/backend/registry.ts";
import type { Lease, Network, Node } from "../../daemon/lease/types.ts";
import type { Fabric } from "../../daemon/reconcile/loop.ts";
import { ownershipMarks } from "../../daemon/reconcile/marks.ts";
import type { KernelObject } from "../../daemon/reconcile/port.ts";

export interface FabricShape {
  readonly type?: string;
  readonly options?: Record<string, unknown>;
  readonly families?: readonly Family[];
  readonly extras?: readonly KernelObject[];
}

const RANGES = {
  4: { network: Prefix.parse("10.5.0.0/16"), subnetLength: 24 },
  6: { network: Prefix.parse("fd00:5::/32"), subnetLength: 64 },
} as const;

export function subnetOf(n: number, family: Family): Prefix {
  return Prefix.parse(family === 4 ? `10.5.${n}.0/24` : `fd00:5:${n}::/64`);
}

export function underlayOf(n: number, family: Family): Address {
  return Address.parse(family === 4 ? `192.168.0.${n}` : `fd99::${n.toString(16)}`);
}

/** An address that a container on node n may have. */
export function podOf(n: number, family: Family): Prefix {
  return Prefix.parse(family === 4 ? `10.5.${n}.7/24` : `fd00:5:${n}::7/64`);
}

export function makeNetwork({ type = "vxlan", options = {}, families = [4] }: FabricShape = {}): Network {
  const ranges = families.map((family) => {
    const { network, subnetLength } = RANGES[family];
    return [family, { network, subnetLength, subnetMin: network.first, subnetMax: network.last }] as const;
  });
  return { ranges: Object.fromEntries(ranges), backend: { type, options }, enableNFTables: undefined };
}

export function makeNode(n = 1, families: readonly Family[] = FAMILIES): Node {
  const each = <T>(value: (family: Family) => T): Partial<Record<Family, T>> =>
    Object.fromEntries(families.map((family) => [family, value(family)]));
  return {
    id: `node-${n}`,
    link: { name: "eth0", index: 2, mtu: 1500 },
    address: each((family) => underlayOf(n, family)),
    publicAddress: each((family) => underlayOf(n, family)),
    onLink: [Prefix.parse("192.168.0.0/24"), Prefix.parse("fd99::/64")],
    hostAddresses: families.map((family) => underlayOf(n, family)),
    routes: ["192.168.0.0/24", "fd99::/64"].map((destination) => ({
      destination: Prefix.parse(destination),
      link: "eth0",
      linkMtu: 1500,
      metric: 0,
    })),
    subnet: each((family) => subnetOf(n, family)),
  };
}

export function macOf(n: number, family: Family = 4): string {
  return `0a:00:00:00:0${family}:${n.toString(16).padStart(2, "0")}`;
}

export function makeLease(n: number, { type = "vxlan", families = [4] }: FabricShape = {}): Lease {
  const each = <T>(value: (family: Family) => T): Partial<Record<Family, T>> =>
    Object.fromEntries(families.map((family) => [family, value(family)]));
  const names = families.map((family) => subnetOf(n, family).toString().replace("/", "-"));
  return {
    key: names.join("&"),
    subnet: each((family) => subnetOf(n, family)),
    publicAddress: each((family) => underlayOf(n, family)),
    // As flannel, udp and alloc publish no type.
    backendType: type === "udp" || type === "alloc" ? "" : type,
    backendData: type === "vxlan" ? each((family) => ({ VNI: 1, VtepMAC: macOf(n, family) })) : {},
    nodeId: `node-${n}`,
  };
}

export function makeFabric(shape: FabricShape = {}, node: Node = makeNode(1, shape.families ?? [4])): Fabric {
  const network = makeNetwork(shape);
  return { network, node, backends: [createBackend(network, node)], extras: shape.extras ?? [] };
}

export const TEST_MARKS = ownershipMarks("/coreos.com/network", [RANGES[4].network, RANGES[6].network]);
