// When what nobody told of is compared all the same (spec/decisions/drift.md).
import type { Clock } from "../clock.ts";
import { KINDS } from "./objects.ts";
import type { ObjectKind } from "./port.ts";

/** Kinds whose every change the kernel tells of. They are compared as well, one after the other, each once in this time. */
const TOLD: readonly ObjectKind[] = ["link", "address", "neighbour", "fdb", "route", "nft-table"];
const TOLD_RESYNC_MS = 60_000;

/** sysctls, and what else there may be. */
const UNTOLD = KINDS.filter((kind) => !TOLD.includes(kind) && kind !== "nft-element");

export class Timetable {
  readonly #clock: Clock;
  readonly #resyncMs: number;
  #untoldAt: number;
  #toldAt: number;
  #next = 0;

  /** @param resyncMs between comparisons of what changes without a notification */
  constructor(clock: Clock, resyncMs: number) {
    this.#clock = clock;
    this.#resyncMs = resyncMs;
    const now = clock.monotonic();
    this.#untoldAt = now + resyncMs;
    this.#toldAt = now + TOLD_RESYNC_MS / TOLD.length;
  }

  /** Milliseconds until something is due. */
  get delay(): number {
    return Math.min(this.#untoldAt, this.#toldAt) - this.#clock.monotonic();
  }

  /** What is due, once. */
  take(): readonly ObjectKind[] {
    const now = this.#clock.monotonic();
    const kinds: ObjectKind[] = [];
    if (now >= this.#untoldAt) {
      kinds.push(...UNTOLD);
      this.#untoldAt = now + this.#resyncMs;
    }
    if (now >= this.#toldAt) {
      kinds.push(TOLD[this.#next]!);
      this.#next = (this.#next + 1) % TOLD.length;
      this.#toldAt = now + TOLD_RESYNC_MS / TOLD.length;
    }
    return kinds;
  }
}
