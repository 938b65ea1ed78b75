// A Kernel port without a kernel, for tests and simulators: keeps objects in a map, and behaves as Linux does where that
// matters to the reconciler. An object needs its link, a link that goes takes what is on it along, one that goes down
// loses its routes without a word. So it is with nftables' tables and their elements. It can be told to fail, and to be
// meddled with as by somebody else.
import { LodenError } from "#spec/errors";
import { needsReplacement } from "./diff.ts";
import { linkOf } from "./known.ts";
import { linkKey, nftTableKey } from "./objects.ts";
import {
  OccupiedError,
  type Actual,
  type ActualObject,
  type Change,
  type Kernel,
  type KernelObject,
  type ObjectKind,
  type Observation,
  type Outcome,
  type Wanted,
} from "./port.ts";

export class FakeKernel implements Kernel {
  readonly objects = new Map<string, ActualObject>();
  /** The underlay and other links that are simply there. */
  readonly foreignLinks: Set<string>;
  /** Asked about every change and dump: an error to give, or undefined to go on. */
  failApply: (change: Change) => Error | undefined = () => undefined;
  failDump: (kind: ObjectKind) => Error | undefined = () => undefined;
  /** What was asked of it, for tests to look at. */
  readonly dumps: ObjectKind[][] = [];
  readonly batches: Change[][] = [];
  #watchers = new Set<(seen: readonly Observation[]) => void>();

  constructor(foreignLinks: readonly string[] = ["eth0"]) {
    this.foreignLinks = new Set(foreignLinks);
  }

  dump(kinds: ReadonlySet<ObjectKind>, wanted: Wanted): Actual {
    this.dumps.push([...kinds]);
    const failed = new Map<ObjectKind, Error>();
    for (const kind of kinds) {
      const error = this.failDump(kind);
      if (error !== undefined) failed.set(kind, error);
    }
    const objects = new Map<string, ActualObject>();
    for (const [key, object] of this.objects) {
      if (!kinds.has(object.kind) || failed.has(object.kind)) continue;
      if (object.ours || wanted.has(key)) objects.set(key, object);
    }
    return { objects, failed };
  }

  apply(changes: readonly Change[]): Outcome[] {
    this.batches.push([...changes]);
    const outcomes: Outcome[] = changes.map(() => undefined);
    // Links first, removals last, as the real one does.
    const order = [...changes.keys()].toSorted((a, b) => rank(changes[a]!) - rank(changes[b]!) || a - b);
    for (const index of order) outcomes[index] = this.failApply(changes[index]!) ?? this.#carryOut(changes[index]!);
    return outcomes;
  }

  watch(onObserved: (seen: readonly Observation[]) => void): Disposable {
    this.#watchers.add(onObserved);
    return { [Symbol.dispose]: () => this.#watchers.delete(onObserved) };
  }

  /** Somebody else makes or alters an object. */
  put(object: ActualObject): void {
    this.objects.set(object.key, object);
    this.#tell({ kind: object.kind, key: object.key, actual: object });
  }

  /** Somebody else removes an object; a link with all that is on it, of which the kernel tells only in part. */
  delete(key: string): void {
    const object = this.objects.get(key);
    if (object === undefined) return;
    this.#remove(object);
    this.#tell({ kind: object.kind, key });
  }

  /** Somebody else puts a link down: its routes are gone without a notification. */
  linkDown(name: string): void {
    const link = this.objects.get(linkKey(name));
    if (link?.kind !== "link" || !("up" in link.spec)) return;
    for (const [key, object] of this.objects) {
      if (object.kind === "route" && object.spec.link === name) this.objects.delete(key);
    }
    this.put({ ...link, spec: { ...link.spec, up: false } });
  }

  /** Notifications were lost. */
  overrun(kinds: readonly ObjectKind[]): void {
    this.#tell(...kinds.map((kind) => ({ kind })));
  }

  #carryOut(change: Change): Outcome {
    if (change.type === "remove") {
      this.#remove(change.actual);
      return undefined;
    }
    const { object } = change;
    const link = linkOf(object);
    const has = link === undefined || link === "" || this.foreignLinks.has(link) || this.objects.has(linkKey(link));
    if (!has) return new LodenError("ERR_NETLINK", `${object.key} cannot be made: there is no interface ${link}`);
    if (object.kind === "nft-element" && !this.objects.has(nftTableKey(object.spec.family, object.spec.table))) {
      return new LodenError("ERR_NFT", `${object.key} cannot be made: there is no table ${object.spec.table}`);
    }
    const there = this.objects.get(object.key);
    if (change.type === "add" && there !== undefined && (object.kind === "link" || object.kind === "route")) {
      return new OccupiedError("ERR_NETLINK", `${object.key} cannot be made: EEXIST`);
    }
    if (object.kind === "link" && there?.kind === "link" && needsReplacement(object.spec, there.spec))
      this.#remove(there);
    this.objects.set(object.key, asActual(object));
    this.#tell({ kind: object.kind, key: object.key, actual: asActual(object) });
    return undefined;
  }

  #remove(object: ActualObject): void {
    this.objects.delete(object.key);
    if (object.kind === "nft-table") {
      for (const [key, { kind, spec }] of this.objects) {
        if (kind === "nft-element" && spec.table === object.spec.name) this.objects.delete(key);
      }
    }
    if (object.kind !== "link") return;
    for (const [key, other] of this.objects) if (linkOf(other) === object.spec.name) this.objects.delete(key);
  }

  #tell(...seen: Observation[]): void {
    // As a notification does, it arrives when whatever caused it is over, and to those who watched by then.
    const watchers = [...this.#watchers];
    queueMicrotask(() => {
      for (const watcher of watchers) if (this.#watchers.has(watcher)) watcher(seen);
    });
  }
}

/** The object as it is found once it was made: ours. */
export function asActual(object: KernelObject, ours = true): ActualObject {
  const { kind, key, spec } = object;
  // Kind and spec belong together; the compiler cannot follow them through three names.
  return { kind, key, ours, spec } as ActualObject;
}

function rank(change: Change): number {
  const { kind } = change.type === "remove" ? change.actual : change.object;
  if (change.type === "remove") return kind === "link" || kind === "nft-table" ? 3 : 2;
  return kind === "link" || kind === "nft-table" ? 0 : 1;
}
