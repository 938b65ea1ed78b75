// What the reconciler believes the kernel has: what the last dump found, brought up to date by what was applied since.
// It lets one lease's change be worked out without a dump, and tells our own writes from those of others.
import { isMet, type DesiredView } from "./diff.ts";
import type { Actual, ActualObject, KernelObject, ObjectKind } from "./port.ts";

export class Known {
  readonly #kinds = new Map<ObjectKind, Map<string, ActualObject>>();

  get(kind: ObjectKind, key: string): ActualObject | undefined {
    return this.#kinds.get(kind)?.get(key);
  }

  /** True once a dump of the kind has succeeded. */
  has(kind: ObjectKind): boolean {
    return this.#kinds.has(kind);
  }

  of(kind: ObjectKind): Iterable<ActualObject> {
    return this.#kinds.get(kind)?.values() ?? [];
  }

  /**
   * Takes a dump over for the kinds that it could read; what was believed of them before. What is found as it is wanted is
   * kept as the wish itself: thousands of peers' objects are then held once, not twice.
   */
  replace(
    actual: Actual,
    kinds: ReadonlySet<ObjectKind>,
    desired: DesiredView,
  ): Map<ObjectKind, Map<string, ActualObject>> {
    const before = new Map<ObjectKind, Map<string, ActualObject>>();
    for (const kind of kinds) {
      if (actual.failed.has(kind)) continue;
      const old = this.#kinds.get(kind);
      if (old !== undefined) before.set(kind, old);
      this.#kinds.set(kind, new Map());
    }
    for (const [key, object] of actual.objects) {
      if (actual.failed.has(object.kind)) continue;
      const wish = desired.get(key);
      const isWish = wish !== undefined && isMet(wish, object);
      this.#kinds
        .get(object.kind)
        ?.set(key, isWish ? ({ ...object, key: wish.key, spec: wish.spec } as ActualObject) : object);
    }
    return before;
  }

  applied(object: KernelObject): void {
    const { kind, key, spec } = object;
    // Kind and spec belong together; the compiler cannot follow them through three names.
    this.#kinds.get(kind)?.set(key, { kind, key, ours: true, spec } as ActualObject);
  }

  removed(object: ActualObject): void {
    this.#kinds.get(object.kind)?.delete(object.key);
  }

  /** The kernel drops objects of these kinds together with the link, or when it is changed; but for those to `keep`. */
  forgetLink(name: string, kinds: Iterable<ObjectKind>, keep: (key: string) => boolean): void {
    for (const kind of kinds) {
      const objects = this.#kinds.get(kind);
      if (objects === undefined) continue;
      for (const [key, object] of objects) if (linkOf(object) === name && !keep(key)) objects.delete(key);
    }
  }
}

/** The link an object lives on, if any. */
export function linkOf(object: ActualObject | KernelObject): string | undefined {
  return "link" in object.spec ? object.spec.link : undefined;
}
