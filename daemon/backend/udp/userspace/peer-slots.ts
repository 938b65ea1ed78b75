// The daemon's side of the table of peers: which subnets there are, and a slot of the counters for every address that one of
// them names.
import type { Address } from "#kernel/ip/address";
import type { TunnelPeerSpec } from "../../../reconcile/port.ts";
import { MOST_SLOTS } from "./counters.ts";
import { socketName } from "./descriptors.ts";
import type { PeersChanged, RawPeer } from "./messages.ts";
import { rawPrefix } from "./subnets.ts";

interface Endpoint {
  readonly address: Address;
  readonly slot: number;
  subnets: number;
}

export class PeerSlots {
  readonly #peers = new Map<string, TunnelPeerSpec>();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #free: number[] = [];
  #next = 0;

  specs(): Iterable<TunnelPeerSpec> {
    return this.#peers.values();
  }

  endpoints(): Iterable<{ readonly address: Address; readonly slot: number }> {
    return this.#endpoints.values();
  }

  /** All there are, for a worker that knows none. */
  all(port: number): PeersChanged {
    const added = [...this.#peers.values()].map((spec) => this.#raw(spec, port));
    return { type: "peers", added, removed: [], gone: [] };
  }

  /** What the worker is to be told, and the slots that are free from now on. Undefined for a peer more than there is room for. */
  change(
    added: readonly TunnelPeerSpec[],
    removed: readonly TunnelPeerSpec[],
    port: number,
  ): { readonly message: PeersChanged; readonly taken: readonly boolean[]; readonly cleared: readonly number[] } {
    const before = new Map<string, Endpoint>();
    const away: RawPeer[] = [];
    const release = (key: string): void => {
      const old = this.#peers.get(key);
      if (old === undefined) return;
      away.push(this.#raw(old, port));
      this.#peers.delete(key);
      const name = old.endpoint.toString();
      const endpoint = this.#endpoints.get(name)!;
      endpoint.subnets--;
      before.set(name, endpoint);
    };
    for (const { subnet } of removed) release(subnet.toString());
    const taken: boolean[] = [];
    const put: RawPeer[] = [];
    for (const spec of added) {
      const key = spec.subnet.toString();
      release(key);
      const endpoint = this.#endpoint(spec.endpoint);
      taken.push(endpoint !== undefined);
      if (endpoint === undefined) continue;
      endpoint.subnets++;
      this.#peers.set(key, spec);
      put.push(this.#raw(spec, port));
    }
    const unused = [...before].filter(([, { subnets }]) => subnets === 0);
    for (const [name, { slot }] of unused) {
      this.#endpoints.delete(name);
      this.#free.push(slot);
    }
    const gone = unused.map(([, { address }]) => ({ family: address.family, endpoint: address.toBytes() }));
    return {
      message: { type: "peers", added: put, removed: away, gone },
      taken,
      cleared: unused.map(([, { slot }]) => slot),
    };
  }

  clear(): void {
    this.#peers.clear();
    this.#endpoints.clear();
    this.#free.length = 0;
    this.#next = 0;
  }

  #endpoint(address: Address): Endpoint | undefined {
    const name = address.toString();
    const found = this.#endpoints.get(name);
    if (found !== undefined) return found;
    const slot = this.#free.pop() ?? (this.#next < MOST_SLOTS ? this.#next++ : undefined);
    if (slot === undefined) return undefined;
    const made = { address, slot, subnets: 0 };
    this.#endpoints.set(name, made);
    return made;
  }

  #raw({ subnet, endpoint, isSingle = false }: TunnelPeerSpec, port: number): RawPeer {
    return {
      family: subnet.family,
      subnet: rawPrefix(subnet),
      endpoint: endpoint.toBytes(),
      slot: this.#endpoints.get(endpoint.toString())!.slot,
      isSingle,
      name: socketName(endpoint, port),
    };
  }
}
