// Netlink notifications as observations: what stands under a key now. Whether that is news is for the reconciler to
// say, who knows what is wanted; here is left out only what cannot concern us.
import { decodeAddr } from "#kernel/netlink/addr";
import {
  NETLINK_NETFILTER,
  NFNLGRP_NFTABLES,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_NETCONF,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_NETCONF,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
} from "#kernel/netlink/constants";
import { readAttrs } from "#kernel/netlink/attr";
import { decodeFdb } from "#kernel/netlink/fdb";
import { decodeLink, type Link } from "#kernel/netlink/link";
import { decodeNeighbour } from "#kernel/netlink/neigh";
import { decodeNetconf, FORWARDING, RTM_NEWNETCONF } from "#kernel/netlink/netconf";
import { ROUTE_TABLE, decodeRoute } from "#kernel/netlink/route";
import { watchNetlink } from "#kernel/netlink/watch";
import type { Message, ReceivedMessage } from "#kernel/netlink/wire";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import type { Marks } from "../marks.ts";
import { KINDS, addressKey, fdbKey, linkKey, neighbourKey, sysctlKey } from "../objects.ts";
import type { ActualObject, ObjectKind, Observation, Sender } from "../port.ts";
import { foundAddress, foundFdb, foundLink, foundNeighbour, foundRoute, isOurLink } from "./found.ts";
import { isOurChain, type Iptables } from "./iptables.ts";
import type { Links } from "./links.ts";

export interface WatchContext {
  readonly sys: Sys;
  readonly marks: Marks;
  readonly links: Links;
  /** Names of the links that carry routes of ours. */
  readonly carriers: ReadonlySet<string>;
  readonly iptables: Pick<Iptables, "isWatched" | "isOwn">;
  /** Port id of the socket that our own changes are made by. */
  readonly ownPort: number;
  /** The index that the link of a name has now. */
  readonly indexOf: (name: string) => number | undefined;
}

/** linux/rtnetlink.h */
const RTM = {
  newLink: 16,
  delLink: 17,
  newAddr: 20,
  delAddr: 21,
  newRoute: 24,
  delRoute: 25,
  newNeigh: 28,
  delNeigh: 29,
  newNetconf: RTM_NEWNETCONF,
} as const;

const AF_BRIDGE = 7;

/** linux/netfilter/nf_tables.h: subsystem 10 in the upper byte; sizeof(struct nfgenmsg). */
const NFT_SUBSYSTEM = 10;
const NFT_MSG_NEWGEN = 15;
const NFGENMSG_SIZE = 4;
/** NFTA_GEN_PROC_PID, NFTA_GEN_PROC_NAME: who made the transaction. */
const NFTA_GEN_PROC_PID = 2;
const NFTA_GEN_PROC_NAME = 3;
/** NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE…: all are 1. */
const NFTA_TABLE = 1;
/** Where messages of a type name their chain: NFTA_CHAIN_NAME of NEWCHAIN and DELCHAIN, NFTA_RULE_CHAIN of NEWRULE and DELRULE. */
const CHAIN_NAME: ReadonlyMap<number, number> = new Map([
  [3, 3],
  [5, 3],
  [6, 2],
  [8, 2],
]);
/** No attribute has it. */
const NFTA_NONE = 0;

const ROUTE_GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV4_NETCONF,
  RTNLGRP_IPV6_NETCONF,
];

const EVERYTHING: readonly Observation[] = KINDS.map((kind) => ({ kind }));

export function watchKernel(context: WatchContext, onObserved: (seen: readonly Observation[]) => void): Disposable {
  const { sys } = context;
  const routes = watchNetlink(
    sys,
    ROUTE_GROUPS,
    (messages) => {
      const seen = newsOf(context, messages).flatMap((message) => signed(context, message, observe(context, message)));
      if (seen.length > 0) onObserved(seen);
    },
    () => onObserved(EVERYTHING),
  );
  const tables = watchTables(context, (altered) =>
    onObserved([...altered].map(([kind, by]) => (by === undefined ? { kind } : { kind, by }))),
  );
  return {
    [Symbol.dispose]: () => {
      routes[Symbol.dispose]();
      tables?.[Symbol.dispose]();
    },
  };
}

/**
 * What may tell of something new. Our own neighbours and routes, thousands at a start, come back as what is known, and
 * are not even read. But where others changed such things too, all of it counts: the last message tells how it is now.
 */
function newsOf({ ownPort }: WatchContext, messages: readonly ReceivedMessage[]): readonly ReceivedMessage[] {
  const foreign = new Set(messages.filter(({ portId }) => portId !== ownPort).map(subject));
  return messages.filter((message) => {
    const about = subject(message);
    return !(about === "route" || about === "neighbour") || foreign.has(about);
  });
}

function subject({ type, payload }: Message): string {
  if (type === RTM.newRoute || type === RTM.delRoute) return "route";
  if (type === RTM.newNeigh || type === RTM.delNeigh) return payload[0] === AF_BRIDGE ? "fdb" : "neighbour";
  return "";
}

/** Port id 0 is the kernel's own doing. */
function signed({ ownPort }: WatchContext, { portId }: ReceivedMessage, seen: Observation[]): Observation[] {
  if (portId === 0 || portId === ownPort) return seen;
  const by = { port: portId };
  return seen.map((observation) => ({ ...observation, by }));
}

function observe(context: WatchContext, { type, payload }: Message): Observation[] {
  try {
    switch (type) {
      case RTM.newLink:
      case RTM.delLink:
        return observeLink(context, decodeLink(payload), type === RTM.delLink);
      case RTM.newAddr:
      case RTM.delAddr:
        return observeAddress(context, payload, type === RTM.delAddr);
      case RTM.newRoute:
      case RTM.delRoute:
        return observeRoute(context, payload, type === RTM.delRoute);
      case RTM.newNeigh:
      case RTM.delNeigh:
        return payload[0] === AF_BRIDGE
          ? observeFdb(context, payload, type === RTM.delNeigh)
          : observeNeighbour(context, payload, type === RTM.delNeigh);
      case RTM.newNetconf:
        return observeNetconf(payload);
      default:
        return [];
    }
  } catch (error) {
    if (!(error instanceof LodenError)) throw error;
    // What cannot be read may have told of anything.
    return [...EVERYTHING];
  }
}

function observeLink(context: WatchContext, link: Link, isGone: boolean): Observation[] {
  const { marks, links, carriers } = context;
  const before = links.at(link.index);
  // A bridge tells of a port that leaves it by a message of family AF_BRIDGE and no name.
  if (link.name === "" || isOutdated(context, link, isGone)) return [];
  if (isGone) links.deleteName(before?.name ?? link.name);
  else links.set(link);
  const seen: Observation[] = [];
  if (before !== undefined && before.name !== link.name) seen.push({ kind: "link", key: linkKey(before.name) });
  seen.push(isGone ? { kind: "link", key: linkKey(link.name) } : linkSeen(foundLink(marks, links, link)));
  if (carriers.has(link.name) && losesRoutes(marks, before, link, isGone)) seen.push({ kind: "route" });
  return seen;
}

/** It tells of a link whose name another has by now, made by us between two parts of a pass. */
function isOutdated({ links, indexOf }: WatchContext, { name, index }: Link, isGone: boolean): boolean {
  const holder = links.named(name);
  if (holder === undefined || holder.index === index) return false;
  return isGone || indexOf(name) !== index;
}

/**
 * IPv4 routes go with a link that goes down, without a notification. A link of others' that comes up may take those that
 * it refused; one of ours comes up by our own doing.
 */
function losesRoutes(marks: Marks, before: Link | undefined, link: Link, isGone: boolean): boolean {
  if (isGone || before === undefined) return true;
  if (before.up !== link.up) return before.up || !isOurLink(marks, link);
  return false;
}

function linkSeen(actual: ActualObject): Observation {
  return { kind: actual.kind, key: actual.key, actual };
}

function observeAddress({ marks, links, carriers }: WatchContext, payload: Uint8Array, isGone: boolean): Observation[] {
  const address = decodeAddr(payload);
  const link = links.at(address.index);
  if (link === undefined) return [];
  const observation = seen(
    "address",
    addressKey(link.name, address.address),
    foundAddress(marks, links, address),
    isGone,
  );
  // With a link's last IPv4 address go its IPv4 routes, without a notification (fib_disable_ip in net/ipv4).
  return isGone && carriers.has(link.name) ? [observation, { kind: "route" }] : [observation];
}

function observeRoute({ marks, links }: WatchContext, payload: Uint8Array, isGone: boolean): Observation[] {
  const route = decodeRoute(payload);
  if (route.table !== ROUTE_TABLE.main) return [];
  const actual = foundRoute(marks, links, route);
  return actual === undefined ? [] : [seen("route", actual.key, actual, isGone)];
}

function observeNeighbour({ marks, links }: WatchContext, payload: Uint8Array, isGone: boolean): Observation[] {
  const entry = decodeNeighbour(payload);
  const link = links.at(entry.index);
  if (link === undefined) return [];
  return [seen("neighbour", neighbourKey(link.name, entry.address), foundNeighbour(marks, links, entry), isGone)];
}

function observeFdb({ marks, links }: WatchContext, payload: Uint8Array, isGone: boolean): Observation[] {
  const entry = decodeFdb(payload);
  const link = links.at(entry.index);
  if (link === undefined) return [];
  return [seen("fdb", fdbKey(link.name, entry.mac), foundFdb(marks, links, entry), isGone)];
}

/** Forwarding is the one sysctl of ours that the kernel tells of. */
function observeNetconf(payload: Uint8Array): Observation[] {
  const { family, isForAll, forwarding } = decodeNetconf(payload);
  if (isForAll !== true || forwarding === undefined) return [];
  const path = FORWARDING[family];
  const actual = { kind: "sysctl", key: sysctlKey(path), ours: false, spec: { path, value: `${forwarding}` } } as const;
  return [{ kind: "sysctl", key: actual.key, actual }];
}

function seen(kind: Observation["kind"], key: string, actual: ActualObject | undefined, isGone: boolean): Observation {
  return isGone || actual === undefined ? { kind, key } : { kind, key, actual };
}

/** What messages about nf_tables may concern: our tables, with what is in them, or our chains in those of iptables. */
const TABLE_KINDS: readonly ObjectKind[] = ["nft-table", "nft-element"];

/** A transaction's messages end with the new generation, which names who made it: our own are no news. */
function watchTables(
  { sys, marks, iptables }: WatchContext,
  onAltered: (kinds: ReadonlyMap<ObjectKind, Sender | undefined>) => void,
): Disposable | undefined {
  let touched = new Set<ObjectKind>();
  const touch = (type: number, payload: Uint8Array): void => {
    const attrs = readAttrs(payload, NFGENMSG_SIZE);
    const table = attrs.string(NFTA_TABLE);
    if (table === marks.nftTable || table === marks.peersTable) for (const kind of TABLE_KINDS) touched.add(kind);
    else if (iptables.isWatched && isOurChain(table, attrs.string(CHAIN_NAME.get(type) ?? NFTA_NONE))) {
      touched.add("iptables");
    }
  };
  try {
    return watchNetlink(
      sys,
      [NFNLGRP_NFTABLES],
      (messages) => {
        const altered = new Map<ObjectKind, Sender | undefined>();
        for (const { type, payload } of messages) {
          if (type >> 8 !== NFT_SUBSYSTEM) continue;
          if ((type & 0xff) !== NFT_MSG_NEWGEN) {
            touch(type & 0xff, payload);
            continue;
          }
          const attrs = readAttrs(payload, NFGENMSG_SIZE);
          const [pid, name] = [attrs.u32be(NFTA_GEN_PROC_PID), attrs.string(NFTA_GEN_PROC_NAME)];
          const by = pid === undefined || name === undefined ? undefined : { name, pid };
          const isOwn = pid === process.pid || iptables.isOwn(pid);
          if (!isOwn) for (const kind of touched) altered.set(kind, by);
          touched = new Set();
        }
        if (altered.size > 0) onAltered(altered);
      },
      () => onAltered(new Map([...TABLE_KINDS, "iptables" as const].map((kind) => [kind, undefined]))),
      { protocol: NETLINK_NETFILTER },
    );
  } catch (error) {
    // A kernel without nf_tables has no table of ours to watch; the timer looks after what else there may be.
    if (error instanceof LodenError && error.code === "ERR_SYSCALL") return undefined;
    throw error;
  }
}
