// The lease part of a daemon on a store, without its kernel part: takes a lease, keeps it, follows the others', and
// remembers what went wrong and what it was told.
import { Address } from "#kernel/ip/address";
import { type Clock, systemClock, systemRandom } from "../../daemon/clock.ts";
import { LeaseHolder } from "../../daemon/lease/holder.ts";
import { parseNetwork } from "../../daemon/lease/network.ts";
import { PeerTable } from "../../daemon/lease/peers.ts";
import type { Lease } from "../../daemon/lease/types.ts";
import { silentLog } from "../../daemon/log.ts";
import type { SubnetStore } from "../../daemon/store/port.ts";

export interface LeaseNodeOptions {
  readonly store: SubnetStore;
  readonly n: number;
  readonly config: string;
  readonly ttlSeconds?: number;
  readonly clock?: Clock;
}

export class LeaseNode implements AsyncDisposable {
  readonly holder: LeaseHolder;
  /** Names of the faults reported, with their texts. */
  readonly troubles: string[] = [];
  /** The complete lists of leases it got from the watch, one for each time that events would not do. */
  snapshots = 0;
  readonly #store: SubnetStore;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  #peers: PeerTable | undefined;
  #changed = Promise.withResolvers<void>();

  constructor({ store, n, config, ttlSeconds, clock = systemClock }: LeaseNodeOptions) {
    this.#store = store;
    this.holder = new LeaseHolder({
      store,
      clock,
      random: systemRandom,
      log: silentLog,
      network: parseNetwork(config),
      claimant: {
        nodeId: `node-${n}`,
        publicAddress: { 4: Address.fromBigInt(4, Address.parse("192.0.2.0").value + BigInt(n)) },
        previous: undefined,
      },
      backendType: "host-gw",
      backendData: {},
      ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
      renewMarginSeconds: 1,
      onTrouble: (name, error) => {
        if (error !== undefined) this.troubles.push(`${name}: ${error.message}`);
        this.#tell();
      },
    });
  }

  /** Takes a lease and keeps it from then on. */
  async start(): Promise<Lease> {
    const lease = await this.holder.acquire(this.#stop.signal);
    this.#peers = new PeerTable(lease.key, silentLog);
    this.#running.push(this.holder.keep(this.#stop.signal), this.#follow(this.#peers));
    return lease;
  }

  /** Keys of the other nodes' leases, as far as it knows, sorted. */
  get peers(): string[] {
    return (this.#peers?.leases() ?? []).map(({ key }) => key).toSorted();
  }

  /** Resolves when `condition` holds; looked at after each result of the watch and each fault. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the node stops"));
    await Promise.all(this.#running);
  }

  async #follow(peers: PeerTable): Promise<void> {
    for await (const result of this.#store.watch({ signal: this.#stop.signal })) {
      if (result.type === "snapshot") this.snapshots += 1;
      this.holder.observe(result);
      peers.apply(result);
      this.#tell();
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
