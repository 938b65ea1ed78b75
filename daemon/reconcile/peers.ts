// The leases that are held, and what each adds to the desired state.
import type { Family } from "#kernel/ip/address";
import type { Lease, PerFamily } from "../lease/types.ts";
import type { Prefix } from "#kernel/ip/prefix";
import type { LodenError } from "#spec/errors";
import { admit, refusal } from "./admission.ts";
import { SubnetClaims, Waiting } from "./claims.ts";
import { sameSpec } from "./diff.ts";
import type { DesiredState } from "./desired.ts";
import type { Fabric, ReconcileEvent } from "./reconciler.ts";
import type { KernelObject } from "./port.ts";

interface Peer {
  readonly lease: Lease;
  readonly v4: readonly KernelObject[];
  readonly v6: readonly KernelObject[];
  readonly refused: readonly Error[];
  readonly note: string | undefined;
  /** Where the lease has become unreadable, the one before, whose objects stay. */
  readonly kept?: PerFamily<Lease>;
}

/** One for all who have none: thousands of empty lists would take a megabyte. */
const NONE: readonly never[] = [];

export class Peers {
  readonly #desired: DesiredState;
  readonly #tell: (event: ReconcileEvent) => void;
  readonly #peers = new Map<string, Peer>();
  readonly #subnets = new SubnetClaims();
  readonly #waiting = new Waiting();

  constructor(desired: DesiredState, tell: (event: ReconcileEvent) => void) {
    this.#desired = desired;
    this.#tell = tell;
  }

  /** Each returns the keys that were touched. */
  put(fabric: Fabric, lease: Lease): Set<string> {
    const touched = this.#admit(fabric, lease, this.#peers.get(lease.key));
    this.#admitWaiting(fabric, lease.key, touched);
    return touched;
  }

  delete(fabric: Fabric, key: string): Set<string> {
    const lease = this.#peers.get(key)?.lease;
    this.#peers.delete(key);
    const touched = this.#desired.set(key, []);
    for (const subnet of Object.values(lease?.subnet ?? {})) this.#subnets.release(subnet.masked, key);
    this.#admitWaiting(fabric, key, touched);
    return touched;
  }

  replace(fabric: Fabric, leases: readonly Lease[]): Set<string> {
    const touched = new Set<string>();
    const named = new Set(leases.map((lease) => lease.key));
    for (const key of this.#peers.keys()) {
      if (!named.has(key)) for (const gone of this.delete(fabric, key)) touched.add(gone);
    }
    for (const lease of leases) {
      const peer = lease.isMissed === true ? this.#peers.get(lease.key) : undefined;
      if (peer !== undefined) this.#peers.set(lease.key, { ...peer, lease });
    }
    for (const lease of leases.toSorted(inOrder)) {
      for (const key of this.put(fabric, lease)) touched.add(key);
    }
    return touched;
  }

  /** Works every lease out anew. What a lease added under another configuration does not outlive it. */
  reconfigure(fabric: Fabric): Set<string> {
    const touched = new Set<string>();
    this.#subnets.clear();
    this.#waiting.clear();
    for (const lease of Array.from(this.#peers.values(), (peer) => peer.lease).toSorted(inOrder)) {
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

  /** Those that another lease kept out may come in when it is gone or says something else. */
  #admitWaiting(fabric: Fabric, holder: string, touched: Set<string>): void {
    for (const key of this.#waiting.take(holder)) {
      const peer = this.#peers.get(key);
      if (peer === undefined || key === holder) continue;
      for (const each of this.#admit(fabric, peer.lease, peer)) touched.add(each);
    }
  }

  /** Why a family of a lease is another one's: the subnet, or the MAC that frames to its node would be sent to. */
  #rivalry(lease: Lease, subnet: Prefix, objects: readonly KernelObject[]): LodenError | undefined {
    const rival = this.#subnets.rival(subnet, lease.key);
    if (rival !== undefined) {
      this.#waiting.add(rival.lease, lease.key);
      return refusal(
        lease,
        `its subnet ${subnet.toString()} overlaps ${rival.subnet} of lease ${rival.lease}, which was here before`,
      );
    }
    for (const object of objects) {
      if (object.kind !== "fdb") continue;
      const held = this.#desired.get(object.key);
      if (held === undefined || sameSpec(object, held)) continue;
      const { because: holder } = held;
      if (holder === lease.key || !this.#peers.has(holder)) continue;
      this.#waiting.add(holder, lease.key);
      const mac = object.spec.mac.toString();
      return refusal(
        lease,
        `the MAC ${mac} of its node's device is that of lease ${holder}, which was here before: give each node its own --node-id`,
      );
    }
    return undefined;
  }

  /**
   * One node may have two leases for a while. Where they tell different places for frames to it, the later one is right:
   * whether `lease` is the other, and goes without this object.
   * @param lease as it was when it told the object
   * @param touched gets the keys of what the other one goes without
   */
  #yields(lease: Lease, object: KernelObject, touched: Set<string>): boolean {
    if (object.kind !== "fdb" || lease.nodeId === undefined) return false;
    const held = this.#desired.get(object.key);
    if (held === undefined || held.because === lease.key || sameSpec(object, held)) return false;
    const holder = this.#peers.get(held.because);
    if (holder === undefined) return false;
    const [{ key }, rest] = [holder.lease, (wanted: KernelObject) => wanted.key !== object.key];
    const source = holder.kept?.[holder.v4.every(rest) ? 6 : 4] ?? holder.lease;
    if (source.nodeId !== lease.nodeId) return false;
    if (isLater(source, lease)) {
      this.#waiting.add(key, lease.key);
      return true;
    }
    const [v4, v6] = [holder.v4.filter(rest), holder.v6.filter(rest)];
    this.#peers.set(key, { ...holder, v4, v6 });
    for (const each of this.#desired.set(key, [...v4, ...v6])) touched.add(each);
    this.#waiting.add(lease.key, key);
    return false;
  }

  /** `before`: what stays for a family of which the lease has become unreadable. */
  #admit(fabric: Fabric, lease: Lease, before: Peer | undefined): Set<string> {
    const { objects, refused: unfit, note } = admit(fabric, lease);
    const refused = [...unfit];
    const touched = new Set<string>();
    let kept: PerFamily<Lease> | undefined;
    const of = (family: Family, earlier: readonly KernelObject[] = NONE): readonly KernelObject[] => {
      const all = objects.has(family) ? (objects.get(family) ?? earlier) : NONE;
      const isKept = all === earlier && before !== undefined && all.length > 0;
      const source = isKept ? (before.kept?.[family] ?? before.lease) : lease;
      if (isKept) kept = { ...kept, [family]: source };
      const wanted = all.some(({ kind }) => kind === "fdb")
        ? all.filter((object) => !this.#yields(source, object, touched))
        : all;
      const subnet = lease.subnet[family]?.masked;
      if (subnet === undefined || wanted.length === 0) return wanted;
      const rivalry = this.#rivalry(lease, subnet, wanted);
      if (rivalry === undefined) {
        this.#subnets.claim(subnet, lease.key);
        return wanted;
      }
      this.#subnets.release(subnet, lease.key);
      refused.push(rivalry);
      return NONE;
    };
    const [v4, v6] = [of(4, before?.v4), of(6, before?.v6)];
    this.#report(lease.key, refused, note);
    const peer: Peer = { lease, v4, v6, refused: refused.length === 0 ? NONE : refused, note };
    this.#peers.set(lease.key, kept === undefined ? peer : { ...peer, kept });
    for (const key of this.#desired.set(lease.key, v6.length === 0 ? v4 : v4.concat(v6))) touched.add(key);
    return touched;
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

/** In key order, so that the same leases come to the same state on every start; what is known from before comes last. */
function inOrder(a: Lease, b: Lease): number {
  return Number(a.isMissed === true) - Number(b.isMissed === true) || (a.key < b.key ? -1 : 1);
}

/** Whether `a` was written later than `b`. */
function isLater(a: Lease, b: Lease): boolean {
  if (a.isMissed !== b.isMissed) return b.isMissed === true;
  return (a.revision ?? 0n) > (b.revision ?? 0n);
}
