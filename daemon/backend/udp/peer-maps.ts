// The maps that tell the programs of the peers: where the packets for a subnet go, and who may send. Written by us alone; that
// nobody else does is seen by comparing bytes, as maps tell nobody when they change.
import type { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { BpfMap, MapEntry } from "#kernel/bpf/map";
import { LodenError } from "#spec/errors";
import type { TunnelPeerSpec } from "../../reconcile/port.ts";
import {
  PRESENT,
  ROUTES,
  type MapName,
  decodePeerKey,
  decodeRoute,
  decodeRouteKey,
  encodeRoute,
  peerKey,
  routeKey,
} from "./layout.ts";

export class PeerMaps {
  readonly #map: (name: MapName) => BpfMap | undefined;
  /** What the maps held when they were last read, unless they were written since. */
  #seen: RawPeers | undefined;
  #users = new Users();

  /** @param map the map of a name, while there is one */
  constructor(map: (name: MapName) => BpfMap | undefined) {
    this.#map = map;
  }

  /** The peers as the maps have them, which later comparisons go by. */
  *read(): Generator<TunnelPeerSpec> {
    this.#seen = this.#raw();
    const live = new Map<string, Address>();
    for (const { key } of this.#map("peers")?.entries() ?? []) {
      const endpoint = decodePeerKey(key);
      live.set(endpoint.toString(), endpoint);
    }
    const strays = new Map(live);
    this.#users = new Users();
    for (const map of Object.values(ROUTES)) {
      for (const { key, value } of this.#map(map)?.entries() ?? []) {
        const { endpoint, isSingle } = decodeRoute(value);
        const name = endpoint.toString();
        strays.delete(name);
        const subnet = decodeRouteKey(key);
        this.#users.set(subnet, endpoint);
        const isDamaged = live.has(name) ? {} : { isDamaged: true };
        yield { datapath: "kernel", subnet, endpoint, ...(isSingle ? { isSingle } : {}), ...isDamaged };
      }
    }
    // Somebody who may send, and no subnet to send from: not of our making, and not wanted by anybody.
    for (const endpoint of strays.values()) {
      yield { datapath: "kernel", subnet: Prefix.of(endpoint, endpoint.bits), endpoint, isDamaged: true };
    }
  }

  /** An outcome per peer, of `added` and then of `removed`. */
  change(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): (Error | undefined)[] {
    const outcomes = this.#write(added, removed);
    if (added.length + removed.length > 0) this.#seen = undefined;
    return outcomes;
  }

  /** Whether the maps hold what they held when they were last read or written. */
  areAsBefore(): boolean {
    try {
      const now = this.#raw();
      const before = this.#seen;
      this.#seen = now;
      // After changes of ours there is nothing to compare with but what we know to be there.
      return before === undefined
        ? now.subnets === this.#users.subnets && now.endpoints === this.#users.endpoints
        : before.bytes.every((bytes, index) => Buffer.compare(bytes, now.bytes[index]!) === 0);
    } catch {
      // What cannot be read is told by the comparison that follows.
      return false;
    }
  }

  forget(): void {
    this.#seen = undefined;
  }

  /** Where to send comes before who may send, and goes before it: what is left behind halfway is found and put right. */
  #write(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): (Error | undefined)[] {
    const peers = this.#map("peers");
    if (peers === undefined) {
      const error = new LodenError("ERR_BPF", "the udp backend's maps are not made");
      return [...added, ...removed].map(() => error);
    }
    const put = byFamily(added, (map, group) =>
      this.#map(map)!.setAll(
        group.map(({ subnet, endpoint, isSingle = false }) => ({
          key: routeKey(subnet),
          value: encodeRoute({ endpoint, isSingle }),
        })),
      ),
    );
    const entries: MapEntry[] = added.map(({ endpoint }) => ({ key: peerKey(endpoint), value: PRESENT }));
    for (const [index, error] of peers.setAll(entries).entries()) put[index] ??= error;
    const gone = byFamily(removed, (map, group) =>
      this.#map(map)!.deleteAll(group.map(({ subnet }) => routeKey(subnet))),
    );
    const unused = [
      ...added.flatMap(({ subnet, endpoint }) => this.#users.set(subnet, endpoint) ?? []),
      ...removed.flatMap(({ subnet, endpoint }) => [endpoint, ...(this.#users.delete(subnet) ?? [])]),
    ];
    const keys = unused.filter((endpoint) => !this.#users.has(endpoint)).map(peerKey);
    for (const map of ["peers", "counters", "path_mtu"] as const) this.#map(map)!.deleteAll(keys);
    return [...put, ...gone];
  }

  #raw(): RawPeers {
    const [routes4, routes6, peers] = (["routes4", "routes6", "peers"] as const).map((name) => this.#map(name)!.dump());
    const bytes = [routes4!, routes6!, peers!].flatMap(({ keys, values }) => [keys, values]);
    return { bytes, subnets: routes4!.count + routes6!.count, endpoints: peers!.count };
  }
}

/** The maps of peers as the kernel lists them. */
interface RawPeers {
  readonly bytes: readonly Uint8Array[];
  readonly subnets: number;
  readonly endpoints: number;
}

/** Carries out by the map of each subnet's family, and gives the answers in the order of `items`. */
function byFamily<T extends { readonly subnet: Prefix }>(
  items: readonly T[],
  act: (map: "routes4" | "routes6", group: readonly T[]) => (Error | undefined)[],
): (Error | undefined)[] {
  const outcomes: (Error | undefined)[] = items.map(() => undefined);
  for (const [family, group] of Map.groupBy(items.entries(), ([, { subnet }]) => subnet.family)) {
    const answers = act(
      ROUTES[family],
      group.map(([, item]) => item),
    );
    for (const [position, [index]] of group.entries()) outcomes[index] = answers[position];
  }
  return outcomes;
}

/** Which endpoint each subnet names, to know without a dump whether one is named by any. */
class Users {
  readonly #endpoints = new Map<string, Address>();
  readonly #counts = new Map<string, number>();

  get subnets(): number {
    return this.#endpoints.size;
  }

  get endpoints(): number {
    return this.#counts.size;
  }

  has(endpoint: Address): boolean {
    return this.#counts.has(endpoint.toString());
  }

  /** The endpoint that was named before, when it is another. */
  set(subnet: Prefix, endpoint: Address): Address[] | undefined {
    const before = this.delete(subnet);
    this.#endpoints.set(subnet.toString(), endpoint);
    this.#counts.set(endpoint.toString(), (this.#counts.get(endpoint.toString()) ?? 0) + 1);
    return before;
  }

  /** The endpoint that was named. */
  delete(subnet: Prefix): Address[] | undefined {
    const endpoint = this.#endpoints.get(subnet.toString());
    if (endpoint === undefined) return undefined;
    this.#endpoints.delete(subnet.toString());
    const left = (this.#counts.get(endpoint.toString()) ?? 1) - 1;
    if (left > 0) this.#counts.set(endpoint.toString(), left);
    else this.#counts.delete(endpoint.toString());
    return [endpoint];
  }
}
