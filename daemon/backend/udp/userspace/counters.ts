// Counters that worker and daemon share: written by the one, read by the other, and kept when the worker ends. Doubles, which
// are exact up to 2^53 and need no lock on 64-bit machines.
import { DROP_REASONS } from "../datapath.ts";

/** Numbers in a peer's slot, in order: sent packets, bytes, drops, then the same received. */
export const SLOT = 6;
export const COUNT = { sent: 0, received: 3 } as const;

/** As many as the BPF maps hold (layout.ts). Memory is used as slots are. */
export const MOST_SLOTS = 65_536;

/** In front of all slots: the worker's rounds, which tell that it is alive, then the drops by reason. */
const ROUNDS = 0;
const DROPS = 1;
const HEAD = DROPS + DROP_REASONS.length;

export type CountersMemory = SharedArrayBuffer;

export function countersMemory(): CountersMemory {
  return new SharedArrayBuffer((HEAD + MOST_SLOTS * SLOT) * Float64Array.BYTES_PER_ELEMENT);
}

export class Counters {
  readonly #numbers: Float64Array;

  constructor(memory: CountersMemory) {
    this.#numbers = new Float64Array(memory);
  }

  /** @param slot -1 for nobody's */
  count(slot: number, way: 0 | 3, packets: number, bytes: number): void {
    if (slot < 0) return;
    const at = HEAD + slot * SLOT + way;
    const numbers = this.#numbers;
    numbers[at] = numbers[at]! + packets;
    numbers[at + 1] = numbers[at + 1]! + bytes;
  }

  /** @param reason index in DROP_REASONS */
  drop(slot: number, way: 0 | 3, reason: number, packets = 1): void {
    this.#add(DROPS + reason, packets);
    if (slot >= 0) this.#add(HEAD + slot * SLOT + way + 2, packets);
  }

  round(): void {
    this.#add(ROUNDS, 1);
  }

  get rounds(): number {
    return this.#numbers[ROUNDS]!;
  }

  dropsOf(reason: number): bigint {
    return BigInt(this.#numbers[DROPS + reason]!);
  }

  peer(slot: number): readonly bigint[] {
    const at = HEAD + slot * SLOT;
    return Array.from(this.#numbers.subarray(at, at + SLOT), BigInt);
  }

  /** For the next peer that gets the slot. */
  clear(slot: number): void {
    this.#numbers.fill(0, HEAD + slot * SLOT, HEAD + (slot + 1) * SLOT);
  }

  #add(at: number, count: number): void {
    this.#numbers[at] = this.#numbers[at]! + count;
  }
}
