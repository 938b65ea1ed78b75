// The reconciler: holds what should be against what the kernel has, and applies the difference in one batch.
//
// Nothing is done because of one event. A lease event, a notification, a timer, a failed try only mark what to look at;
// marks that come together become one pass. Lease events mark their own keys, and those are compared with what is known
// without a dump. Notifications and timers mark kinds, and a dump finds the truth. Parts: desired.ts (what should be),
// known.ts (what is believed), diff.ts (the difference), pass.ts (one pass, turns.ts a large one), marked.ts (what to look at),
// timetable.ts and patience.ts (when), retries.ts (what failed), peers.ts (leases).
import type { Clock } from "../clock.ts";
import type { Lease } from "../lease/types.ts";
import { DesiredState } from "./desired.ts";
import { isMet } from "./diff.ts";
import { Fights } from "./fights.ts";
import { inspect, type Inspection } from "./inspect.ts";
import { Known } from "./known.ts";
import { BASE, KINDS, LIMITS } from "./objects.ts";
import { Marked } from "./marked.ts";
import { Pass } from "./pass.ts";
import { Patience } from "./patience.ts";
import { Peers } from "./peers.ts";
import type { Kernel, KernelObject, Observation, ObjectKind } from "./port.ts";
import type { Fabric, ReconcileEvent, Reconciler, ReconcilerOptions, ReconcilerState } from "./reconciler.ts";
import { Retries } from "./retries.ts";
import { Timetable } from "./timetable.ts";

export type { Fabric, Failure, ReconcileEvent, Reconciler, ReconcilerOptions, ReconcilerState } from "./reconciler.ts";

/** How often what changes without a notification is compared, unless the options say otherwise. */
const RESYNC_MS = 30_000;

/** Marks that come within this many milliseconds are one pass. */
const GATHER_MS = 10;

/** Leases go on while what somebody fights over waits. */
const NO_KINDS = { kinds: new Set<ObjectKind>(), culprits: new Map<string, string[]>() };

/** Milliseconds to wait after a pass that broke off. */
const TROUBLE_MS = 1_000;

export function createReconciler(options: ReconcilerOptions): Reconciler {
  return new Loop(options);
}

class Loop implements Reconciler {
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #tell: (event: ReconcileEvent) => void;
  readonly #desired = new DesiredState();
  readonly #known = new Known();
  readonly #peers: Peers;
  readonly #retries: Retries;
  readonly #pass: Pass;
  #fabric: Fabric;
  readonly #marks: Marked;
  /** The leases are all known: what nobody wants may go. */
  #complete = false;
  #passes = 0;
  #lastPassMs = 0;
  #drift = 0;
  readonly #patience: Patience;
  readonly #fights: Fights;
  readonly #timetable: Timetable;
  #isReady = false;
  #wake: (() => void) | undefined;
  readonly #ready = Promise.withResolvers<void>();
  #settling: (() => void)[] = [];

  constructor(options: ReconcilerOptions) {
    this.#kernel = options.kernel;
    this.#clock = options.clock;
    this.#marks = new Marked(this.#kernel, KINDS);
    this.#patience = new Patience(this.#clock);
    this.#timetable = new Timetable(this.#clock, options.resyncMs ?? RESYNC_MS);
    this.#tell = options.onEvent ?? (() => undefined);
    this.#fabric = options.fabric;
    this.#retries = new Retries(this.#clock);
    this.#fights = new Fights(this.#clock);
    this.#peers = new Peers(this.#desired, this.#tell);
    this.#pass = new Pass(this.#kernel, this.#desired, this.#known, this.#retries, this.#clock, this.#tell);
    this.#setBase();
  }

  start(signal: AbortSignal): void {
    const watch = this.#kernel.watch((seen) => this.#observe(seen));
    signal.addEventListener("abort", () => watch[Symbol.dispose](), { once: true });
    void this.#run(signal);
  }

  configure(fabric: Fabric): void {
    this.#fabric = fabric;
    const touched = [this.#setBase(), this.#peers.reconfigure(fabric)];
    for (const keys of touched) this.#mark([], keys);
  }

  setLimits(objects: readonly KernelObject[]): void {
    const wanted = objects.map((object) => ({ ...object, because: LIMITS }));
    // By a dump: what nobody has read yet may be more than what is wanted.
    this.#mark(["sysctl"], this.#desired.set(LIMITS, wanted));
  }

  replaceLeases(leases: readonly Lease[]): void {
    const touched = this.#peers.replace(this.#fabric, leases);
    // From now on strays may go, so everything has to be looked at once.
    this.#mark(this.#complete ? [] : KINDS, touched);
    this.#complete = true;
  }

  putLease(lease: Lease): void {
    this.#mark([], this.#peers.put(this.#fabric, lease));
  }

  deleteLease(key: string): void {
    this.#mark([], this.#peers.delete(this.#fabric, key));
  }

  resync(): void {
    this.#mark(KINDS, []);
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settling.push(resolve);
      // A rest that is under way is answered at once; a pass answers at its end.
      if (this.#wake !== undefined) this.#answerSettled();
    });
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  state(): ReconcilerState {
    const countApplied = (): number => this.#countApplied();
    return {
      desired: Object.fromEntries(KINDS.map((kind) => [kind, this.#desired.count(kind)])) as Record<ObjectKind, number>,
      // Looks at every object: only for who asks.
      get applied() {
        return countApplied();
      },
      failed: [...this.#retries.list(), ...this.#pass.conflicts()],
      peers: this.#peers.count,
      refused: this.#peers.refused(),
      ignored: this.#peers.ignored(),
      passes: this.#passes,
      lastPassMs: this.#lastPassMs,
      driftRepaired: this.#drift,
      fights: this.#fights.list(),
      ready: this.#isReady,
    };
  }

  inspect(): Inspection {
    return inspect(this.#kernel, this.#desired, this.#complete);
  }

  #countApplied(): number {
    let applied = 0;
    for (const object of this.#desired.objects()) if (this.#isApplied(object)) applied++;
    return applied;
  }

  /** Until the signal aborts: rest until there is something to do, gather what comes together, do it. */
  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#rest(signal);
        await this.#clock.sleep(GATHER_MS, signal);
        await this.#onePass(signal);
      } catch (error) {
        // signal can abort while it sleeps
        if (signal.aborted) return;
        this.#tell({ type: "trouble", error: error instanceof Error ? error : new Error(String(error)) });
        this.#mark(KINDS, []);
        await this.#clock.sleep(TROUBLE_MS, signal).catch(() => undefined);
      }
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    // A lease's keys never wait for what somebody fights over.
    while (!this.#marks.hasKeys && (!this.#marks.hasKinds || this.#patience.delay > 0)) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      this.#answerSettled();
      const answer = this.#marks.hasKinds ? this.#patience.delay : undefined;
      const times = [answer, this.#retries.nextDelay(), this.#fights.nextDelay()];
      const next = Math.min(this.#timetable.delay, ...times.map((time) => time ?? Infinity));
      try {
        await this.#clock.sleep(Math.max(0, next), AbortSignal.any([signal, woken.signal]));
        return;
      } catch (error) {
        if (signal.aborted) throw error;
      } finally {
        this.#wake = undefined;
      }
    }
  }

  async #onePass(signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#mark(this.#timetable.take(), []);
    const keys = this.#marks.takeKeys();
    const { kinds, culprits } = this.#patience.delay <= 0 ? this.#marks.takeKinds() : NO_KINDS;
    this.#passes++;
    const { changes, failures, repairs, dumped, adopted } = await this.#pass.run(
      kinds,
      keys,
      this.#complete,
      culprits,
      signal,
    );
    this.#lastPassMs = this.#clock.monotonic() - now;
    this.#drift += repairs.length;
    if (adopted) this.#mark(KINDS, []);
    if (repairs.length > 0) {
      this.#patience.repaired(now);
      this.#fights.repaired(repairs);
    }
    const fights = this.#fights.news();
    if (fights !== undefined) this.#tell({ type: "fight", fights });
    this.#isReady = this.#desired.ownedBy(BASE).every((object) => this.#isApplied(object));
    if (this.#isReady) this.#ready.resolve();
    const ms = this.#lastPassMs;
    this.#tell({ type: "pass", changes, failures, drift: repairs.length, dumped, ms, ready: this.#isReady });
  }

  /** What a notification tells matters when it differs from what is wanted. Our own writes do not. */
  #observe(seen: readonly Observation[]): void {
    // Of several about one object the last one tells how it is now.
    const latest = new Map(seen.map((each) => [each.key ?? each.kind, each]));
    const kinds = new Set<ObjectKind>();
    for (const [place, observation] of latest) {
      if (this.#isExpected(observation)) continue;
      kinds.add(observation.kind);
      this.#marks.suspect(place, observation.by);
    }
    // The kernel drops what is on a link without a word when the link goes down or away.
    const all = kinds.has("link");
    if (kinds.size > 0) this.#retries.hurry();
    if (kinds.size > 0) this.#mark(all ? KINDS : kinds, []);
  }

  #isExpected({ kind, key, actual }: Observation): boolean {
    if (key === undefined) return false;
    const object = this.#desired.get(key);
    if (object !== undefined) return actual !== undefined && isMet(object, actual);
    // A stray of ours that is known already is on its way out.
    return actual?.ours !== true || this.#known.get(kind, key) !== undefined;
  }

  #setBase(): Set<string> {
    const { backends, node, extras } = this.#fabric;
    const objects = [...backends.flatMap((backend) => backend.base(node)), ...extras];
    return this.#desired.set(
      BASE,
      objects.map((object) => ({ ...object, because: BASE })),
    );
  }

  #isApplied(object: KernelObject): boolean {
    const found = this.#known.get(object.kind, object.key);
    return found !== undefined && isMet(object, found);
  }

  #mark(kinds: Iterable<ObjectKind>, keys: Iterable<string>): void {
    this.#marks.add(kinds, keys);
    if (!this.#marks.isEmpty) this.#wake?.();
  }

  #answerSettled(): void {
    if (!this.#marks.isEmpty) return;
    for (const resolve of this.#settling.splice(0)) resolve();
  }
}
