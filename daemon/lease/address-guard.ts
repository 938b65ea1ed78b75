// Whether another live node has this node's address: two that both tell it to their peers get each other's packets. A node
// that starts with such an address waits (holder.ts); this is for one that gets it while it runs, and for two that got it at
// once. spec/decisions/lease-ownership.md.
import { LodenError } from "#spec/errors";
import type { Clock } from "../clock.ts";
import { Doorbell } from "../doorbell.ts";
import type { SubnetStore } from "../store/port.ts";
import type { Claimant } from "./choice.ts";
import { isLiveRival, isRival } from "./rival.ts";
import { HEARTBEAT_SECONDS } from "./conflict.ts";
import type { PeerChange, PeerTable } from "./peers.ts";
import type { Lease } from "./types.ts";
import { sameAddresses } from "./whereabouts.ts";

/** While there is somebody with the same address, it is asked this often whether that one lives; in milliseconds. */
const ASK_MS = (HEARTBEAT_SECONDS / 2) * 1_000;

/** So many of those who share an address are asked about: one that lives is enough. */
const ASKED = 5;

export interface AddressGuardOptions {
  readonly store: SubnetStore;
  readonly clock: Clock;
  readonly peers: PeerTable;
  /** Told of the conflict and (undefined) of its end. */
  readonly onTrouble: (error: LodenError | undefined) => void;
}

export class AddressGuard {
  readonly #options: AddressGuardOptions;
  #claimant: Claimant;
  /** Keys of others' leases with this node's address, live or not. */
  #sharers = new Set<string>();
  /** What was found of them; undefined while that is being asked, and before the peers are known. */
  #verdict: "free" | LodenError | undefined;
  #arePeersKnown = false;
  #conflict: LodenError | undefined;
  readonly #bell = new Doorbell();
  /** Called after each verdict. */
  onVerdict: () => void = () => undefined;

  constructor(claimant: Claimant, options: AddressGuardOptions) {
    this.#claimant = claimant;
    this.#options = options;
  }

  /** Nobody alive has this node's address, as far as the store tells. */
  get isFree(): boolean {
    return this.#verdict === "free";
  }

  /** Names the other node. */
  get conflict(): LodenError | undefined {
    return this.#conflict;
  }

  /** This node has another address now. */
  move(publicAddress: Claimant["publicAddress"]): void {
    const isNew = !sameAddresses(publicAddress, this.#claimant.publicAddress);
    this.#claimant = { ...this.#claimant, publicAddress };
    if (isNew && this.#arePeersKnown) this.#reconsider(this.#options.peers.leases());
  }

  /** What has changed of the peers, once the table of them has it. */
  take(change: PeerChange): void {
    if (change.type === "all") {
      this.#arePeersKnown = true;
      this.#reconsider(change.leases);
      return;
    }
    const touched = change.put.filter(({ key }) => this.#sharers.has(key));
    const sharing = change.put.filter((lease) => isRival(lease, this.#claimant));
    const gone = change.deleted.filter((key) => this.#sharers.has(key));
    if (touched.length + sharing.length + gone.length === 0) return;
    for (const key of [...touched.map((lease) => lease.key), ...gone]) this.#sharers.delete(key);
    for (const { key } of sharing) this.#sharers.add(key);
    this.#ask();
  }

  /** Asks about those who share the address, while there are any, until `signal` aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      if (this.#verdict !== undefined || !this.#arePeersKnown) {
        await this.#bell.wait(clock, this.#sharers.size === 0 ? Infinity : ASK_MS, signal);
        if (signal.aborted) return;
        if (!this.#arePeersKnown) continue;
      }
      const asked = this.#sharers;
      try {
        const verdict = await this.#judge(signal);
        if (asked === this.#sharers) this.#tell(verdict);
      } catch {
        // The store does not say: what was found before stands, and nothing is told until it does.
        await this.#bell.wait(clock, ASK_MS / 10, signal);
      }
    }
  }

  #reconsider(leases: readonly Lease[]): void {
    const sharing = leases.filter((lease) => isRival(lease, this.#claimant)).map(({ key }) => key);
    const isSame = sharing.length === this.#sharers.size && sharing.every((key) => this.#sharers.has(key));
    if (isSame && sharing.length > 0) return;
    this.#sharers = new Set(sharing);
    this.#ask();
  }

  #ask(): void {
    this.#sharers = new Set(this.#sharers);
    if (this.#sharers.size === 0) this.#tell("free");
    else this.#verdict = undefined;
    this.#bell.ring();
  }

  async #judge(signal: AbortSignal): Promise<"free" | LodenError> {
    const { store, peers } = this.#options;
    for (const key of [...this.#sharers].slice(0, ASKED)) {
      const entry = peers.entry(key);
      if (entry !== undefined && (await isLiveRival(store, entry, signal))) {
        return sharedAddressError(peers.lease(key)!, this.#claimant);
      }
    }
    return "free";
  }

  #tell(verdict: "free" | LodenError): void {
    this.#verdict = verdict;
    this.#conflict = verdict === "free" ? undefined : verdict;
    this.#options.onTrouble(this.#conflict);
    this.onVerdict();
  }
}

function sharedAddressError(lease: Lease, claimant: Claimant): LodenError {
  const addresses = Object.values(claimant.publicAddress).join(" and ");
  return new LodenError(
    "ERR_LEASE_CONFLICT",
    `another live node (id ${lease.nodeId ?? ""}) has this node's address ${addresses}, as its lease ${lease.key} says: ` +
      "packets for one reach the other. Give one of them another address, or its own --iface or --public-ip; until then " +
      "this node tells its peers no new address, and takes no new containers",
    { fields: { lease: lease.key } },
  );
}
