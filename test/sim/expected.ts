// What a machine's kernel should hold, worked out from the store's truth by the real backends, and how it differs.
import { createBackend } from "../../daemon/backend/registry.ts";
import { composeFabric } from "../../daemon/fabric.ts";
import type { Lease } from "../../daemon/lease/types.ts";
import { admit } from "../../daemon/reconcile/admission.ts";
import { DesiredState } from "../../daemon/reconcile/desired.ts";
import { isMet } from "../../daemon/reconcile/diff.ts";
import type { Fabric } from "../../daemon/reconcile/loop.ts";
import { ownershipMarks } from "../../daemon/reconcile/marks.ts";
import type { KernelObject } from "../../daemon/reconcile/port.ts";
import { PREFIX } from "./etcd.ts";
import { readable } from "./judge.ts";
import type { Daemon, Machine } from "./machine.ts";
import type { World } from "./world.ts";

const { nftTable, peersTable } = ownershipMarks(PREFIX, []);

interface Base {
  readonly fabric: Fabric;
  readonly objects: ReadonlyMap<string, KernelObject>;
}

const bases = new WeakMap<object, Base>();

/** What the daemon wants for itself; undefined while it holds no lease. */
export function baseObjects(daemon: Daemon): ReadonlyMap<string, KernelObject> | undefined {
  return baseOf(daemon)?.objects;
}

/** What a lease adds for this daemon. */
export function objectsOf(daemon: Daemon, lease: Lease): Map<string, KernelObject> {
  const base = baseOf(daemon);
  if (base === undefined) return new Map();
  const objects = [...admit(base.fabric, lease).objects.values()].flatMap((added) => added ?? []);
  return new Map(objects.map((object) => [object.key, object]));
}

/** How a kernel differs from what it should be by the store's truth; undefined when it does not. */
export function difference(world: World, machine: Machine): string | undefined {
  const { daemon } = machine;
  const base = daemon === undefined ? undefined : baseOf(daemon);
  if (daemon === undefined || base === undefined) return "its daemon has no lease";
  const desired = new DesiredState();
  desired.set("base", [...base.objects.values()]);
  const leases = [...world.etcd.truth.now].toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, record] of leases) {
    const lease = key === daemon.held?.lease.key ? undefined : readable(key, record.value);
    if (lease !== undefined) desired.set(key, [...objectsOf(daemon, lease).values()]);
  }
  for (const object of desired.objects()) {
    const found = machine.kernel.objects.get(object.key);
    if (found === undefined) return `${object.key} is missing`;
    if (!isMet(object, found)) return `${object.key} is not as it should be`;
  }
  for (const found of machine.kernel.objects.values()) {
    if (found.ours && found.kind !== "sysctl" && !desired.has(found.key)) return `${found.key} should not be there`;
  }
  return undefined;
}

function baseOf(daemon: Daemon): Base | undefined {
  const { node, network } = daemon.app.status.sources;
  if (node === undefined || network === undefined || Object.keys(node.subnet).length === 0) return undefined;
  const kept = bases.get(node);
  if (kept !== undefined) return kept;
  const backend = createBackend(network, node);
  const { ipMasq, forwardRules, blackholeRoute, ...options } = daemon.options;
  const traffic = { ...options, masquerade: ipMasq, forward: forwardRules, blackhole: blackholeRoute };
  const state = { arePeersKnown: true, accepts: [] };
  const fabric: Fabric = composeFabric(network, node, [backend], { ...traffic, nftTable, peersTable }, state);
  const objects = new Map([...backend.base(node), ...fabric.extras].map((object) => [object.key, object]));
  const base = { fabric, objects };
  bases.set(node, base);
  return base;
}
