// What the reconciler believes the kernel has: what the last dump found, brought up to date by what was applied since.
// It lets one lease's change be worked out without a dump, and tells our own writes from those of others.
import { isMet, type DesiredView } from "./diff.ts";
import type { Actual, ActualObject, KernelObject, ObjectKind } from "./port.ts";

/** What is as it is wished, mark included, is held as the wish itself: thousands of peers' objects are held once. */
type Held = ActualObject | KernelObject;

/** What was believed of a kind. */
export interface Beliefs {
  get(key: string): ActualObject | undefined;
}

export class Known {
  readonly #kinds = new Map<ObjectKind, Map<string, Held>>();

  get(kind: ObjectKind, key: string): ActualObject | undefined {
    return found(this.#kinds.get(kind)?.get(key));
  }

  /** True once a dump of the kind has succeeded. */
  has(kind: ObjectKind): boolean {
    return this.#kinds.has(kind);
  }

  keysOf(kind: ObjectKind): Iterable<string> {
    return this.#kinds.get(kind)?.keys() ?? [];
  }

  /** Takes a dump over for the kinds that it could read; what was believed of them before. */
  replace(actual: Actual, kinds: ReadonlySet<ObjectKind>, desired: DesiredView): Map<ObjectKind, Beliefs> {
    const before = new Map<ObjectKind, Beliefs>();
    for (const kind of kinds) {
      if (actual.failed.has(kind)) continue;
      const old = this.#kinds.get(kind);
      if (old !== undefined) before.set(kind, { get: (key) => found(old.get(key)) });
      this.#kinds.set(kind, new Map());
    }
    for (const [key, object] of actual.objects) {
      if (actual.failed.has(object.kind)) continue;
      const wish = desired.get(key);
      const isWish = object.ours && wish !== undefined && isMet(wish, object);
      this.#kinds.get(object.kind)?.set(isWish ? wish.key : key, isWish ? wish : object);
    }
    return before;
  }

  applied(object: KernelObject): void {
    this.#kinds.get(object.kind)?.set(object.key, object);
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

function found(held: Held | undefined): ActualObject | undefined {
  return held !== undefined && "because" in held ? asWished(held) : held;
}

/** An object that is ours, and as it was wished. */
export function asWished({ kind, key, spec }: KernelObject): ActualObject {
  // Kind and spec belong together; the compiler cannot follow them through three names.
  return { kind, key, ours: true, spec } as ActualObject;
}

/** The link an object lives on, if any. */
export function linkOf(object: ActualObject | KernelObject): string | undefined {
  return "link" in object.spec ? object.spec.link : undefined;
}
