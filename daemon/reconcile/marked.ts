// What the next pass is to look at, and who was seen to have altered what of it.
import type { Kernel, ObjectKind, Sender } from "./port.ts";
import type { Culprits } from "./pass.ts";

/** So many alterations are told apart by who made them, until the next pass. */
const SUSPECTS = 100;

export class Marked {
  readonly #kernel: Kernel;
  /** To dump, and keys to compare without a dump. */
  #kinds: Set<ObjectKind>;
  #keys = new Set<string>();
  /** By key or kind, since the last dump. */
  #culprits = new Map<string, string[]>();

  constructor(kernel: Kernel, kinds: Iterable<ObjectKind>) {
    this.#kernel = kernel;
    this.#kinds = new Set(kinds);
  }

  add(kinds: Iterable<ObjectKind>, keys: Iterable<string>): void {
    for (const kind of kinds) this.#kinds.add(kind);
    for (const key of keys) this.#keys.add(key);
  }

  get hasKinds(): boolean {
    return this.#kinds.size > 0;
  }

  get hasKeys(): boolean {
    return this.#keys.size > 0;
  }

  get isEmpty(): boolean {
    return !this.hasKinds && !this.hasKeys;
  }

  takeKeys(): ReadonlySet<string> {
    const keys = this.#keys;
    this.#keys = new Set();
    return keys;
  }

  takeKinds(): { readonly kinds: ReadonlySet<ObjectKind>; readonly culprits: Culprits } {
    const taken = { kinds: this.#kinds, culprits: this.#culprits };
    this.#kinds = new Set();
    this.#culprits = new Map();
    return taken;
  }

  /** A process can be found by its socket while it lives, which may be no longer than now. */
  suspect(place: string, sender: Sender | undefined): void {
    if (sender === undefined || this.#culprits.size >= SUSPECTS) return;
    const name = this.#kernel.identify?.(sender);
    if (name === undefined) return;
    const names = this.#culprits.get(place) ?? [];
    if (!names.includes(name)) this.#culprits.set(place, [...names, name]);
  }
}
