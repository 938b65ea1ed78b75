// Which of the host's routes tell how peers are reached. Pure. Left out are those that cannot be on the way to a peer, so
// that containers and peers that come and go do not change what this node knows of its underlay.
import type { Prefix } from "#kernel/ip/prefix";
import type { Link } from "#kernel/netlink/link";
import { NEXT_HOP_FLAG, type NextHop, ROUTE_PROTOCOL, type Route } from "#kernel/netlink/route-types";
import type { UnderlayRoute } from "../lease/types.ts";

/** Routes that drop what takes them: a peer behind one is not reached. */
const REFUSING: ReadonlySet<unknown> = new Set(["blackhole", "unreachable", "prohibit"]);

/** What the choice needs besides the routes. */
export interface UnderlayScope {
  readonly links: readonly Link[];
  /** Index of the interface that carries traffic between hosts. */
  readonly external: number;
  /** The fabric's networks: routes into them lead to containers, but for the underlay's own prefix. */
  readonly networks: readonly Prefix[];
  /** Protocol numbers of routes that Loden makes. */
  readonly isOwnProtocol: (protocol: number) => boolean;
}

/** @param routes of the main tables */
export function underlayRoutes(routes: readonly Route[], scope: UnderlayScope): UnderlayRoute[] {
  const byIndex = new Map(scope.links.map((link) => [link.index, link]));
  return routes.flatMap((route) => (concernsPeers(route, scope) ? (toUnderlay(route, byIndex) ?? []) : []));
}

function concernsPeers(route: Route, { networks, external, isOwnProtocol }: UnderlayScope): boolean {
  const { destination, protocol = ROUTE_PROTOCOL.boot, tos = 0, flags = 0 } = route;
  if (tos !== 0 || route.from !== undefined || (flags & NEXT_HOP_FLAG.dead) !== 0) return false;
  const isLinkLocal = destination.family === 6 && destination.address.isLinkLocal;
  if (isLinkLocal || destination.address.isMulticast || isOwnProtocol(protocol)) return false;
  const isInFabric = networks.some((network) => network.contains(destination));
  return !isInFabric || (route.oif === external && protocol === ROUTE_PROTOCOL.kernel);
}

function toUnderlay(route: Route, links: ReadonlyMap<number, Link>): UnderlayRoute | undefined {
  const { destination, priority: metric = 0, type = "unicast" } = route;
  if (REFUSING.has(type)) return { destination, link: "", metric };
  if (type !== "unicast") return undefined;
  const hops: readonly NextHop[] = route.nextHops ?? [route];
  const used = hops.flatMap(({ oif }) => (oif === undefined ? [] : (links.get(oif) ?? [])));
  const [first, ...others] = used;
  if (first === undefined) return undefined;
  const gateway = hops.find((hop) => hop.gateway !== undefined)?.gateway;
  const mtu = route.metrics?.mtu;
  return {
    destination,
    link: others.every((link) => link.index === first.index) ? first.name : "",
    index: first.index,
    linkMtu: Math.min(...used.map((link) => link.mtu)),
    ...(gateway === undefined ? {} : { gateway }),
    ...(mtu === undefined || mtu === 0 ? {} : { mtu }),
    metric,
  };
}
