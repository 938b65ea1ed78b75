// Who of several leases that claim one thing has it: a subnet that overlaps another's, a MAC that another's node has. The
// first that was here keeps it (on a start, the first by key), and whoever comes later is refused by name, until the first is
// gone. A mistake of one node then costs that node alone.
import { Prefix } from "#kernel/ip/prefix";

export class SubnetClaims {
  /** Lease key by subnet. */
  readonly #holders = new Map<string, string>();
  /** How many subnets there are of each length; usually there is one length a family. */
  readonly #lengths = new Map<string, number>();

  /** A lease other than `lease` that has a part of `subnet`. */
  rival(subnet: Prefix, lease: string): { readonly lease: string; readonly subnet: string } | undefined {
    const { address, family } = subnet;
    for (const key of this.#lengths.keys()) {
      const [of, length] = key.split("/").map(Number) as [number, number];
      if (of !== family) continue;
      if (length > subnet.length) {
        const inside = this.#inside(subnet, lease);
        if (inside !== undefined) return inside;
        continue;
      }
      const text = Prefix.of(address, length).masked.toString();
      const holder = this.#holders.get(text);
      if (holder !== undefined && holder !== lease) return { lease: holder, subnet: text };
    }
    return undefined;
  }

  claim(subnet: Prefix, lease: string): void {
    const text = subnet.toString();
    if (this.#holders.has(text)) return;
    this.#holders.set(text, lease);
    this.#count(subnet, 1);
  }

  /** Nothing happens when somebody else has it. */
  release(subnet: Prefix, lease: string): void {
    const text = subnet.toString();
    if (this.#holders.get(text) !== lease) return;
    this.#holders.delete(text);
    this.#count(subnet, -1);
  }

  clear(): void {
    this.#holders.clear();
    this.#lengths.clear();
  }

  /** Looks at all, as there may be thousands of small ones in a large one: a case of nodes that do not agree. */
  #inside(subnet: Prefix, lease: string): { lease: string; subnet: string } | undefined {
    for (const [text, holder] of this.#holders) {
      if (holder !== lease && subnet.contains(Prefix.parse(text))) return { lease: holder, subnet: text };
    }
    return undefined;
  }

  #count({ family, length }: Prefix, by: 1 | -1): void {
    const key = `${family}/${length}`;
    const count = (this.#lengths.get(key) ?? 0) + by;
    if (count === 0) this.#lengths.delete(key);
    else this.#lengths.set(key, count);
  }
}

/** Leases that were refused because of another one, by that one. */
export class Waiting {
  readonly #byHolder = new Map<string, Set<string>>();

  add(holder: string, lease: string): void {
    this.#byHolder.getOrInsertComputed(holder, () => new Set()).add(lease);
  }

  /** Those that waited for `holder`, once. */
  take(holder: string): ReadonlySet<string> {
    const waiting = this.#byHolder.get(holder) ?? new Set<string>();
    this.#byHolder.delete(holder);
    return waiting;
  }

  clear(): void {
    this.#byHolder.clear();
  }
}
