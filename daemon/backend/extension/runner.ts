// Runs the commands of the extension backend: PostStartupCommand once, then SubnetAddCommand and SubnetRemoveCommand by
// peer, one at a time and adding before removing. What fails is reported, and tried again later and later; a peer whose
// command fails holds up no other.
import { errorText, LodenError } from "#spec/errors";
import type { Clock } from "../../clock.ts";
import type { Lease } from "../../lease/types.ts";
import type { Log } from "../../log.ts";
import { type Command, type RunCommand, shownOutput } from "./command.ts";
import type { CommandName, ExtensionCommands } from "./config.ts";
import { type PeerFacts, sameFacts } from "./peer-command.ts";
import type { ExtensionRecord } from "./record.ts";

export interface ExtensionRunnerOptions {
  readonly commands: ExtensionCommands;
  /** Variables of this node's own lease, for PostStartupCommand and ShutdownCommand. */
  readonly own: Readonly<Record<string, string>>;
  /** What a lease's commands are told; undefined for one that is not this node's to serve. */
  readonly factsOf: (lease: Lease) => PeerFacts | undefined;
  readonly run: RunCommand;
  readonly record: ExtensionRecord;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: the fault is over. */
  readonly onTrouble: (error: LodenError | undefined) => void;
}

/** Milliseconds before the second try, doubled for each one after that up to the longest. */
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 300_000;

/** The record is written this often while commands run, and when none has to. */
const RECORD_MS = 1_000;

interface Peer {
  /** Absent: the lease is gone. */
  wanted: PeerFacts | undefined;
  /** What SubnetAddCommand succeeded with last. */
  done: PeerFacts | undefined;
  tries: number;
  /** On the monotonic clock. */
  due: number;
}

export class ExtensionRunner {
  readonly #options: ExtensionRunnerOptions;
  readonly #peers = new Map<string, Peer>();
  /** Keys of peers that something is to be done for. */
  readonly #open = new Set<string>();
  readonly #failing = new Map<string, LodenError>();
  /** What an earlier run of the daemon did. */
  readonly #earlier: ReadonlyMap<string, PeerFacts>;
  readonly #started = Promise.withResolvers<void>();
  #wake: (() => void) | undefined;
  #recorded = -Infinity;
  #isRecordOld = false;

  constructor(options: ExtensionRunnerOptions) {
    this.#options = options;
    this.#earlier = options.record.read();
  }

  /** Resolves when PostStartupCommand has succeeded. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** The leases as the store has them. Peers that an earlier run added and that are gone are removed from now on. */
  replaceLeases(leases: readonly Lease[]): void {
    const named = new Set(leases.map(({ key }) => key));
    for (const lease of leases) this.putLease(lease);
    for (const key of this.#peers.keys()) if (!named.has(key)) this.deleteLease(key);
    for (const [key, done] of this.#earlier) {
      if (!this.#peers.has(key)) this.#book(key, { ...fresh(), done });
    }
    this.#wake?.();
  }

  putLease(lease: Lease): void {
    this.#want(lease.key, this.#options.factsOf(lease));
  }

  deleteLease(key: string): void {
    if (this.#peers.has(key)) this.#want(key, undefined);
  }

  /** Ends when the signal aborts, with what is running. */
  async keep(signal: AbortSignal): Promise<void> {
    await this.#begin(signal);
    while (!signal.aborted) {
      const next = this.#next();
      if (next !== undefined) await this.#attend(...next, signal);
      this.#writeRecord(next === undefined);
      if (next === undefined) await this.#rest(signal);
    }
    this.#writeRecord(true);
  }

  /** ShutdownCommand: the node leaves for good. */
  async shutDown(signal: AbortSignal): Promise<void> {
    try {
      await this.#run("ShutdownCommand", { environment: this.#options.own, input: "" }, signal);
      this.#options.record.write(new Map());
    } catch (error) {
      this.#options.log.warn({ err: error }, errorText(error));
    }
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { clock, own, onTrouble } = this.#options;
    for (let delay = FIRST_DELAY_MS; !signal.aborted; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
      try {
        await this.#run("PostStartupCommand", { environment: own, input: "" }, signal);
        onTrouble(undefined);
        this.#started.resolve();
        return;
      } catch (error) {
        if (signal.aborted) return;
        onTrouble(asLodenError(error));
        await clock.sleep(delay, signal).catch(() => undefined);
      }
    }
  }

  #want(key: string, wanted: PeerFacts | undefined): void {
    const peer = this.#peers.get(key) ?? fresh();
    if (sameFacts(peer.wanted, wanted)) return;
    this.#book(key, { ...peer, wanted, tries: 0, due: -Infinity });
    if (!this.#open.has(key) && this.#failing.delete(key)) this.#report();
    this.#wake?.();
  }

  #book(key: string, peer: Peer): void {
    if (peer.wanted === undefined && peer.done === undefined) this.#peers.delete(key);
    else this.#peers.set(key, peer);
    if (sameFacts(peer.wanted, peer.done)) this.#open.delete(key);
    else this.#open.add(key);
  }

  /** Something to add, else something to remove. */
  #next(): [key: string, peer: Peer] | undefined {
    const now = this.#options.clock.monotonic();
    let removal: [string, Peer] | undefined;
    for (const key of this.#open) {
      const peer = this.#peers.get(key)!;
      if (peer.due > now) continue;
      if (peer.wanted !== undefined) return [key, peer];
      removal ??= [key, peer];
    }
    return removal;
  }

  async #attend(key: string, peer: Peer, signal: AbortSignal): Promise<void> {
    const { wanted } = peer;
    try {
      if (wanted === undefined) await this.#remove(peer.done, signal);
      else await this.#add(key, peer, wanted, signal);
      this.#isRecordOld = true;
      this.#failing.delete(key);
      // Another wish may have come meanwhile; what was done is done.
      this.#book(key, { ...(this.#peers.get(key) ?? fresh()), done: wanted, tries: 0, due: -Infinity });
    } catch (error) {
      if (signal.aborted) return;
      this.#postpone(key, asLodenError(error));
    }
    this.#report();
  }

  async #add(key: string, { done, tries }: Peer, wanted: PeerFacts, signal: AbortSignal): Promise<void> {
    try {
      await this.#run("SubnetAddCommand", wanted, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (sameFacts(this.#earlier.get(key), wanted)) {
        this.#options.log.info({ lease: key }, `it stays as an earlier run left it, as ${errorText(error)}`);
        return;
      }
      if (tries > 0 || this.#options.commands.SubnetRemoveCommand === undefined) throw error;
      // What the lease said before may stand in the way, or what a run that was killed had begun.
      await this.#remove(done ?? wanted, signal).catch(() => undefined);
      signal.throwIfAborted();
      await this.#run("SubnetAddCommand", wanted, signal);
    }
  }

  async #remove(facts: PeerFacts | undefined, signal: AbortSignal): Promise<void> {
    if (facts !== undefined) await this.#run("SubnetRemoveCommand", facts, signal);
  }

  async #run(name: CommandName, facts: PeerFacts, signal: AbortSignal): Promise<void> {
    const text = this.#options.commands[name];
    if (text === undefined) return;
    const command: Command = { name, text, ...facts };
    const output = shownOutput(await this.#options.run(command, signal));
    const fields = { subnet: facts.environment["SUBNET"] ?? "" };
    this.#options.log.info(fields, `Backend.${name} ran${output === "" ? "" : `, and said: ${output}`}`);
  }

  #postpone(key: string, error: LodenError): void {
    const peer = this.#peers.get(key);
    if (peer === undefined) return;
    const delay = Math.min(FIRST_DELAY_MS * 2 ** peer.tries, LONGEST_DELAY_MS);
    this.#failing.set(key, error);
    this.#book(key, { ...peer, tries: peer.tries + 1, due: this.#options.clock.monotonic() + delay });
  }

  #report(): void {
    const [first] = this.#failing.values();
    if (first === undefined) return this.#options.onTrouble(undefined);
    const others = this.#failing.size - 1;
    const more = others > 0 ? `; the commands of ${others} more peers fail too` : "";
    return this.#options.onTrouble(new LodenError("ERR_BACKEND", `${first.message}${more}`, { cause: first }));
  }

  #writeRecord(isIdle: boolean): void {
    const now = this.#options.clock.monotonic();
    if (!this.#isRecordOld || (!isIdle && now - this.#recorded < RECORD_MS)) return;
    this.#recorded = now;
    this.#isRecordOld = false;
    const done = [...this.#peers].flatMap(([key, peer]) =>
      peer.done === undefined ? [] : [[key, peer.done] as const],
    );
    try {
      this.#options.record.write(new Map(done));
    } catch (error) {
      this.#options.log.warn({ err: error }, `what the commands did cannot be noted: ${errorText(error)}`);
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    let due = Infinity;
    for (const key of this.#open) due = Math.min(due, this.#peers.get(key)!.due);
    const ends = AbortSignal.any([signal, woken.signal]);
    const delay = Math.min(due - clock.monotonic(), LONGEST_DELAY_MS);
    if (delay > 0) await clock.sleep(delay, ends).catch(() => undefined);
    this.#wake = undefined;
  }
}

function fresh(): Peer {
  return { wanted: undefined, done: undefined, tries: 0, due: -Infinity };
}

function asLodenError(error: unknown): LodenError {
  return error instanceof LodenError ? error : new LodenError("ERR_BACKEND", errorText(error), { cause: error });
}
