// Longest prefix match over addresses in packets: which number belongs to the address at a place in memory. Most fabrics have
// subnets of one length, so it is one look-up for an address; IPv6 takes one a word. Pure.
import type { Prefix } from "#kernel/ip/prefix";

type Level = Map<number, Level | number>;

interface Group {
  readonly length: number;
  readonly mask: Uint32Array;
  readonly root: Level;
}

export class SubnetTable {
  readonly #words: number;
  /** Longest first. */
  #groups: Group[] = [];

  /** @param words of 32 bits in an address: 1 or 4 */
  constructor(words: 1 | 4) {
    this.#words = words;
  }

  /** Of the subnet with the longest prefix around the address at `at`; -1 of none. */
  find(view: DataView, at: number): number {
    for (const { mask, root } of this.#groups) {
      let level: Level | number | undefined = root;
      for (let word = 0; word < this.#words; word++) {
        level = (level as Level).get((view.getUint32(at + word * 4) & mask[word]!) >>> 0);
        if (level === undefined) break;
      }
      if (typeof level === "number") return level;
    }
    return -1;
  }

  set(address: Uint8Array, length: number, value: number): void {
    const { mask, root } = this.#group(length);
    const words = this.#wordsOf(address, mask);
    let level = root;
    for (const word of words.subarray(0, -1)) {
      level = level.getOrInsertComputed(word, () => new Map<number, Level | number>()) as Level;
    }
    level.set(words.at(-1)!, value);
  }

  delete(address: Uint8Array, length: number): void {
    const group = this.#groups.find((each) => each.length === length);
    if (group === undefined) return;
    const words = this.#wordsOf(address, group.mask);
    const path: Level[] = [group.root];
    for (const word of words.subarray(0, -1)) {
      const next = path.at(-1)!.get(word);
      if (typeof next !== "object") return;
      path.push(next);
    }
    for (const [index, level] of [...path.entries()].toReversed()) {
      const below = path[index + 1];
      if (below === undefined || below.size === 0) level.delete(words[index]!);
    }
    if (group.root.size === 0) this.#groups = this.#groups.filter((each) => each !== group);
  }

  #group(length: number): Group {
    const found = this.#groups.find((each) => each.length === length);
    if (found !== undefined) return found;
    const mask = Uint32Array.from({ length: this.#words }, (_, word) => {
      const bits = Math.max(0, Math.min(32, length - word * 32));
      return bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
    });
    const group: Group = { length, mask, root: new Map() };
    this.#groups = [...this.#groups, group].toSorted((a, b) => b.length - a.length);
    return group;
  }

  #wordsOf(address: Uint8Array, mask: Uint32Array): Uint32Array {
    const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
    return mask.map((bits, word) => (view.getUint32(word * 4) & bits) >>> 0);
  }
}

/** A prefix as messages carry it. */
export interface RawPrefix {
  readonly address: Uint8Array;
  readonly length: number;
}

export function rawPrefix(prefix: Prefix): RawPrefix {
  return { address: prefix.first.toBytes(), length: prefix.length };
}
