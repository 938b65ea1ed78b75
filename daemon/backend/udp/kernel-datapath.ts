// The data path in the kernel: BPF programs that traffic control runs, and maps that tell them of the node and its peers.
// All state is in the kernel and pinned; nothing here is needed for packets to flow.
import { statSync } from "node:fs";
import path from "node:path";
import { Address } from "#kernel/ip/address";
import { BPF_FS } from "#kernel/bpf/pin";
import type { MapEntry } from "#kernel/bpf/map";
import type { Link } from "#kernel/netlink/link";
import { watchNetlink } from "#kernel/netlink/watch";
import type { Sys } from "#kernel/sys";
import { LodenError, errorText } from "#spec/errors";
import { Prefix } from "#kernel/ip/prefix";
import type { TunnelPeerSpec, TunnelSpec } from "../../reconcile/port.ts";
import { readTunnelPrograms, type TunnelPrograms } from "./artefact.ts";
import { PLACES, attach, attachedId, detach, drawAdmission } from "./attachments.ts";
import { BpfObjects } from "./bpf-objects.ts";
import { DROP_REASONS, type Datapath, type DatapathHost, type DatapathTraffic, type DropReason } from "./datapath.ts";
import { TUNNEL_DEVICE } from "./desired.ts";
import {
  FIRST,
  PRESENT,
  ROUTES,
  decodeConfig,
  decodeCounters,
  decodePeerKey,
  decodeRouteKey,
  encodeConfig,
  peerKey,
  routeKey,
  sums,
  type TunnelConfig,
} from "./layout.ts";

/** linux/rtnetlink.h: filters and qdiscs that come and go. */
const RTNLGRP_TC = 4;
/** RTM_NEWTFILTER, RTM_DELTFILTER and RTM_DELQDISC; of chains it tells too. */
const ALTERING: ReadonlySet<number> = new Set([44, 45, 37]);
/** Maps tell nobody when they change: they are compared this often. */
const COMPARE_MS = 500;
/** ARPHRD_ETHER, and the bytes of its header (linux/if_arp.h, linux/if_ether.h). */
const ETHERNET = { type: 1, header: 14 } as const;

export interface KernelDatapathOptions {
  readonly sys: Sys;
  /** Tells this daemon's pins from those of others on the host: a file name. */
  readonly instance: string;
  /** Where pins are made. */
  readonly directory?: string;
  readonly programs?: () => TunnelPrograms;
}

export class KernelDatapath implements Datapath {
  readonly mode = "kernel";
  readonly #sys: Sys;
  readonly #open: () => BpfObjects;
  #opened: BpfObjects | undefined;
  readonly #readPrograms: () => TunnelPrograms;
  #programs: TunnelPrograms | undefined;
  /** What the maps held when they were last read or written by us. */
  #seen: RawPeers | undefined;
  #users = new Users();
  /** Of the socket that our filters are changed by. */
  #ownPort: number | undefined;

  constructor({ sys, instance, directory, programs }: KernelDatapathOptions) {
    this.#sys = sys;
    this.#open = () => new BpfObjects(sys, directory ?? instanceDirectory(instance));
    this.#readPrograms = programs ?? readTunnelPrograms;
  }

  /** Opened when it is first asked for, which is in the network namespace that it is about. */
  get #objects(): BpfObjects {
    return (this.#opened ??= this.#open());
  }

  find(host: DatapathHost): TunnelSpec | undefined {
    this.#ownPort = host.socket.portId;
    const isPinned = this.#objects.open();
    const value = this.#objects.map("config")?.get(FIRST);
    const config = value === undefined ? undefined : decodeConfig(value);
    const [tunnel, underlay] = [host.linkAt(config?.tunnel), host.linkAt(config?.underlay)];
    if (config === undefined) return undefined;
    const isWhole = tunnel !== undefined && underlay !== undefined && this.#isAttached(host, { tunnel, underlay });
    const isRight = underlay !== undefined && config.linkHeader === linkHeader(underlay);
    return {
      datapath: "kernel",
      // The device may be gone, and with it its number; its name is always this one.
      link: tunnel?.name ?? TUNNEL_DEVICE,
      underlay: underlay?.name ?? "",
      port: config.port,
      local: config.local,
      subnet: config.subnet,
      ...(isPinned && isWhole && isRight ? {} : { isDamaged: true }),
    };
  }

  *peers(): Generator<TunnelPeerSpec> {
    if (this.#objects.map("config") === undefined && !this.#objects.open()) return;
    this.#seen = this.#rawPeers();
    const live = new Map<string, Address>();
    for (const { key } of this.#objects.map("peers")?.entries() ?? []) {
      const endpoint = decodePeerKey(key);
      live.set(endpoint.toString(), endpoint);
    }
    const strays = new Map(live);
    this.#users = new Users();
    for (const map of Object.values(ROUTES)) {
      for (const { key, value } of this.#objects.map(map)?.entries() ?? []) {
        const endpoint = Address.fromBytes(value.slice());
        const name = endpoint.toString();
        strays.delete(name);
        const subnet = decodeRouteKey(key);
        this.#users.set(subnet, endpoint);
        const isDamaged = live.has(name) ? {} : { isDamaged: true };
        yield { datapath: "kernel", subnet, endpoint, ...isDamaged };
      }
    }
    // Somebody who may send, and no subnet to send from: not of our making, and not wanted by anybody.
    for (const endpoint of strays.values()) {
      yield { datapath: "kernel", subnet: Prefix.of(endpoint, endpoint.bits), endpoint, isDamaged: true };
    }
  }

  ensure(spec: TunnelSpec, host: DatapathHost): void {
    const tunnel = linkOrThrow(host, spec.link);
    const underlay = linkOrThrow(host, spec.underlay);
    try {
      this.#programs ??= this.#readPrograms();
      this.#objects.ensure(this.#programs);
    } catch (error) {
      throw new LodenError("ERR_BPF", `the udp backend's programs cannot be loaded: ${errorText(error)}`, {
        cause: error,
      });
    }
    const config = this.#objects.map("config")!;
    const before = decodeConfig(config.get(FIRST) ?? encodeConfig(NO_CONFIG));
    const next: TunnelConfig = {
      tunnel: tunnel.index,
      underlay: underlay.index,
      admitted: before?.admitted ?? drawAdmission(),
      linkHeader: linkHeader(underlay),
      port: spec.port,
      local: spec.local,
      subnet: spec.subnet,
    };
    config.set(FIRST, encodeConfig(next));
    for (const place of PLACES) {
      const fd = this.#objects.openProgram(place.program);
      if (fd === undefined) throw new LodenError("ERR_BPF", `the BPF object has no program ${place.program}`);
      try {
        attach(host.socket, place, place.on === "tunnel" ? tunnel : underlay, fd);
      } finally {
        this.#sys.close(fd);
      }
    }
    // An underlay that is no longer used would go on taking packets.
    const old = before === undefined ? undefined : host.linkAt(before.underlay);
    if (old !== undefined && old.index !== underlay.index) this.#detachUnderlay(host, old);
  }

  remove(spec: TunnelSpec, host: DatapathHost): void {
    const underlay = host.linkNamed(spec.underlay);
    if (underlay !== undefined) this.#detachUnderlay(host, underlay);
    const tunnel = host.linkNamed(spec.link);
    if (tunnel !== undefined) {
      for (const place of PLACES) if (place.on === "tunnel") detach(host.socket, place, tunnel);
    }
    this.#objects.remove();
    this.#seen = undefined;
  }

  changePeers(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): (Error | undefined)[] {
    const outcomes = this.#writePeers(added, removed);
    if (added.length + removed.length > 0) this.#seen = undefined;
    return outcomes;
  }

  watch(onAltered: (what: "tunnel" | "tunnel-peer") => void): Disposable {
    const filters = watchNetlink(
      this.#sys,
      [RTNLGRP_TC],
      (messages) => {
        const isNews = messages.some(({ type, portId }) => ALTERING.has(type) && portId !== this.#ownPort);
        if (isNews && this.#opened?.map("config") !== undefined) onAltered("tunnel");
      },
      () => onAltered("tunnel"),
    );
    const timer = setInterval(() => this.#compare(onAltered), COMPARE_MS);
    timer.unref();
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer);
        filters[Symbol.dispose]();
      },
    };
  }

  traffic(): DatapathTraffic | undefined {
    if (this.#objects.map("counters") === undefined && !this.#objects.open()) return undefined;
    const counters = this.#objects.map("counters")!;
    const drops = this.#objects.map("drops")!.entries();
    return {
      peers: counters.entries().map(({ key, value }) => decodeCounters(key, value)),
      drops: Object.fromEntries(
        DROP_REASONS.map((reason, index) => [reason, sums(drops[index]?.value ?? new Uint8Array(0), 1)[0]!]),
      ) as Record<DropReason, bigint>,
    };
  }

  [Symbol.dispose](): void {
    this.#opened?.[Symbol.dispose]();
  }

  #isAttached(host: DatapathHost, links: Readonly<Record<"tunnel" | "underlay", Link>>): boolean {
    this.#programs ??= this.#readPrograms();
    const ids = this.#objects.programIds(this.#programs.version);
    return PLACES.every((place) => {
      const id = ids.get(place.program);
      return id !== undefined && attachedId(host.socket, place, links[place.on]) === id;
    });
  }

  #detachUnderlay(host: DatapathHost, link: Link): void {
    for (const place of PLACES) if (place.on === "underlay") detach(host.socket, place, link);
  }

  /** Where to send comes before who may send, and goes before it: what is left behind halfway is found and put right. */
  #writePeers(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): (Error | undefined)[] {
    const peers = this.#objects.map("peers");
    if (peers === undefined) {
      const error = new LodenError("ERR_BPF", "the udp backend's maps are not made");
      return [...added, ...removed].map(() => error);
    }
    const put = byFamily(added, (map, group) =>
      this.#objects
        .map(map)!
        .setAll(group.map(({ subnet, endpoint }) => ({ key: routeKey(subnet), value: endpoint.toBytes() }))),
    );
    const entries: MapEntry[] = added.map(({ endpoint }) => ({ key: peerKey(endpoint), value: PRESENT }));
    for (const [index, error] of peers.setAll(entries).entries()) put[index] ??= error;
    const gone = byFamily(removed, (map, group) =>
      this.#objects.map(map)!.deleteAll(group.map(({ subnet }) => routeKey(subnet))),
    );
    const unused = [
      ...added.flatMap(({ subnet, endpoint }) => this.#users.set(subnet, endpoint) ?? []),
      ...removed.flatMap(({ subnet, endpoint }) => [endpoint, ...(this.#users.delete(subnet) ?? [])]),
    ];
    const keys = unused.filter((endpoint) => !this.#users.has(endpoint)).map(peerKey);
    for (const map of ["peers", "counters", "path_mtu"] as const) this.#objects.map(map)!.deleteAll(keys);
    return [...put, ...gone];
  }

  #compare(onAltered: (what: "tunnel" | "tunnel-peer") => void): void {
    if (this.#opened?.map("config") === undefined) return;
    try {
      const now = this.#rawPeers();
      const before = this.#seen;
      this.#seen = now;
      // After changes of ours there is nothing to compare with but what we know to be there.
      const isSame =
        before === undefined
          ? now.subnets === this.#users.subnets && now.endpoints === this.#users.endpoints
          : before.bytes.every((bytes, index) => Buffer.compare(bytes, now.bytes[index]!) === 0);
      if (!isSame) onAltered("tunnel-peer");
    } catch {
      // What cannot be read is told by the comparison that follows.
      onAltered("tunnel-peer");
    }
  }

  #rawPeers(): RawPeers {
    const [routes4, routes6, peers] = (["routes4", "routes6", "peers"] as const).map((name) =>
      this.#objects.map(name)!.dump(),
    );
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

const NO_CONFIG: TunnelConfig = { tunnel: 0, underlay: 0, admitted: 0, linkHeader: 0, port: 0, local: {}, subnet: {} };

/** `/sys/fs/bpf/loden/<instance>-<network namespace>`: two hosts in one mount namespace are two directories. */
export function instanceDirectory(instance: string, namespace = statSync("/proc/thread-self/ns/net").ino): string {
  return path.join(BPF_FS, "loden", `${instance}-${namespace}`);
}

function linkHeader(link: Link): number {
  return link.type === ETHERNET.type ? ETHERNET.header : 0;
}

function linkOrThrow(host: DatapathHost, name: string): Link {
  const link = host.linkNamed(name);
  if (link !== undefined) return link;
  throw new LodenError("ERR_NETLINK", `the udp backend's tunnel cannot be made: there is no interface ${name}`, {
    fields: { link: name },
  });
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
