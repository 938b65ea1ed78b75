// What the kernel reports, as actual objects: keys, marks and specs that the comparison understands.
import type { LinkAddress } from "#kernel/netlink/addr";
import type { FdbEntry } from "#kernel/netlink/fdb";
import type { Link } from "#kernel/netlink/link";
import { NEIGHBOUR_FLAG, type Neighbour } from "#kernel/netlink/neigh";
import { ROUTE_TABLE, type Route } from "#kernel/netlink/route";
import { ALIAS_PREFIX, PROTOCOL_BOOT, PROTOCOL_KERNEL, type Marks } from "../marks.ts";
import { addressKey, fdbKey, linkKey, neighbourKey, routeKey } from "../objects.ts";
import type { ActualObject } from "../port.ts";
import type { Links } from "./links.ts";
import { isAdoptable } from "./vxlan-link.ts";

const CONNECTED =
  "is there already by the kernel's own doing: an interface of this host has an address in that network; take that " +
  "address away or move the fabric's network elsewhere";

/** linux/neighbour.h */
const NUD_PERMANENT = 0x80;

/** What tells a route from others to the same destination. */
export type RouteHandle = Pick<Route, "protocol" | "priority" | "tos">;

/** IP6_RT_PRIO_USER of include/uapi/linux/ipv6_route.h: what the kernel makes of metric 0 in IPv6. */
const IPV6_METRIC = 1024;

export function isOurLink(marks: Marks, link: Link | undefined): boolean {
  return link?.alias === marks.linkAlias;
}

export function foundLink(marks: Marks, links: Links, link: Link): ActualObject<"link"> {
  const { name, kind, mac } = link;
  const ours = isOurLink(marks, link);
  const key = linkKey(name);
  const parent = kind?.kind === "vxlan" ? links.at(kind.parent)?.name : undefined;
  const other = ours || link.alias?.startsWith(ALIAS_PREFIX) !== true ? {} : { untouchable: heldByOther(link) };
  const state = { name, mtu: link.mtu, up: link.up, ...masterOf(links, link) };
  if (kind?.kind === "tun" && kind.mode === "tun") {
    return { kind: "link", key, ours, ...other, spec: { ...state, detail: { kind: "tun" } } };
  }
  if (kind?.kind === "vxlan" && kind.gpe === true && kind.collectMetadata === true) {
    return {
      kind: "link",
      key,
      ours,
      ...other,
      spec: { ...state, detail: { kind: "vxlan-gpe", port: kind.port ?? 0 } },
    };
  }
  if (kind?.kind !== "vxlan" || kind.vni === undefined || kind.local === undefined || parent === undefined) {
    return { kind: "link", key, ours, ...other, spec: { name, detail: { kind: "other", name: kind?.kind ?? "" } } };
  }
  const detail = {
    kind: "vxlan",
    vni: kind.vni,
    port: kind.port ?? 0,
    local: kind.local,
    parent,
    learning: kind.learning === true,
    gbp: kind.gbp === true,
  } as const;
  const spec = { ...state, detail, ...(mac === undefined ? {} : { mac }) };
  if (!isAdoptable(kind)) {
    return { kind: "link", key, ours, ...other, spec: { name, detail: { kind: "other", name: "vxlan" } } };
  }
  return { kind: "link", key, ours, ...other, spec };
}

function masterOf(links: Links, { master = 0 }: Link): { readonly master?: string } {
  return master === 0 ? {} : { master: links.at(master)?.name ?? `interface ${master}` };
}

function heldByOther({ name, alias = "" }: Link): string {
  const prefix = alias.slice(ALIAS_PREFIX.length);
  return (
    `belongs to a Loden daemon with the store prefix ${prefix}: give the two networks different VNIs or, if that daemon ` +
    `is no more, delete the interface (ip link delete ${name})`
  );
}

/** Undefined for an address of a link that is gone. */
export function foundAddress(marks: Marks, links: Links, found: LinkAddress): ActualObject<"address"> | undefined {
  const link = links.at(found.index);
  if (link === undefined) return undefined;
  const { address } = found;
  const ours = isOurLink(marks, link) && marks.networks.some((network) => network.contains(address.address));
  return { kind: "address", key: addressKey(link.name, address), ours, spec: { link: link.name, address } };
}

/** Undefined for routes of other tables. */
export function foundRoute(marks: Marks, links: Links, route: Route): ActualObject<"route"> | undefined {
  if (route.table !== undefined && route.table !== ROUTE_TABLE.main) return undefined;
  const { destination, gateway, source, tos = 0 } = route;
  const metric = unusualMetric(route);
  const link = links.at(route.oif);
  const onOurs = isOurLink(marks, link);
  // On our own devices, flannel's and hand-made routes count as ours; elsewhere nothing but our number does.
  const ours = isOurProtocol(marks, route, onOurs) || (onOurs && route.protocol === PROTOCOL_BOOT);
  const isPlain = route.type === "unicast" && tos === 0 && route.nextHops === undefined;
  return {
    kind: "route",
    key: `${routeKey(destination, metric)}${tos === 0 ? "" : ` tos ${tos}`}`,
    ours,
    handle: handleOf(route),
    ...(route.protocol === PROTOCOL_KERNEL ? { untouchable: CONNECTED } : {}),
    spec: {
      destination,
      link: isPlain ? (link?.name ?? "") : "",
      onlink: route.onlink === true,
      ...(gateway === undefined ? {} : { gateway }),
      ...(source === undefined ? {} : { source }),
      ...(route.metrics?.mtu === undefined ? {} : { mtu: route.metrics.mtu }),
      ...(route.type === "blackhole" ? { type: route.type } : {}),
      ...(metric === undefined ? {} : { metric }),
    },
  };
}

/** Undefined for what is not permanent: the kernel's own, that comes and goes. */
export function foundNeighbour(marks: Marks, links: Links, found: Neighbour): ActualObject<"neighbour"> | undefined {
  const link = links.at(found.index);
  const { address, mac } = found;
  if (link === undefined || mac === undefined || !isPermanent(found.state)) return undefined;
  if (((found.flags ?? 0) & NEIGHBOUR_FLAG.proxy) !== 0) return undefined;
  const spec = { link: link.name, address, mac };
  return { kind: "neighbour", key: neighbourKey(link.name, address), ours: isOurLink(marks, link), spec };
}

/** Undefined for entries that were learnt, and those of bridges. */
export function foundFdb(marks: Marks, links: Links, found: FdbEntry): ActualObject<"fdb"> | undefined {
  const link = links.at(found.index);
  const { mac, remote } = found;
  if (link === undefined || remote === undefined || !isPermanent(found.state)) return undefined;
  const spec = { link: link.name, mac, remote };
  return { kind: "fdb", key: fdbKey(link.name, mac), ours: isOurLink(marks, link), spec };
}

function handleOf({ protocol, priority, tos }: Route): RouteHandle {
  return {
    ...(protocol === undefined ? {} : { protocol }),
    ...(priority === undefined ? {} : { priority }),
    ...(tos === undefined ? {} : { tos }),
  };
}

/** The metric, unless it is the one a route gets that asks for none. */
function unusualMetric({ destination, priority = 0 }: Route): number | undefined {
  const usual = destination.family === 4 ? 0 : IPV6_METRIC;
  return priority === usual || priority === 0 ? undefined : priority;
}

/** NUD_PERMANENT, alone or with others: `bridge fdb` adds NUD_NOARP to it. */
function isPermanent(state: Neighbour["state"]): boolean {
  return state === "permanent" || (typeof state === "number" && (state & NUD_PERMANENT) !== 0);
}

function isOurProtocol(marks: Marks, route: Route, onOurs: boolean): boolean {
  if (route.protocol !== marks.routeProtocol) return false;
  // Other scopes share a few numbers: only what lies in our own networks is surely ours.
  return marks.isDefaultScope || onOurs || marks.networks.some((network) => network.contains(route.destination));
}
