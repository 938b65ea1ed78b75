// The data path in the kernel: BPF programs that traffic control runs, and maps that tell them of the node and its peers.
// All state is in the kernel and pinned; nothing here is needed for packets to flow.
import { statSync } from "node:fs";
import path from "node:path";
import { BPF_FS } from "#kernel/bpf/pin";
import { type Link, decodeLink } from "#kernel/netlink/link";
import type { ReceivedMessage } from "#kernel/netlink/wire";
import { watchNetlink } from "#kernel/netlink/watch";
import type { Sys } from "#kernel/sys";
import { LodenError, errorText } from "#spec/errors";
import type { TunnelPeerSpec, TunnelSpec } from "../../reconcile/port.ts";
import { readTunnelPrograms, type TunnelPrograms } from "./artefact.ts";
import {
  type Attachment,
  PLACES,
  type Place,
  type PlaceLinks,
  attach,
  attached,
  detach,
  drawAdmission,
  tcxIds,
} from "./attachments.ts";
import { BpfObjects } from "./bpf-objects.ts";
import { ensureCutter, findCutter, isCutterLoss, removeCutter } from "./cutter.ts";
import {
  DROP_REASONS,
  type Datapath,
  type DatapathHost,
  type DatapathTraffic,
  type DropReason,
  type Drops,
} from "./datapath.ts";
import { TUNNEL_DEVICE } from "./desired.ts";
import { FIRST, decodeConfig, decodeCounters, encodeConfig, sums, type TunnelConfig } from "./layout.ts";
import { PeerMaps } from "./peer-maps.ts";

/** linux/rtnetlink.h: links, and filters and qdiscs, that come and go. */
const RTNLGRP_LINK = 1;
const RTNLGRP_TC = 4;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
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
  /** By what to attach: tcx where the kernel has it, unless it is to be clsact. */
  readonly attachment?: Attachment;
  /** The programs are attached, or were found to be: called when it is another way than before. */
  readonly onAttached?: (attachment: Attachment) => void;
  /** Runs in the network namespace of the host, where that is not the thread's. */
  readonly within?: <T>(fn: () => T) => T;
  readonly programs?: () => TunnelPrograms;
}

export class KernelDatapath implements Datapath {
  readonly mode = "kernel";
  readonly #sys: Sys;
  readonly #open: () => BpfObjects;
  #opened: BpfObjects | undefined;
  readonly #readPrograms: () => TunnelPrograms;
  readonly #wanted: Attachment;
  readonly #onAttached: (attachment: Attachment) => void;
  readonly #within: <T>(fn: () => T) => T;
  #programs: TunnelPrograms | undefined;
  readonly #peers = new PeerMaps((name) => this.#objects.map(name));
  /** Of the socket that our filters are changed by. */
  #ownPort: number | undefined;
  /** Programs that nobody tells of when they go. */
  #hooked: Hooked[] = [];
  #attachment: Attachment | undefined;

  constructor({ sys, instance, directory, programs, ...rest }: KernelDatapathOptions) {
    this.#sys = sys;
    this.#open = () => new BpfObjects(sys, directory ?? instanceDirectory(instance));
    this.#readPrograms = programs ?? readTunnelPrograms;
    this.#wanted = rest.attachment ?? "tcx";
    this.#onAttached = rest.onAttached ?? (() => undefined);
    this.#within = rest.within ?? ((fn) => fn());
  }

  /** How the programs are attached; undefined while they are not. */
  get attachment(): Attachment | undefined {
    return this.#attachment;
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
    const cutter = findCutter(this.#sys, host.socket);
    const isWhole =
      tunnel !== undefined &&
      underlay !== undefined &&
      cutter?.near.index === config.cutter &&
      this.#isAttached(host, { tunnel, underlay, cut: cutter.far });
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

  peers(): Iterable<TunnelPeerSpec> {
    return this.#objects.map("config") === undefined && !this.#objects.open() ? [] : this.#peers.read();
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
    const cutter = ensureCutter(this.#sys, host.socket);
    const links: PlaceLinks = { tunnel, underlay, cut: cutter.far };
    const config = this.#objects.map("config")!;
    const before = decodeConfig(config.get(FIRST) ?? encodeConfig(NO_CONFIG));
    const next: TunnelConfig = {
      tunnel: tunnel.index,
      underlay: underlay.index,
      admitted: before?.admitted ?? drawAdmission(),
      linkHeader: linkHeader(underlay),
      port: spec.port,
      cutter: cutter.near.index,
      local: spec.local,
      subnet: spec.subnet,
    };
    config.set(FIRST, encodeConfig(next));
    const hooks = { sys: this.#sys, socket: host.socket };
    for (const place of PLACES) {
      const fd = this.#objects.openProgram(place.program);
      if (fd === undefined) throw new LodenError("ERR_BPF", `the BPF object has no program ${place.program}`);
      try {
        attach(hooks, place, links[place.on], fd, this.#wanted);
      } finally {
        this.#sys.close(fd);
      }
    }
    this.#isAttached(host, links);
    // An underlay that is no longer used would go on taking packets.
    const old = before === undefined ? undefined : host.linkAt(before.underlay);
    if (old !== undefined && old.index !== underlay.index) this.#detachUnderlay(host, old);
  }

  remove(spec: TunnelSpec, host: DatapathHost): void {
    const underlay = host.linkNamed(spec.underlay);
    if (underlay !== undefined) this.#detachUnderlay(host, underlay);
    const tunnel = host.linkNamed(spec.link);
    if (tunnel !== undefined) {
      const hooks = { sys: this.#sys, socket: host.socket };
      for (const place of PLACES) if (place.on === "tunnel") detach(hooks, place, tunnel);
    }
    removeCutter(host.socket);
    this.#objects.remove();
    this.#peers.forget();
    this.#hooked = [];
    this.#attachment = undefined;
  }

  changePeers(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): (Error | undefined)[] {
    return this.#peers.change(added, removed);
  }

  watch(onAltered: (what: "tunnel" | "tunnel-peer") => void): Disposable {
    const filters = watchNetlink(
      this.#sys,
      [RTNLGRP_TC, RTNLGRP_LINK],
      (messages) => {
        const isNews = messages.some((message) => this.#isNews(message));
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

  #isNews({ type, portId, payload }: ReceivedMessage): boolean {
    if (type === RTM_NEWLINK || type === RTM_DELLINK) return isCutterLoss(decodeLink(payload), type === RTM_DELLINK);
    return ALTERING.has(type) && portId !== this.#ownPort;
  }

  traffic(): DatapathTraffic | undefined {
    if (this.#objects.map("counters") === undefined && !this.#objects.open()) return undefined;
    const counters = this.#objects.map("counters")!;
    return { peers: counters.entries().map(({ key, value }) => decodeCounters(key, value)), drops: this.drops()! };
  }

  drops(): Drops | undefined {
    const drops = this.#objects.map("drops")?.entries();
    if (drops === undefined) return undefined;
    return Object.fromEntries(
      DROP_REASONS.map((reason, index) => [reason, sums(drops[index]?.value ?? new Uint8Array(0), 1)[0]!]),
    ) as Record<DropReason, bigint>;
  }

  [Symbol.dispose](): void {
    this.#opened?.[Symbol.dispose]();
  }

  /** Whether all programs stand where they should; what is learnt is kept for the comparisons in between. */
  #isAttached({ socket }: DatapathHost, links: PlaceLinks): boolean {
    this.#programs ??= this.#readPrograms();
    const ids = this.#objects.programIds(this.#programs.version);
    const found = PLACES.map((place) => ({
      place,
      there: attached({ sys: this.#sys, socket }, place, links[place.on]),
    }));
    this.#hooked = found.flatMap(({ place, there }) =>
      there.flatMap(({ by, id }) => (by === "tcx" ? [{ place, link: links[place.on].index, id }] : [])),
    );
    const isWhole = found.every(({ place, there }) => there.length === 1 && there[0]!.id === ids.get(place.program));
    const attachment = isWhole ? found[0]?.there[0]?.by : undefined;
    if (attachment !== undefined && attachment !== this.#attachment) this.#onAttached(attachment);
    this.#attachment = attachment;
    return isWhole;
  }

  #detachUnderlay({ socket }: DatapathHost, link: Link): void {
    for (const place of PLACES) if (place.on === "underlay") detach({ sys: this.#sys, socket }, place, link);
  }

  #compare(onAltered: (what: "tunnel" | "tunnel-peer") => void): void {
    if (this.#opened?.map("config") === undefined) return;
    if (!this.#areHooked()) onAltered("tunnel");
    if (!this.#peers.areAsBefore()) onAltered("tunnel-peer");
  }

  /** Whether the programs in tcx, which has no notifications, are those that were last seen there. */
  #areHooked(): boolean {
    if (this.#hooked.length === 0) return true;
    try {
      const isThere = this.#within(() =>
        this.#hooked.every(({ place, link, id }) => tcxIds(this.#sys, place, link).includes(id)),
      );
      // Told once: what is found next is what the next comparison goes by.
      if (!isThere) this.#hooked = [];
      return isThere;
    } catch {
      return false;
    }
  }
}

/** A program in tcx, as it was last seen. */
interface Hooked {
  readonly place: Place;
  /** Index of the link. */
  readonly link: number;
  /** Of the program. */
  readonly id: number;
}

const NO_CONFIG: TunnelConfig = {
  tunnel: 0,
  underlay: 0,
  admitted: 0,
  linkHeader: 0,
  port: 0,
  cutter: 0,
  local: {},
  subnet: {},
};

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
