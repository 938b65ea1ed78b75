// One pass: dump what is marked, compare, apply the difference in one batch, book the outcomes. A large one takes turns with
// the rest of the daemon, so that thousands of peers hold up no renewal of a lease and no answer to a probe.
import { LodenError } from "#spec/errors";
import type { Clock } from "../clock.ts";
import type { DesiredState } from "./desired.ts";
import { diff, isMet, needsReplacement } from "./diff.ts";
import { linkOf, type Beliefs, type Known } from "./known.ts";
import type { FailedChange, Failure, ReconcileEvent, Repair } from "./reconciler.ts";
import { KINDS, kindOfKey } from "./objects.ts";
import { OccupiedError, type ActualObject, type Change, type Kernel, type ObjectKind, type Outcome } from "./port.ts";
import type { Retries } from "./retries.ts";
import { slices, yieldTurn } from "./turns.ts";

export interface PassResult {
  readonly changes: number;
  readonly failures: number;
  /** What others had altered and this pass put right. */
  readonly repairs: readonly Repair[];
  readonly dumped: readonly ObjectKind[];
  /** A link that others made is ours now, and with it what is on it: that has to be looked at in this light. */
  readonly adopted: boolean;
}

type Before = ReadonlyMap<ObjectKind, Beliefs>;

/** Who was seen to alter an object, by its key or its kind. */
export type Culprits = ReadonlyMap<string, readonly string[]>;

export class Pass {
  readonly #kernel: Kernel;
  readonly #desired: DesiredState;
  readonly #known: Known;
  readonly #retries: Retries;
  readonly #clock: Clock;
  readonly #tell: (event: ReconcileEvent) => void;
  readonly #conflicts = new Map<string, Failure>();
  /** What this pass has to tell at its end. */
  #failed: FailedChange[] = [];
  #recovered: string[] = [];

  constructor(
    kernel: Kernel,
    desired: DesiredState,
    known: Known,
    retries: Retries,
    clock: Clock,
    tell: (event: ReconcileEvent) => void,
  ) {
    this.#kernel = kernel;
    this.#desired = desired;
    this.#known = known;
    this.#retries = retries;
    this.#clock = clock;
    this.#tell = tell;
  }

  /**
   * `marked` kinds are dumped; `keys` are compared with what is known. Nothing is removed unless `prune`.
   * Wishes that change meanwhile are for the next pass, which their keys are marked for.
   * @param culprits for what is told of repairs
   * @param signal ends it between two turns, with what was done until then
   */
  async run(
    marked: ReadonlySet<ObjectKind>,
    keys: ReadonlySet<string>,
    prune: boolean,
    culprits: Culprits,
    signal: AbortSignal,
  ): Promise<PassResult> {
    const kinds = new Set([...marked, ...this.#kindsToRetry()]);
    // What is on a link can be judged only together with the link, which may have just gone.
    if (kinds.size > 0) kinds.add("link");
    // As with a table and what is in its sets.
    if (kinds.has("nft-table")) kinds.add("nft-element");
    const { before, dumped } = this.#refresh(kinds);
    const changes = this.#changes(dumped, keys, prune);
    const outcomes = await this.#apply(changes, signal);
    const noLink = failedLinks(changes, outcomes);
    const lost = this.#lostLinks(changes, before);
    let failures = 0;
    const repairs: Repair[] = [];
    // What went with a link, or was told of as a kind, is the work of whoever was seen at all.
    const anybody = [...new Set([...culprits.values()].flat())];
    for (const [index, change] of changes.entries()) {
      const error = outcomes[index];
      const wasDrift = this.#isDrift(change, before) || lost.has(linkOfChange(change) ?? "");
      if (!this.#book(change, error, noLink)) failures++;
      else if (wasDrift) {
        const by = culprits.get(keyOf(change)) ?? anybody;
        repairs.push({ key: keyOf(change), change: change.type, ...(by.length === 0 ? {} : { by }) });
      }
    }
    this.#bookConflicts();
    this.#report(repairs);
    const adopted = changes.some((change, index) => outcomes[index] === undefined && isAdoption(change));
    return { changes: changes.length, failures, repairs, dumped: [...dumped], adopted };
  }

  conflicts(): Failure[] {
    return [...this.#conflicts.values()];
  }

  /** What failed is tried again by looking at its kind anew. */
  #kindsToRetry(): Set<ObjectKind> {
    const kinds = new Set<ObjectKind>();
    for (const key of this.#retries.due()) {
      const kind = kindOfKey(key) ?? KINDS.find((each) => key === dumpKey(each));
      if (kind !== undefined) kinds.add(kind);
    }
    return kinds;
  }

  #refresh(kinds: ReadonlySet<ObjectKind>): { before: Before; dumped: Set<ObjectKind> } {
    if (kinds.size === 0) return { before: new Map(), dumped: new Set() };
    const actual = this.#kernel.dump(kinds, this.#desired);
    const dumped = new Set(kinds);
    for (const kind of kinds) {
      const error = actual.failed.get(kind);
      if (error === undefined) {
        this.#succeeded(dumpKey(kind));
        continue;
      }
      dumped.delete(kind);
      const key = dumpKey(kind);
      if (this.#retries.failed(key, error).isNews) this.#failed.push({ key, because: "comparison", error });
    }
    const before = this.#known.replace(actual, kinds, this.#desired);
    for (const { key } of this.#retries.list()) {
      const kind = kindOfKey(key);
      if (kind === undefined || !kinds.has(kind)) continue;
      if (!dumped.has(kind)) this.#retries.postpone(key);
      // Somebody else may have brought about what we could not.
      else if (this.#isSettled(kind, key)) this.#succeeded(key);
    }
    return { before, dumped };
  }

  #isSettled(kind: ObjectKind, key: string): boolean {
    const object = this.#desired.get(key);
    const found = this.#known.get(kind, key);
    return object === undefined ? found?.ours !== true : found !== undefined && isMet(object, found);
  }

  #changes(dumped: ReadonlySet<ObjectKind>, keys: ReadonlySet<string>, prune: boolean): Change[] {
    const candidates = new Set<string>();
    if (dumped.size > 0) {
      for (const kind of dumped) {
        for (const object of this.#desired.of(kind)) candidates.add(object.key);
        for (const key of this.#known.keysOf(kind)) candidates.add(key);
      }
    }
    for (const key of keys) candidates.add(key);
    const actual = { get: (key: string) => this.#find(key) };
    const links = diff(this.#desired, actual, [...candidates].filter(isLinkKey), prune);
    for (const change of links) {
      const { name, kinds } = flushed(change);
      if (kinds.length === 0 || this.#waits(change, keys)) continue;
      // What is wanted elsewhere moves away before a link that nobody wants is removed, at the end.
      const isMoved = (key: string): boolean => change.type === "remove" && this.#desired.has(key);
      this.#known.forgetLink(name, kinds, isMoved);
      for (const kind of kinds) {
        for (const object of this.#desired.of(kind)) if (linkOf(object) === name) candidates.add(object.key);
      }
    }
    return diff(this.#desired, actual, candidates, prune).filter((change) => {
      // A kind that was never read is left alone: what stands there is not known.
      if (!this.#known.has(kindOf(change))) return false;
      return !this.#waits(change, keys);
    });
  }

  /** A failed change waits for its time, unless what is wanted has just been said anew. */
  #waits(change: Change, keys: ReadonlySet<string>): boolean {
    const key = keyOf(change);
    return !keys.has(key) && this.#retries.waits(key);
  }

  #find(key: string): ActualObject | undefined {
    const kind = kindOfKey(key);
    return kind === undefined ? undefined : this.#known.get(kind, key);
  }

  /** One outcome per change; what must not be touched is not handed to the kernel at all. */
  async #apply(changes: readonly Change[], signal: AbortSignal): Promise<Outcome[]> {
    const byChange = new Map<Change, Outcome>();
    let isFirst = true;
    for (const slice of slices(changes.filter((change) => refusal(change) === undefined))) {
      if (!isFirst) await yieldTurn(signal);
      isFirst = false;
      const outcomes = this.#kernel.apply(slice);
      for (const [index, change] of slice.entries()) byChange.set(change, outcomes[index]);
    }
    return changes.map((change) => refusal(change) ?? byChange.get(change));
  }

  #isDrift(change: Change, before: Before): boolean {
    const kind = kindOf(change);
    const old = before.get(kind);
    if (old === undefined) return false;
    const was = old.get(keyOf(change));
    return change.type === "remove" ? was === undefined : was !== undefined && isMet(change.object, was);
  }

  /** Links that others took away or spoilt, and with them all that was on them, whether that was dumped or not. */
  #lostLinks(changes: readonly Change[], before: Before): Set<string> {
    const lost = new Set<string>();
    for (const change of changes) {
      if (change.type === "remove" || change.object.kind !== "link" || !this.#isDrift(change, before)) continue;
      if (flushed(change).kinds.length > 0) lost.add(change.object.spec.name);
    }
    return lost;
  }

  /** True for a success. */
  #book(change: Change, error: Outcome, noLink: ReadonlySet<string>): boolean {
    const key = keyOf(change);
    if (error !== undefined) {
      const because = change.type === "remove" ? "no longer wanted" : change.object.because;
      const { tries, isNews } = this.#retries.failed(key, error);
      const news = error instanceof OccupiedError ? tries === 2 : isNews;
      // Thousands of objects fail with their link; one of these is enough to tell.
      const link = linkOfChange(change);
      if (news && (link === undefined || !noLink.has(link))) this.#failed.push({ key, because, error });
      return false;
    }
    if (change.type === "remove") this.#known.removed(change.actual);
    else this.#known.applied(change.object);
    this.#succeeded(key);
    return true;
  }

  #succeeded(key: string): void {
    if (this.#retries.succeeded(key)) this.#recovered.push(key);
  }

  #report(repairs: readonly Repair[]): void {
    if (this.#failed.length > 0) this.#tell({ type: "failed", failures: this.#failed });
    if (this.#recovered.length > 0) this.#tell({ type: "recovered", keys: this.#recovered });
    if (repairs.length > 0) this.#tell({ type: "drift", repairs });
    this.#failed = [];
    this.#recovered = [];
  }

  #bookConflicts(): void {
    const now = this.#desired.conflicts();
    for (const key of this.#conflicts.keys()) {
      if (now.has(key)) continue;
      this.#conflicts.delete(key);
      this.#recovered.push(key);
    }
    for (const [key, error] of now) {
      const old = this.#conflicts.get(key);
      if (old?.error.message === error.message) continue;
      this.#conflicts.set(key, { key, error, since: old?.since ?? this.#clock.wall(), tries: 1 });
      this.#failed.push({ key, because: this.#desired.get(key)?.because ?? "", error });
    }
  }
}

function keyOf(change: Change): string {
  return change.type === "remove" ? change.actual.key : change.object.key;
}

function kindOf(change: Change): ObjectKind {
  return change.type === "remove" ? change.actual.kind : change.object.kind;
}

function dumpKey(kind: ObjectKind): string {
  return `dump of ${kind}`;
}

function linkOfChange(change: Change): string | undefined {
  return linkOf(change.type === "remove" ? change.actual : change.object);
}

function isAdoption(change: Change): boolean {
  return change.type === "update" && change.object.kind === "link" && !change.actual.ours;
}

function failedLinks(changes: readonly Change[], outcomes: readonly Outcome[]): Set<string> {
  const names = new Set<string>();
  for (const [index, change] of changes.entries()) {
    if (outcomes[index] === undefined || change.type === "remove") continue;
    if (change.object.kind === "link") names.add(change.object.spec.name);
  }
  return names;
}

function isLinkKey(key: string): boolean {
  return key.startsWith("link ");
}

/**
 * What the kernel drops from a link by itself when a change is carried out, and has to be made anew: everything when
 * the link is made or removed, its neighbours when it gets another MAC (neigh_changeaddr in net/core/neighbour.c).
 */
function flushed(change: Change): { name: string; kinds: readonly ObjectKind[] } {
  const everything = KINDS.filter((kind) => kind !== "link");
  if (change.type === "remove") return { name: linkName(change.actual), kinds: everything };
  const { object } = change;
  if (object.kind !== "link") return { name: "", kinds: [] };
  const { name, mac } = object.spec;
  const is = change.type === "update" && change.actual.kind === "link" ? change.actual.spec : undefined;
  if (is === undefined || needsReplacement(object.spec, is)) return { name, kinds: everything };
  const had = "mac" in is ? is.mac : undefined;
  const keepsMac = mac === undefined || had?.equals(mac) === true;
  return { name, kinds: keepsMac ? [] : ["neighbour"] };
}

function linkName(actual: ActualObject): string {
  return actual.kind === "link" ? actual.spec.name : "";
}

function refusal(change: Change): LodenError | undefined {
  if (change.type !== "update" || change.actual.untouchable === undefined) return undefined;
  const { key, because } = change.object;
  return new LodenError("ERR_KERNEL_CONFLICT", `${key}, wanted by ${because}, ${change.actual.untouchable}`, {
    fields: { key, because },
  });
}
