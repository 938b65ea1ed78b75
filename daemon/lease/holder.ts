// Holds this node's lease: takes one, keeps it alive, takes it again when it was lost and nobody has it, and says so when
// somebody has. It never gives up a subnet by itself and never stops the daemon: containers run in that subnet.
// Every write is a compare-and-swap on the record's mod revision.
import type { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import { Backoff } from "../store/backoff.ts";
import { Doorbell } from "../doorbell.ts";
import type { Entry, Snapshot, WatchResult } from "../store/port.ts";
import { chooseLease, isOwnRecord, overlapsKey } from "./choice.ts";
import {
  clearLeftovers,
  disputeError,
  HEARTBEAT_SECONDS,
  inThirdOfLife,
  lostError,
  renewalError,
  renewalInterval,
  renewUnlessSilent,
  sightings,
  SILENCE_SECONDS,
  silenceOf,
  subnetText,
  WRITE_AFTER_SECONDS,
} from "./conflict.ts";
import { decodeLease } from "./record.ts";
import { deleteRecord, type ReleaseOutcome, releaseRecord } from "./release-record.ts";
import { retake } from "./retake.ts";
import { findRival, termsBesideRivals } from "./rival.ts";
import {
  type Held,
  type HeldLease,
  type HolderOptions,
  LEASE_TTL_SECONDS,
  recordValue,
  type Terms,
  unrecorded,
} from "./terms.ts";
import type { Lease, PerFamily } from "./types.ts";

/** Lost races in a row before the next try waits: each one means that somebody else got on. */
const PATIENCE = 5;

export class LeaseHolder {
  readonly #options: HolderOptions;
  #terms: Terms;
  readonly #ttl: number;
  readonly #margin: number;
  #held: Held | undefined;
  /** The store says that our record is gone or is another's. */
  #lost = false;
  #lastSeen = 0n;
  /** The latest revision at which the watch saw our record gone or another's: it may be ahead of an answer to a write. */
  #contradicted = 0n;
  /** Held on the word of an earlier run; the store has not confirmed it yet. */
  #isAssumed = false;
  #conflict: LodenError | undefined;
  readonly #bell = new Doorbell();
  /** Key of the lease that acquire() is about to take, by what the store told last. */
  wanted: string | undefined;
  /** Called when `conflict` may have changed. */
  onConflict: () => void = () => undefined;

  constructor(options: HolderOptions) {
    this.#options = options;
    this.#terms = options;
    this.#ttl = options.ttlSeconds ?? LEASE_TTL_SECONDS;
    this.#margin = Math.min(options.renewMarginSeconds, this.#ttl / 2);
  }

  get held(): HeldLease | undefined {
    return this.#held;
  }

  /** The record of the subnet that is held is not known to be ours. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Held on the word of an earlier run. */
  get isAssumed(): boolean {
    return this.#isAssumed;
  }

  /** Another has the record of the subnet that is held. */
  get conflict(): LodenError | undefined {
    return this.#lost ? this.#conflict : undefined;
  }

  /** The record says what it should. */
  get isCurrent(): boolean {
    return !this.#lost && !this.#isStale;
  }

  /** Changes what the record is to say; keep() writes it. */
  restate(terms: Partial<Terms>): void {
    this.#terms = { ...this.#terms, ...terms };
    this.#bell.ring();
  }

  /**
   * Holds the lease of an earlier run without asking the store, which does not answer. keep() finds out whose it is now.
   * @throws LodenError ERR_LEASE_INVALID
   */
  assume(key: string, value: string): Lease {
    this.#isAssumed = true;
    return this.#holdUnrecorded(key, value);
  }

  /**
   * Gives the lease back: deletes the record if it is still ours. Not while keep() runs, which would take it again.
   * Resolves to what became of it: a reservation is the user's and stays, and so does a record of another's.
   * @param onGone called as soon as the record is gone
   */
  async release(signal: AbortSignal, onGone: () => void = () => undefined): Promise<ReleaseOutcome> {
    const held = this.#held;
    if (held === undefined) return "not ours";
    const outcome = await releaseRecord(this.#options, held, this.#terms.claimant, signal, onGone);
    if (outcome === "released") this.#held = undefined;
    return outcome;
  }

  /**
   * Takes a lease, however long it takes: waits while the store does not answer, while all subnets are leased, while
   * another live node has our address. Rejects on abort, and with errors that waiting cannot help.
   * @param known what the store told just now, which saves asking it the first time
   */
  async acquire(signal: AbortSignal, known?: Snapshot): Promise<Lease> {
    const { store, clock, random, onTrouble } = this.#options;
    const backoff = new Backoff(clock, random);
    for (let tries = 1; this.#held === undefined; tries++) {
      try {
        const snapshot = (tries === 1 ? known : undefined) ?? (await store.snapshot(signal));
        const wait = await this.#tryAcquire(snapshot, tries - 1, signal);
        onTrouble("store", undefined);
        if (wait > 0) await clock.sleep(wait * 1_000, signal);
        else if (tries > PATIENCE) await backoff.wait(signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof LodenError) || !error.retry) throw error;
        const isAboutLeases = error.code === "ERR_OUT_OF_SUBNETS" || error.code === "ERR_LEASE_CONFLICT";
        onTrouble(isAboutLeases ? "lease" : "store", error);
        if (isAboutLeases) onTrouble("store", undefined);
        await backoff.wait(signal);
      }
    }
    onTrouble("lease", undefined);
    return this.#held.lease;
  }

  /** Keeps the lease until `signal` aborts; then resolves and leaves the lease to live on. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, random, onTrouble, log } = this.#options;
    // A store that returns gives leases their life anew: half a renewal's interval is soon enough to use it.
    const backoff = new Backoff(clock, random, renewalInterval(this.#ttl, this.#margin) * 500);
    while (!signal.aborted) {
      try {
        await inThirdOfLife(clock, this.#ttl, signal, (scope) => {
          if (!this.#lost) return this.#renew(scope);
          return this.#isAssumed ? this.#confirm(scope) : this.#restore(scope);
        });
        this.#setConflict(undefined);
        onTrouble("lease-renewal", undefined);
        backoff.reset();
        await this.#pause(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof LodenError && error.code === "ERR_LEASE_CONFLICT") this.#setConflict(error);
        const cause = error instanceof Error ? error : new Error(String(error));
        const left = this.#secondsLeft();
        onTrouble("lease-renewal", left === undefined || left > this.#margin ? cause : renewalError(left, cause));
        log.debug({ err: error }, "the lease could not be renewed");
        if ((await this.#bell.wait(clock, backoff.next(), signal)) === "rung") backoff.reset();
      }
    }
  }

  /** What the store's watch saw, our own record among it. */
  observe(result: WatchResult): void {
    const held = this.#held;
    if (held === undefined) return;
    const isRolledBack = result.revision < this.#lastSeen;
    this.#lastSeen = result.revision;
    if (isRolledBack) this.#contradicted = 0n;
    // The stream may be behind our latest write; what it tells of the time before means nothing now.
    if (result.revision < held.entry.modRevision && !isRolledBack) return;
    for (const { entry, revision } of sightings(result, held.entry.key)) {
      if (result.type === "snapshot" || revision > held.entry.modRevision) this.#compare(entry, revision);
    }
  }

  /** Our record as the store has it at a revision. */
  #compare(entry: Entry | undefined, revision: bigint): void {
    const held = this.#held!;
    if (entry?.value === held.value) {
      held.entry = entry;
      this.#lost = false;
      this.#confirmed();
      return;
    }
    this.#contradicted = revision;
    this.#lost = true;
    this.#bell.ring();
  }

  /** One round from what there is; resolves to the seconds to wait before the next, or holds the lease. */
  async #tryAcquire({ entries, released = [] }: Snapshot, lostRaces: number, signal: AbortSignal): Promise<number> {
    const { store, random, log } = this.#options;
    const { network, claimant } = this.#terms;
    const choice = chooseLease({ entries, released, lostRaces }, claimant, network, random);
    this.wanted = "key" in choice ? choice.key : choice.entry.key;
    switch (choice.type) {
      case "own":
        this.restate(await termsBesideRivals(store, entries, choice.lease, claimant, signal));
        await this.#takeUp(choice.entry, choice.lease, signal);
        break;
      case "create": {
        const rival = await findRival(store, entries, claimant, signal);
        if (rival !== undefined) return this.#waitFor(rival.lease, rival.silence);
        await this.#write(choice.key, choice.subnet, 1, { expect: 0n, ttl: this.#ttl }, signal);
        break;
      }
      case "lost":
        this.#holdUnrecorded(choice.key, recordValue(this.#terms, 1));
        log.warn({ lease: choice.key }, "the subnet of this node's containers is leased to another");
        break;
      case "discard":
        await deleteRecord(this.#options, choice.entry, signal);
        return 0;
      case "disputed": {
        const silence = await silenceOf(store, choice.entry, signal);
        if (silence < SILENCE_SECONDS) return this.#waitFor(choice.lease, silence);
        await this.#takeUp(choice.entry, choice.lease, signal);
      }
    }
    if (this.#held !== undefined) await clearLeftovers(this.#options, entries, claimant, this.#held.entry.key, signal);
    return 0;
  }

  /** Says who has what this node needs; for how many seconds to wait. */
  #waitFor(lease: Lease, silence: number): number {
    this.#options.onTrouble("lease", disputeError(lease, this.#terms.claimant, silence));
    return Math.min(HEARTBEAT_SECONDS / 2, SILENCE_SECONDS - silence);
  }

  /** Makes a record ours. One that says already what we want and is alive is not written: peers then notice nothing. */
  async #takeUp(entry: Entry, lease: Lease, signal: AbortSignal): Promise<void> {
    const { claimant } = this.#terms;
    const epoch = lease.nodeId === claimant.nodeId ? lease.epoch : (lease.epoch ?? 0) + 1;
    const value = recordValue(this.#terms, epoch ?? 1);
    // flannel turns a reservation into a lease of a day when it takes it up.
    const wasReserved = lease.nodeId === undefined && claimant.reserved === entry.key;
    const isReservation = entry.lease === 0n || wasReserved;
    const left = isReservation ? 0 : await renewUnlessSilent(this.#options.store, entry, signal);
    const isAlive = isReservation || left === this.#ttl;
    if (isAlive && !wasReserved && entry.value === value) {
      this.#hold(entry, left);
      return;
    }
    const ttl = isReservation ? undefined : isAlive ? entry.lease : this.#ttl;
    await this.#write(entry.key, lease.subnet, epoch ?? 1, { expect: entry.modRevision, ttl }, signal);
  }

  async #write(
    key: string,
    subnet: PerFamily<Prefix>,
    epoch: number,
    options: { expect: bigint; ttl: number | bigint | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const result = await this.#options.store.put(key, recordValue(this.#terms, epoch), options, signal);
    if (!result.ok) {
      this.#options.log.info({ lease: key, subnet: subnetText(subnet) }, "another node was faster; choosing again");
      return;
    }
    this.#hold(result.entry, this.#ttl);
  }

  #hold(entry: Entry, secondsLeft: number): void {
    const deadline = entry.lease === 0n ? undefined : this.#options.clock.monotonic() + secondsLeft * 1_000;
    this.#held = { entry, value: entry.value, lease: decodeLease(entry.key, entry.value), deadline };
    // Deleted after it was written, before the answer came. Looked into once: the store may also have gone back.
    this.#lost = this.#contradicted > entry.modRevision;
    this.#contradicted = 0n;
  }

  /** What is held without a record of ours: containers are in the subnet. */
  #holdUnrecorded(key: string, value: string): Lease {
    this.#held = unrecorded(key, value, this.#options.clock.monotonic());
    this.#lost = true;
    return this.#held.lease;
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const held = this.#held;
    if (held === undefined) throw new LodenError("ERR_INTERNAL", "a lease must be acquired before it can be kept");
    if (held.entry.lease !== 0n) {
      const isHeard = this.#ttl - (this.#secondsLeft() ?? this.#ttl) < WRITE_AFTER_SECONDS;
      const left = isHeard ? await this.#options.store.keepAlive(held.entry.lease, signal) : 0;
      if (left <= 0) {
        // Before the watch can say so, which may be away for longer than requests are.
        this.#lost = true;
        await this.#restore(signal);
        return;
      }
      held.deadline = this.#options.clock.monotonic() + left * 1_000;
    }
    if (this.#isStale && !this.#lost) await this.#rewrite(signal);
  }

  get #isStale(): boolean {
    const held = this.#held;
    return held !== undefined && held.value !== recordValue(this.#terms, held.lease.epoch ?? 1);
  }

  /** Brings the record to what it should say, in the same store lease. */
  async #rewrite(signal: AbortSignal): Promise<void> {
    const { store, log } = this.#options;
    const { entry, lease } = this.#held!;
    const value = recordValue(this.#terms, lease.epoch ?? 1);
    const ttl = entry.lease === 0n ? undefined : entry.lease;
    const result = await store.put(entry.key, value, { expect: entry.modRevision, ttl }, signal);
    // Ours already where the answer to an earlier try was lost; else the watch tells, or #restore finds out.
    const written = result.ok ? result.entry : result.current?.value === value ? result.current : undefined;
    if (written === undefined) {
      this.#lost = true;
      return;
    }
    this.#hold(written, this.#ttl);
    log.info({ lease: entry.key }, "the lease tells the other nodes what has changed of this one");
  }

  /** What an earlier run held, held against the store: ours still, free, or another's by now. */
  async #confirm(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const held = this.#held!;
    const { entries } = await store.snapshot(signal);
    const current = entries.find(({ key }) => key === held.entry.key);
    if (current !== undefined && (current.value === held.value || isOwnRecord(current, this.#terms.claimant))) {
      const lease = decodeLease(current.key, current.value);
      this.restate(await termsBesideRivals(store, entries, lease, this.#terms.claimant, signal));
      await this.#takeUp(current, lease, signal);
    } else {
      const rival = current ?? entries.find(({ key }) => overlapsKey(key, held.lease.subnet));
      if (rival !== undefined) throw lostError(held.lease, rival);
      const epoch = (held.lease.epoch ?? 0) + 1;
      await this.#write(held.entry.key, held.lease.subnet, epoch, { expect: 0n, ttl: this.#ttl }, signal);
    }
    if (this.#lost) return;
    this.#confirmed();
    await clearLeftovers(this.#options, entries, this.#terms.claimant, held.entry.key, signal);
  }

  /** By its own question or by the watch. */
  #confirmed(): void {
    if (!this.#isAssumed) return;
    this.#isAssumed = false;
    const { key } = this.#held!.entry;
    this.#options.log.info({ lease: key }, "the store confirms the lease of the last known state");
  }

  /** Of the lease's life; undefined where it has no end, or none that is known. */
  #secondsLeft(): number | undefined {
    const deadline = this.#held?.deadline;
    return deadline === undefined || this.#isAssumed ? undefined : (deadline - this.#options.clock.monotonic()) / 1_000;
  }

  #setConflict(conflict: LodenError | undefined): void {
    const isNews = conflict?.message !== this.#conflict?.message;
    this.#conflict = conflict;
    if (isNews) this.onConflict();
  }

  /** Takes the same subnet again. Throws ERR_LEASE_CONFLICT while somebody else has it. */
  async #restore(signal: AbortSignal): Promise<void> {
    const { store, log } = this.#options;
    const { claimant } = this.#terms;
    const held = this.#held!;
    const { key, value } = held.entry;
    const rewritten = recordValue(this.#terms, held.lease.epoch ?? 1);
    const text = recordValue(this.#terms, (held.lease.epoch ?? 0) + 1);
    // Overwritten by flannel, a reservation is made one again; deleted, it is none any more.
    const ttl = held.deadline === undefined ? undefined : this.#ttl;
    const ours = [value, rewritten, text];
    const result = await retake(store, { key, text, ours, claimant, ttl: this.#ttl, flannelTtl: ttl }, signal);
    if (!result.ok) throw lostError(held.lease, result.current);
    this.#hold(result.entry, this.#ttl);
    log.warn({ lease: key }, "the lease was lost and has been taken again; the data path was not touched");
  }

  /** Until the next renewal, or until the watch saw that our record changed. */
  async #pause(signal: AbortSignal): Promise<void> {
    if (this.#lost || this.#isStale) return;
    const { clock, random } = this.#options;
    // Nodes that started together must not renew together.
    const pause = renewalInterval(this.#ttl, this.#margin) * (0.8 + 0.2 * random.next()) * 1_000;
    await this.#bell.wait(clock, pause, signal);
  }
}
