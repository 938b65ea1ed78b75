// Which leases count, and what each adds: the checks that hold for every backend, before a backend sees the lease. A
// lease that fails one is refused by name and costs nobody else anything.
import { FAMILIES, type Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import type { Backend } from "../backend/port.ts";
import type { Lease, Node } from "../lease/types.ts";
import type { Fabric } from "./reconciler.ts";
import type { KernelObject } from "./port.ts";

/** What one lease comes to, per family that was looked at. */
export interface Admission {
  /** `undefined`: the lease is unreadable to the backend now, and what an earlier version of it added stays. */
  readonly objects: ReadonlyMap<Family, readonly KernelObject[] | undefined>;
  readonly refused: readonly Error[];
  /** Why a sound lease adds nothing. */
  readonly note?: string;
}

const NOTHING: Admission = { objects: new Map(), refused: [] };

export function admit(fabric: Fabric, lease: Lease): Admission {
  if (isOwn(fabric.node, lease)) return NOTHING;
  const backend = servingBackend(fabric.backends, lease);
  if (backend === undefined) return { ...NOTHING, note: otherBackend(fabric, lease) };
  const objects = new Map<Family, readonly KernelObject[] | undefined>();
  const refused: Error[] = [];
  for (const family of FAMILIES) {
    const subnet = lease.subnet[family]?.masked;
    const range = fabric.network.ranges[family];
    if (subnet === undefined || range === undefined) continue;
    const reason = misplaced(fabric.node, lease, family, subnet, range.network);
    if (reason !== undefined) {
      refused.push(refusal(lease, reason));
      objects.set(family, []);
      continue;
    }
    try {
      objects.set(family, backend.peer(fabric.node, lease, family));
    } catch (error) {
      refused.push(error instanceof Error ? error : refusal(lease, String(error)));
      objects.set(family, undefined);
    }
  }
  return { objects, refused };
}

/**
 * The backend that reaches a lease's node: of those of its type the first that says so, else the first, as flannel's nodes
 * are not particular about what their leases say.
 */
export function servingBackend(backends: readonly Backend[], lease: Lease): Backend | undefined {
  const ofType = backends.filter((backend) => backend.leaseType === lease.backendType);
  return ofType.find((backend) => backend.reaches?.(lease) ?? true) ?? ofType[0];
}

/** The lease is this node's: it says so, or (written by flannel) it has our subnets and our address. */
function isOwn(node: Node, lease: Lease): boolean {
  if (lease.nodeId !== undefined) return lease.nodeId === node.id;
  return FAMILIES.every(
    (family) =>
      same(lease.subnet[family]?.masked, node.subnet[family]?.masked) &&
      (lease.subnet[family] === undefined || same(lease.publicAddress[family], node.publicAddress[family])),
  );
}

/** Why the place of a subnet is impossible, or undefined when it is not. */
function misplaced(node: Node, lease: Lease, family: Family, subnet: Prefix, network: Prefix): string | undefined {
  if (!network.contains(subnet)) return `its subnet ${subnet.toString()} is outside the network ${network.toString()}`;
  const own = node.subnet[family];
  if (own?.overlaps(subnet) === true) {
    return `its subnet ${subnet.toString()} overlaps this node's own ${own.masked.toString()}`;
  }
  const underlay = node.onLink.find((prefix) => prefix.overlaps(subnet));
  if (underlay !== undefined) {
    return `its subnet ${subnet.toString()} overlaps the underlay ${underlay.masked.toString()} of ${node.link.name}`;
  }
  const endpoint = lease.publicAddress[family];
  if (endpoint !== undefined && subnet.contains(endpoint)) {
    return `its subnet ${subnet.toString()} holds its node's own address ${endpoint.toString()}`;
  }
  return undefined;
}

/** A lease that cannot be used, with its name. */
export function refusal(lease: Lease, reason: string): LodenError {
  return new LodenError("ERR_LEASE_INVALID", `lease ${lease.key} cannot be used: ${reason}`, {
    fields: { lease: lease.key },
  });
}

function otherBackend(fabric: Fabric, lease: Lease): string {
  const ours = fabric.backends.map((backend) => backend.type).join(", ");
  const theirs = lease.backendType === "" ? "no backend type" : `backend ${JSON.stringify(lease.backendType)}`;
  return `lease ${lease.key} has ${theirs} and this node uses ${ours}: its node is not reached from here`;
}

function same<T extends { equals(other: T): boolean }>(a: T | undefined, b: T | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
