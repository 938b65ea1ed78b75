// The desired state: a map by key, fed by owners (the base, each lease). Changing one owner costs that owner's objects
// alone and tells which keys it touched.
//
// Where two owners want different things of one key, the one that was there first keeps it and the other is reported:
// a lease that turns up later, by mistake or malice, cannot take over another's route. When the first leaves, the next
// in line takes its place.
import { LodenError } from "#spec/errors";
import { sameSpec } from "./diff.ts";
import { KINDS, kindOfKey } from "./objects.ts";
import type { Because, KernelObject, ObjectKind } from "./port.ts";

export class DesiredState {
  readonly #byOwner = new Map<Because, readonly KernelObject[]>();
  /**
   * Per kind and key the wishes in order of arrival; the first one holds. One wish is by far the usual case, and stands
   * there without a list around it.
   */
  readonly #claims = new Map<ObjectKind, Map<string, KernelObject | readonly KernelObject[]>>(
    KINDS.map((kind) => [kind, new Map()]),
  );
  readonly #contested = new Set<string>();

  /** What holds for a key. */
  get(key: string): KernelObject | undefined {
    return holderOf(this.#claimsOf(key)?.get(key));
  }

  has(key: string): boolean {
    return this.#claimsOf(key)?.has(key) === true;
  }

  count(kind: ObjectKind): number {
    return this.#claims.get(kind)!.size;
  }

  /** What holds for the keys of one kind. */
  *of<Kind extends ObjectKind>(kind: Kind): Generator<KernelObject<Kind>> {
    // The map of a kind holds objects of that kind alone.
    for (const claims of this.#claims.get(kind)!.values()) yield holderOf(claims) as KernelObject<Kind>;
  }

  *objects(): Generator<KernelObject> {
    for (const kind of KINDS) yield* this.of(kind);
  }

  ownedBy(owner: Because): readonly KernelObject[] {
    return this.#byOwner.get(owner) ?? [];
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
    else this.#byOwner.set(owner, wanted.size === objects.length ? objects : [...wanted.values()]);
    return touched;
  }

  /** Two reasons that want different things of one object, per key. */
  conflicts(): Map<string, LodenError> {
    const found = new Map<string, LodenError>();
    for (const key of this.#contested) {
      const [holder, ...others] = listOf(this.#claimsOf(key)!.get(key));
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

  #claimsOf(key: string): ReadonlyMap<string, KernelObject | readonly KernelObject[]> | undefined {
    const kind = kindOfKey(key);
    return kind === undefined ? undefined : this.#claims.get(kind);
  }

  #claim(object: KernelObject, owner: Because): void {
    const ofKind = this.#claims.get(object.kind)!;
    const claims = listOf(ofKind.get(object.key));
    const mine = claims.findIndex((claim) => claim.because === owner);
    this.#store(object.key, ofKind, mine < 0 ? [...claims, object] : claims.with(mine, object));
  }

  #withdraw(object: KernelObject): void {
    const ofKind = this.#claims.get(object.kind)!;
    const claims = listOf(ofKind.get(object.key));
    this.#store(
      object.key,
      ofKind,
      claims.filter((claim) => claim.because !== object.because),
    );
  }

  #store(
    key: string,
    ofKind: Map<string, KernelObject | readonly KernelObject[]>,
    claims: readonly KernelObject[],
  ): void {
    const [holder, ...others] = claims;
    if (holder === undefined) ofKind.delete(key);
    else ofKind.set(key, others.length === 0 ? holder : claims);
    if (holder !== undefined && others.some((other) => !sameSpec(other, holder))) this.#contested.add(key);
    else this.#contested.delete(key);
  }
}

function listOf(claims: KernelObject | readonly KernelObject[] | undefined): readonly KernelObject[] {
  if (claims === undefined) return [];
  return "kind" in claims ? [claims] : claims;
}

function holderOf(claims: KernelObject | readonly KernelObject[] | undefined): KernelObject | undefined {
  return claims === undefined || "kind" in claims ? claims : claims[0];
}
