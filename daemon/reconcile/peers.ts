// The leases that are held, and what each adds to the desired state.
import type { Family } from "#kernel/ip/address";
import type { Lease } from "../lease/types.ts";
import { admit } from "./admission.ts";
import type { DesiredState } from "./desired.ts";
import type { Fabric, ReconcileEvent } from "./reconciler.ts";
import type { KernelObject } from "./port.ts";

interface Peer {
  readonly lease: Lease;
  readonly v4: readonly KernelObject[];
  readonly v6: readonly KernelObject[];
  readonly refused: readonly Error[];
  readonly note: string | undefined;
}

/** One for all who have none: thousands of empty lists would take a megabyte. */
const NONE: readonly never[] = [];

export class Peers {
  readonly #desired: DesiredState;
  readonly #tell: (event: ReconcileEvent) => void;
  readonly #peers = new Map<string, Peer>();

  constructor(desired: DesiredState, tell: (event: ReconcileEvent) => void) {
    this.#desired = desired;
    this.#tell = tell;
  }

  /** Each returns the keys that were touched. */
  put(fabric: Fabric, lease: Lease): Set<string> {
    return this.#admit(fabric, lease, this.#peers.get(lease.key));
  }

  delete(key: string): Set<string> {
    this.#peers.delete(key);
    return this.#desired.set(key, []);
  }

  replace(fabric: Fabric, leases: readonly Lease[]): Set<string> {
    const touched = new Set<string>();
    const named = new Set(leases.map((lease) => lease.key));
    for (const key of this.#peers.keys()) {
      if (!named.has(key)) for (const gone of this.delete(key)) touched.add(gone);
    }
    // In key order, so that the same leases come to the same state on every start.
    for (const lease of leases.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
      for (const key of this.put(fabric, lease)) touched.add(key);
    }
    return touched;
  }

  /** Works every lease out anew. What a lease added under another configuration does not outlive it. */
  reconfigure(fabric: Fabric): Set<string> {
    const touched = new Set<string>();
    for (const { lease } of this.#peers.values()) {
      for (const key of this.#admit(fabric, lease, undefined)) touched.add(key);
    }
    return touched;
  }

  get count(): number {
    let count = 0;
    for (const { v4, v6 } of this.#peers.values()) if (v4.length + v6.length > 0) count++;
    return count;
  }

  refused(): { lease: string; error: Error }[] {
    return [...this.#peers].flatMap(([lease, peer]) => peer.refused.map((error) => ({ lease, error })));
  }

  ignored(): { lease: string; note: string }[] {
    return [...this.#peers].flatMap(([lease, { note }]) => (note === undefined ? [] : [{ lease, note }]));
  }

  /** `before`: what stays for a family of which the lease has become unreadable. */
  #admit(fabric: Fabric, lease: Lease, before: Peer | undefined): Set<string> {
    const { objects, refused, note } = admit(fabric, lease);
    const of = (family: Family, earlier: readonly KernelObject[] = NONE): readonly KernelObject[] =>
      objects.has(family) ? (objects.get(family) ?? earlier) : NONE;
    const [v4, v6] = [of(4, before?.v4), of(6, before?.v6)];
    this.#report(lease.key, refused, note);
    this.#peers.set(lease.key, { lease, v4, v6, refused: refused.length === 0 ? NONE : refused, note });
    return this.#desired.set(lease.key, v6.length === 0 ? v4 : v4.concat(v6));
  }

  /** Tells what is news. */
  #report(lease: string, refused: readonly Error[], note: string | undefined): void {
    const before = this.#peers.get(lease);
    for (const error of refused) {
      if (before?.refused.some((old) => old.message === error.message) !== true) {
        this.#tell({ type: "lease-refused", lease, error });
      }
    }
    if (note !== undefined && note !== before?.note) this.#tell({ type: "lease-ignored", lease, note });
  }
}
