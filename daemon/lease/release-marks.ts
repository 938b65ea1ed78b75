// Marks of leases that ended (spec/decisions/release.md). A lease that is given back is marked by its holder; of one that
// expired, or that a person deleted, the daemons that saw it go leave the mark: each waits for a time that chance gives it,
// longer in bigger clusters, and whoever comes first spares the others the request (as hosts do with reports to a
// multicast router, RFC 2236, section 3). A mark that cannot be written is missed by nobody but the order of subnets.
import type { Clock, Random } from "../clock.ts";
import { Doorbell } from "../doorbell.ts";
import type { Log } from "../log.ts";
import type { SubnetStore, WatchResult } from "../store/port.ts";
import { parseSubnetKey } from "./keys.ts";

/** A mark needs about so long, in milliseconds, to be written and heard of. */
const HEARING_MS = 50;

/** Nobody waits longer than this, in milliseconds. */
const LONGEST_WAIT_MS = 60_000;

/** The last mod revision of a record known from an earlier run: any mark there is counts as one of its end. */
const UNKNOWN_REVISION = 1n;

export interface ReleaseMarkerOptions {
  readonly store: SubnetStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Ended {
  /** The record's last mod revision. */
  readonly last: bigint;
  /** On the monotonic clock. */
  readonly due: number;
}

export class ReleaseMarker {
  readonly #options: ReleaseMarkerOptions;
  /** Leases that live, with their mod revisions. */
  #known = new Map<string, bigint>();
  /** Leases that ended and are to be marked unless somebody else does. */
  readonly #ended = new Map<string, Ended>();
  readonly #bell = new Doorbell();

  constructor(options: ReleaseMarkerOptions) {
    this.#options = options;
  }

  /** Leases that lived when an earlier run ended. */
  remember(keys: Iterable<string>): void {
    for (const key of keys) if (parseSubnetKey(key) !== undefined) this.#known.set(key, UNKNOWN_REVISION);
  }

  /** What the store's watch saw. */
  observe(result: WatchResult): void {
    if (result.type === "snapshot") {
      const entries = result.entries.filter(({ key }) => parseSubnetKey(key) !== undefined);
      const present = new Map(entries.map(({ key, modRevision }) => [key, modRevision]));
      for (const key of present.keys()) this.#ended.delete(key);
      // A store that went back to before a lease tells nothing of its end.
      if (result.restored === true) this.#ended.clear();
      else for (const [key, last] of this.#known) if (!present.has(key)) this.#end(key, last);
      this.#known = present;
    } else {
      for (const event of result.events) {
        const key = event.type === "put" ? event.entry.key : event.key;
        if (parseSubnetKey(key) === undefined) continue;
        if (event.type === "put") {
          this.#known.set(key, event.entry.modRevision);
          this.#ended.delete(key);
        } else {
          const last = this.#known.get(key) ?? event.modRevision;
          this.#known.delete(key);
          this.#end(key, last);
        }
      }
    }
    for (const { key, modRevision } of result.released ?? []) {
      const ended = this.#ended.get(key);
      if (ended !== undefined && modRevision >= ended.last) this.#ended.delete(key);
    }
  }

  /** Writes the marks that nobody else has written, until `signal` aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      let due = Infinity;
      for (const ended of this.#ended.values()) due = Math.min(due, ended.due);
      if (due > clock.monotonic()) await this.#bell.wait(clock, due - clock.monotonic(), signal);
      for (const [key, ended] of this.#ended) {
        if (signal.aborted) return;
        if (ended.due > clock.monotonic()) continue;
        this.#ended.delete(key);
        await this.#mark(key, ended.last, signal);
      }
    }
  }

  #end(key: string, last: bigint): void {
    const { clock, random } = this.#options;
    const wait = Math.min(LONGEST_WAIT_MS, HEARING_MS * (this.#known.size + 1)) * random.next();
    this.#ended.set(key, { last, due: clock.monotonic() + wait });
    this.#bell.ring();
  }

  async #mark(key: string, last: bigint, signal: AbortSignal): Promise<void> {
    const { store, log } = this.#options;
    try {
      await store.markReleased(key, last, signal);
    } catch (error) {
      log.debug({ lease: key, err: error }, "the end of a lease could not be marked");
    }
  }
}
