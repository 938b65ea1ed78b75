// How a peer is reached over the underlay, decided by the host's routes as the kernel decides it: the longest prefix
// wins, then the lowest metric. Pure; exceptions that the kernel learns by ICMP are its own affair.
import type { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Node, UnderlayRoute } from "../lease/types.ts";

/** Routes by prefix length, longest first, then by network. */
type Index = readonly (readonly [length: number, routes: ReadonlyMap<bigint, UnderlayRoute>])[];

/** An index belongs to a list of routes and is made once for it: every peer is looked up. */
const indices = new WeakMap<readonly UnderlayRoute[], Map<string, Index>>();

/** The route that packets to `address` take; undefined without any. */
export function routeTo(node: Node, address: Address): UnderlayRoute | undefined {
  return lookUp(indexOf(node.routes, ""), address);
}

/** Why the address is not reached without a router over the node's interface; undefined when it is. */
export function offLinkReason(node: Node, address: Address): string | undefined {
  const { name } = node.link;
  // The kernel judges a gateway by the routes of the interface that it is to be reached by (fib_check_nh, ip6_route_check_nh).
  const connected = lookUp(indexOf(node.routes, name), address);
  const best = routeTo(node, address);
  const shown = address.toString();
  if (connected === undefined) {
    if (best === undefined) return `no route of this host leads to ${shown}`;
    return `${shown} is reached by ${describe(best)}, not by ${name}`;
  }
  if (connected.gateway !== undefined) return `${shown} is behind the router ${connected.gateway.toString()}`;
  // Two interfaces may be in one network; a narrower route elsewhere is somebody's decision.
  if (best !== undefined && best.destination.length > connected.destination.length) {
    return `${shown} is reached by ${describe(best)}, which is narrower than ${connected.destination.toString()} of ${name}`;
  }
  return undefined;
}

/** The largest packet that the way to `address` takes, as far as this host knows; undefined without a way. */
export function pathMtu(node: Node, address: Address): number | undefined {
  const route = routeTo(node, address);
  if (route?.linkMtu === undefined) return undefined;
  return route.mtu === undefined ? route.linkMtu : Math.min(route.mtu, route.linkMtu);
}

/** What the node's own network on the interface carries: the interface's MTU, less where the connected route says so. */
export function underlayMtu(node: Node): number {
  const lengths = Object.values(node.address).flatMap((address) => {
    const { mtu } = lookUp(indexOf(node.routes, node.link.name), address) ?? {};
    return mtu ?? [];
  });
  return Math.min(node.link.mtu, ...lengths);
}

function describe({ destination, link, gateway }: UnderlayRoute): string {
  const by = link === "" ? "" : ` dev ${link}`;
  return `the route ${destination.toString()}${gateway === undefined ? "" : ` via ${gateway.toString()}`}${by}`;
}

/** @param link only routes by this interface; "" for all */
function indexOf(routes: readonly UnderlayRoute[], link: string): Index {
  let made = indices.get(routes);
  if (made === undefined) indices.set(routes, (made = new Map()));
  let index = made.get(link);
  if (index === undefined)
    made.set(link, (index = makeIndex(routes.filter((each) => link === "" || each.link === link))));
  return index;
}

function makeIndex(routes: readonly UnderlayRoute[]): Index {
  const byLength = new Map<number, Map<bigint, UnderlayRoute>>();
  for (const route of routes) {
    const { length, address } = route.destination;
    // Both families in one map: their lengths are told apart by a bit that no length has.
    const slot = address.family === 4 ? length : length | IPV6_LENGTH;
    let ofLength = byLength.get(slot);
    if (ofLength === undefined) byLength.set(slot, (ofLength = new Map()));
    const { value } = route.destination.first;
    const rival = ofLength.get(value);
    if (rival === undefined || route.metric < rival.metric) ofLength.set(value, route);
  }
  return [...byLength].toSorted(([a], [b]) => b - a);
}

const IPV6_LENGTH = 256;

function lookUp(index: Index, address: Address): UnderlayRoute | undefined {
  for (const [slot, routes] of index) {
    if (slot >= IPV6_LENGTH !== (address.family === 6)) continue;
    const found = routes.get(Prefix.of(address, slot % IPV6_LENGTH).first.value);
    if (found !== undefined) return found;
  }
  return undefined;
}
