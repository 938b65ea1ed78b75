// The Kernel port on Linux: rtnetlink for links, addresses, routes, neighbours and FDB entries, nftables for tables
// and their elements, iptables where it is asked for, /proc/sys for sysctls.
import { existsSync } from "node:fs";
import { FAMILIES, type Family } from "#kernel/ip/address";
import { addrDump } from "#kernel/netlink/addr";
import { fdbStream } from "#kernel/netlink/fdb";
import type { Link } from "#kernel/netlink/link";
import { neighStream } from "#kernel/netlink/neigh";
import { ROUTE_TABLE, routeStream } from "#kernel/netlink/route";
import { described, processOfPort } from "#kernel/netlink/senders";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { anonymousNetns, withNetns } from "#kernel/netns";
import type { Sys } from "#kernel/sys";
import { readSysctl } from "#kernel/sysctl";
import type { Datapath } from "../../backend/udp/datapath.ts";
import { isMet } from "../diff.ts";
import { asWished } from "../known.ts";
import { PROTOCOL_BOOT, type Marks } from "../marks.ts";
import { linkKey } from "../objects.ts";
import {
  OccupiedError,
  type Actual,
  type ActualObject,
  type Change,
  type Kernel,
  type KernelObject,
  type ObjectKind,
  type Observation,
  type Outcome,
  type Sender,
  type Wanted,
} from "../port.ts";
import { applyChanges } from "./apply.ts";
import { foundAddress, foundFdb, foundLink, foundNeighbour, foundRoute, isOurLink } from "./found.ts";
import { Iptables } from "./iptables.ts";
import { Links } from "./links.ts";
import { NftTables } from "./tables.ts";
import { Tunnels } from "./tunnels.ts";
import { watchKernel } from "./watch.ts";

export interface NetlinkKernelOptions {
  readonly sys: Sys;
  readonly marks: Marks;
  /** Runs a function in the network namespace to work in; absent: the caller's own. */
  readonly within?: <T>(fn: () => T) => T;
  /** Who carries the udp backend's packets, one a mode; absent: nobody does. */
  readonly datapaths?: readonly Datapath[];
}

export class NetlinkKernel implements Kernel, Disposable {
  readonly #sys: Sys;
  readonly #marks: Marks;
  readonly #within: <T>(fn: () => T) => T;
  readonly #socket: NetlinkSocket;
  readonly #links = new Links();
  readonly #tables: NftTables;
  readonly #iptables: Iptables;
  readonly #tunnels: Tunnels;
  /** Links that carry routes of ours: when one goes down the kernel drops those without a word. */
  readonly #carriers = new Set<string>();
  /** Something stands in a route's place that a dump of our own routes does not show: list all while that is so. */
  #isObstructed = false;

  constructor({ sys, marks, within = (fn) => fn(), datapaths = [] }: NetlinkKernelOptions) {
    this.#sys = sys;
    this.#marks = marks;
    this.#within = within;
    this.#socket = within(() => NetlinkSocket.open(sys));
    this.#tables = new NftTables(sys, marks);
    this.#iptables = new Iptables(sys, marks);
    this.#tunnels = new Tunnels(datapaths);
  }

  dump(kinds: ReadonlySet<ObjectKind>, wanted: Wanted): Actual {
    return this.#within(() => this.#dump(kinds, wanted));
  }

  apply(changes: readonly Change[]): Outcome[] {
    const context = {
      socket: this.#socket,
      links: this.#links,
      marks: this.#marks,
      tables: this.#tables,
      iptables: this.#iptables,
      sys: this.#sys,
      tunnels: this.#tunnels,
    };
    const outcomes = this.#within(() => applyChanges(context, changes));
    for (const [index, change] of changes.entries()) {
      if (change.type === "remove" || change.object.kind !== "route") continue;
      this.#carriers.add(change.object.spec.link);
      if (outcomes[index] instanceof OccupiedError) this.#isObstructed = true;
    }
    return outcomes;
  }

  watch(onObserved: (seen: readonly Observation[]) => void): Disposable {
    const context = {
      sys: this.#sys,
      marks: this.#marks,
      links: this.#links,
      carriers: this.#carriers,
      iptables: this.#iptables,
      ownPort: this.#socket.portId,
      indexOf: (name: string) => this.#socket.linkIndex(name),
    };
    return this.#within(() => {
      const watches = [watchKernel(context, onObserved), this.#tunnels.watch(onObserved)];
      return {
        [Symbol.dispose]: () => {
          for (const watch of watches) watch[Symbol.dispose]();
        },
      };
    });
  }

  /** Tells tables that are as they should be by how nft lists them in a namespace of their own; for who writes none. */
  learnTables(wanted: readonly KernelObject[]): void {
    const tables = wanted.filter((object) => object.kind === "nft-table");
    if (tables.length === 0) return;
    const netns = anonymousNetns(this.#sys);
    try {
      this.#tables.learn(tables, (fn) => withNetns(this.#sys, netns, fn));
    } finally {
      this.#sys.close(netns);
    }
  }

  identify(sender: Sender): string | undefined {
    if ("pid" in sender) return described(sender.name, sender.pid);
    return this.#within(() => processOfPort(sender.port));
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    this.#tables[Symbol.dispose]();
    this.#tunnels[Symbol.dispose]();
  }

  #dump(kinds: ReadonlySet<ObjectKind>, wanted: Wanted): Actual {
    const objects = new Map<string, ActualObject>();
    const failed = new Map<ObjectKind, Error>();
    const keep = (found: ActualObject | undefined): void => {
      if (found === undefined || !(found.ours || wanted.has(found.key))) return;
      if (found.kind === "route") this.#carriers.add(found.spec.link);
      const key = uniqueKey(objects, found.key);
      const wish = wanted.get(key);
      // What is as it should be is most of what there is: it need not be kept twice.
      if (wish !== undefined && found.ours && isMet(wish, found)) objects.set(wish.key, asWished(wish));
      else objects.set(key, key === found.key ? found : { ...found, key });
    };
    try {
      this.#links.refresh(this.#socket);
    } catch (error) {
      // Nothing on links can be read without their names.
      const failure = toError(error);
      return { objects, failed: new Map([...kinds].map((kind) => [kind, failure])) };
    }
    for (const kind of kinds) {
      try {
        for (const found of this.#find(kind, wanted)) keep(found);
      } catch (error) {
        failed.set(kind, toError(error));
      }
    }
    return { objects, failed };
  }

  *#find(kind: ObjectKind, wanted: Wanted): Generator<ActualObject | undefined> {
    const [marks, links, socket] = [this.#marks, this.#links, this.#socket];
    switch (kind) {
      case "link":
        for (const link of links.all()) yield foundLink(marks, links, link);
        break;
      case "address":
        for (const link of this.#ours(wanted)) {
          for (const found of addrDump(socket, { index: link.index })) yield foundAddress(marks, links, found);
        }
        break;
      case "neighbour":
        for (const link of this.#ours(wanted)) {
          for (const found of neighStream(socket, { index: link.index })) yield foundNeighbour(marks, links, found);
        }
        break;
      case "fdb":
        for (const link of this.#ours(wanted)) {
          for (const found of fdbStream(socket, { index: link.index })) yield foundFdb(marks, links, found);
        }
        break;
      case "route":
        yield* this.#routes(wanted);
        break;
      case "sysctl":
        for (const { key, spec } of wanted.of("sysctl")) {
          if (spec.link !== undefined && links.named(spec.link) === undefined) continue;
          yield { kind: "sysctl", key, ours: false, spec: { ...spec, value: readSysctl(spec.path) ?? "" } };
        }
        break;
      case "nft-table":
      case "nft-element":
        for (const found of this.#tables.dump(wanted)) if (found.kind === kind) yield found;
        break;
      case "iptables":
        yield* this.#iptables.dump(wanted);
        break;
      case "tunnel":
        yield* this.#tunnels.dump(wanted, { socket, links });
        break;
      case "tunnel-peer":
        yield* this.#tunnels.dumpPeers();
        break;
    }
  }

  /** The devices that bear our mark, and those that stand where ours should. */
  #ours(wanted: Wanted): Link[] {
    return [...this.#links.all()].filter((link) => isOurLink(this.#marks, link) || wanted.has(linkKey(link.name)));
  }

  /** Ours, and those that flannel may have left; a host's other routes, which may be a million, stay unread. */
  *#routes(wanted: Wanted): Generator<ActualObject<"route">> {
    const table = ROUTE_TABLE.main;
    const protocols = this.#isObstructed
      ? [{}]
      : [this.#marks.routeProtocol, PROTOCOL_BOOT].map((protocol) => ({ protocol }));
    let isObstructed = false;
    for (const family of kernelFamilies()) {
      for (const protocol of protocols) {
        for (const route of routeStream(this.#socket, { family, table, ...protocol })) {
          const found = foundRoute(this.#marks, this.#links, route);
          if (found === undefined) continue;
          isObstructed ||= !found.ours && wanted.has(found.key);
          yield found;
        }
      }
    }
    this.#isObstructed &&= isObstructed;
  }
}

/**
 * The families the kernel has. Asked for the routes of one it lacks, it lists those of all others instead
 * (rtnetlink_rcv_msg falls back to the handler of PF_UNSPEC).
 */
function kernelFamilies(): readonly Family[] {
  return existsSync("/proc/net/if_inet6") ? FAMILIES : [4];
}

/** Of several with one key the first is the one the kernel uses; the others get a number. */
function uniqueKey(objects: ReadonlyMap<string, ActualObject>, wanted: string): string {
  let key = wanted;
  for (let count = 2; objects.has(key); count++) key = `${wanted} #${count}`;
  return key;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
