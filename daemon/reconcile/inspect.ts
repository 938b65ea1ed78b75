// What the reconciler wants, what the kernel has, and what would be done about the difference, as data: for `loden plan` and
// `loden state`. Looks, and changes nothing.
import type { DesiredState } from "./desired.ts";
import { diff } from "./diff.ts";
import { KINDS } from "./objects.ts";
import type { ActualObject, Change, Kernel, KernelObject, ObjectKind } from "./port.ts";

export interface Inspection {
  readonly desired: readonly KernelObject[];
  /** Ours, and what stands where ours should. */
  readonly actual: readonly ActualObject[];
  /** What brings the one to the other, in the order of KINDS. */
  readonly changes: readonly Change[];
  /** Kinds that could not be read: nothing of them is in `actual` or `changes`. */
  readonly unread: ReadonlyMap<ObjectKind, Error>;
}

/** @param prune what nobody wants may go, as all leases are known */
export function inspect(kernel: Kernel, desired: DesiredState, prune: boolean): Inspection {
  const { objects, failed } = kernel.dump(new Set(KINDS), desired);
  const wanted = [...desired.objects()].filter(({ kind }) => !failed.has(kind));
  const keys = new Set([...wanted.map(({ key }) => key), ...objects.keys()]);
  const changes = diff(desired, objects, keys, prune);
  return { desired: [...desired.objects()], actual: [...objects.values()], changes, unread: failed };
}
