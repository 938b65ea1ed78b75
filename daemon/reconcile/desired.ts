// The desired state: a map by key, fed by owners (the base, each lease). Changing one owner costs that owner's objects
// alone and tells which keys it touched.
//
// Where two owners want different things of one key, the one that was there first keeps it and the other is reported:
// a lease that turns up later, by mistake or malice, cannot take over another's route. When the first leaves, the next
// in line takes its place.
import { LodenError } from "#spec/errors";
import { sameSpec } from "./diff.ts";
import type { Because, KernelObject, ObjectKind } from "./port.ts";

export class DesiredState {
  readonly #byOwner = new Map<Because, readonly KernelObject[]>();
  /** Per key the wishes in order of arrival; the first one holds. One entry is by far the usual case. */
  readonly #claims = new Map<string, KernelObject[]>();
  readonly #contested = new Set<string>();
  readonly #counts = new Map<ObjectKind, number>();

  /** What holds for a key. */
  get(key: string): KernelObject | undefined {
    return this.#claims.get(key)?.[0];
  }

  /** Distinct keys. */
  get size(): number {
    return this.#claims.size;
  }

  count(kind: ObjectKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  keys(): Iterable<string> {
    return this.#claims.keys();
  }

  *objects(): Generator<KernelObject> {
    for (const claims of this.#claims.values()) yield claims[0]!;
  }

  of(owner: Because): readonly KernelObject[] {
    return this.#byOwner.get(owner) ?? [];
  }

  owners(): Because[] {
    return [...this.#byOwner.keys()];
  }

  /** Makes `objects` all that `owner` wants; the keys whose wish may have changed. */
  set(owner: Because, objects: readonly KernelObject[]): Set<string> {
    const touched = new Set<string>();
    const before = this.#byOwner.get(owner) ?? [];
    const wanted = new Map(objects.map((object) => [object.key, object]));
    for (const old of before) {
      if (wanted.has(old.key)) continue;
      this.#withdraw(old);
      touched.add(old.key);
    }
    for (const object of wanted.values()) {
      this.#claim(object, owner);
      touched.add(object.key);
    }
    if (objects.length === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, [...wanted.values()]);
    return touched;
  }

  /** Two reasons that want different things of one object, per key. */
  conflicts(): Map<string, LodenError> {
    const found = new Map<string, LodenError>();
    for (const key of this.#contested) {
      const [holder, ...others] = this.#claims.get(key)!;
      const losers = others.filter((other) => !sameSpec(other, holder!)).map((other) => other.because);
      found.set(
        key,
        new LodenError(
          "ERR_KERNEL_CONFLICT",
          `${key} is wanted by ${holder!.because} and, differently, by ${losers.join(", ")}; ${holder!.because} was ` +
            "first and keeps it until one of them is gone",
          { fields: { key, holder: holder!.because, others: losers.join(",") } },
        ),
      );
    }
    return found;
  }

  #claim(object: KernelObject, owner: Because): void {
    const claims = this.#claims.get(object.key);
    if (claims === undefined) {
      this.#claims.set(object.key, [object]);
      this.#counts.set(object.kind, this.count(object.kind) + 1);
      return;
    }
    const mine = claims.findIndex((claim) => claim.because === owner);
    if (mine < 0) claims.push(object);
    else claims[mine] = object;
    this.#judge(object.key, claims);
  }

  #withdraw(object: KernelObject): void {
    const claims = this.#claims.get(object.key);
    if (claims === undefined) return;
    const left = claims.filter((claim) => claim.because !== object.because);
    if (left.length === 0) {
      this.#claims.delete(object.key);
      this.#contested.delete(object.key);
      this.#counts.set(object.kind, this.count(object.kind) - 1);
    } else {
      this.#claims.set(object.key, left);
      this.#judge(object.key, left);
    }
  }

  #judge(key: string, claims: readonly KernelObject[]): void {
    const [holder, ...others] = claims;
    if (others.some((other) => !sameSpec(other, holder!))) this.#contested.add(key);
    else this.#contested.delete(key);
  }
}
