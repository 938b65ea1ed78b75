// The container's interface: addresses, state, routes, in one batch, from inside its namespace.
import { FAMILIES, type Family } from "#kernel/ip/address";
import type { Address } from "#kernel/ip/address";
import { ADDRESS_FLAG, addrDump, addrNew } from "#kernel/netlink/addr";
import { linkGet, linkSet, type Link } from "#kernel/netlink/link";
import { routeNew, type Route } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { failure } from "../error.ts";
import type { Result, ResultRoute } from "../result/types.ts";
import { awaitState, NOTIFY } from "./await.ts";

/** The kernel takes a second at most (net/core/link_watch.c). */
const OPERATION_TIMEOUT_MS = 1500;
/** What the reference plugin waits for duplicate address detection at most. */
const DAD_TIMEOUT_MS = 5000;

export interface ContainerSpec {
  readonly ifname: string;
  /** Addresses and routes; without addresses the interface is only brought up. */
  readonly result: Result;
  readonly enabledad: boolean;
  /** Bring it up. */
  readonly up: boolean;
  /** Routes to the addresses' networks in place of those that the kernel adds by itself; `oif` is the interface. */
  readonly networkRoutes?: (oif: number) => readonly Route[];
}

/** Configures the interface. The calling thread is in the container's namespace. */
export function configureContainer(sys: Sys, spec: ContainerSpec): Link {
  using socket = NetlinkSocket.open(sys);
  const link = linkGet(socket, { name: spec.ifname });
  if (link === undefined) throw failure(`failed to lookup ${JSON.stringify(spec.ifname)} in the container`);
  const { ips } = spec.result;
  if (ips.length > 0) prepare(spec);
  const flagsOf = (family: Family): number =>
    (family === 6 && !spec.enabledad ? ADDRESS_FLAG.noDad : 0) |
    (spec.networkRoutes === undefined ? 0 : ADDRESS_FLAG.noPrefixRoute);
  const addresses = ips.map(({ address }) => addrNew({ index: link.index, address, flags: flagsOf(address.family) }));
  const up = spec.up ? [linkSet(link.index, { up: true })] : [];
  const routes = [
    ...(spec.networkRoutes?.(link.index) ?? []),
    ...distinctRoutes(spec.result).map((route) => toKernel(route, link.index)),
  ];
  const outcomes = socket.batch([...addresses, ...up, ...routes.map((route) => routeNew(route, "prepend"))]);
  for (const [position, error] of outcomes.entries()) {
    if (error === undefined) continue;
    throw failure(`failed to ${describe(spec, routes, position)}: ${error.message}`, error);
  }
  if (spec.up && ips.some(({ address }) => address.family === 6)) awaitOperation(sys, socket, link);
  if (spec.enabledad) awaitDuplicateDetection(sys, socket, link, spec);
  return link;
}

/**
 * IPv6 does not answer for its addresses before the link's state is "up". The kernel says so at once for links that have
 * another number than the one they lie on or lead to, and within a second for the others (linkwatch_urgent_event). A link
 * without a carrier may stay without one.
 */
function awaitOperation(sys: Sys, socket: NetlinkSocket, { index }: Link): void {
  awaitState(sys, NOTIFY.link, OPERATION_TIMEOUT_MS, () => {
    const link = linkGet(socket, { index });
    const isPending = link?.carrier === true && link.operState !== "up" && link.operState !== "unknown";
    return isPending ? undefined : true;
  });
}

function describe(spec: ContainerSpec, routes: readonly Route[], position: number): string {
  const { ifname, result } = spec;
  const address = result.ips[position];
  if (address !== undefined) return `add IP addr ${address.address.toString()} to ${JSON.stringify(ifname)}`;
  const route = routes[position - result.ips.length - (spec.up ? 1 : 0)];
  if (route === undefined) return `set ${JSON.stringify(ifname)} up`;
  return `add route '${route.destination.toString()} via ${route.gateway?.toString() ?? "none"} dev ${ifname}'`;
}

/** Announce the address when it comes up; for IPv6, have it enabled, and keep addresses when the link goes down. */
function prepare({ ifname, result, enabledad }: ContainerSpec): void {
  tryWrite(`net/ipv4/conf/${ifname}/arp_notify`, "1");
  // For the link-local address, which the interface has whatever it was given.
  if (enabledad) tryWrite(`net/ipv6/conf/${ifname}/enhanced_dad`, "1");
  tryWrite(`net/ipv6/conf/${ifname}/accept_dad`, enabledad ? "1" : "0");
  if (!result.ips.some(({ address }) => address.family === 6)) return;
  for (const name of ["lo", ifname]) {
    const sysctl = `net/ipv6/conf/${name}/disable_ipv6`;
    if ((readSysctl(sysctl) ?? "0") !== "0") writeSysctl(sysctl, "0");
  }
  writeSysctl(`net/ipv6/conf/${ifname}/keep_addr_on_down`, "1");
  tryWrite(`net/ipv6/conf/${ifname}/ndisc_notify`, "1");
}

/** For parameters that are a help and that a kernel may lack. */
function tryWrite(name: string, value: string): void {
  try {
    writeSysctl(name, value);
  } catch {
    return;
  }
}

/** A route without a gateway goes over its family's first; of routes that are then the same, one is enough. */
export function distinctRoutes(result: Result): ResultRoute[] {
  const gateways = new Map<Family, Address>();
  for (const family of FAMILIES) {
    const gateway = result.ips.find((ip) => ip.address.family === family && ip.gateway !== undefined)?.gateway;
    if (gateway !== undefined) gateways.set(family, gateway);
  }
  const distinct = new Map<string, ResultRoute>();
  for (const route of result.routes) {
    const gateway = route.gateway ?? gateways.get(route.destination.family);
    const whole = gateway === undefined ? route : { ...route, gateway };
    const { destination, priority, table, scope } = whole;
    distinct.set([destination, gateway, priority, table, scope].join(" "), whole);
  }
  return [...distinct.values()];
}

function toKernel(route: ResultRoute, oif: number): Route {
  const { destination, gateway, priority, table, scope, mtu, advertisedMss } = route;
  const metrics = {
    ...(mtu === undefined ? {} : { mtu }),
    ...(advertisedMss === undefined ? {} : { advertisedMss }),
  };
  return {
    destination,
    oif,
    ...(gateway === undefined ? {} : { gateway }),
    ...(priority === undefined ? {} : { priority }),
    ...(table === undefined ? {} : { table }),
    ...(scope === undefined ? {} : { scope }),
    ...(Object.keys(metrics).length === 0 ? {} : { metrics }),
  };
}

function awaitDuplicateDetection(sys: Sys, socket: NetlinkSocket, link: Link, spec: ContainerSpec): void {
  if (!spec.result.ips.some(({ address, gateway }) => address.family === 6 && gateway !== undefined)) return;
  const done = awaitState(sys, NOTIFY.ipv6Address, DAD_TIMEOUT_MS, () => {
    const flags = addrDump(socket, { index: link.index, family: 6 }).map((item) => item.flags ?? 0);
    if (flags.some((bits) => (bits & ADDRESS_FLAG.dadFailed) !== 0)) {
      throw failure(`IPv6 duplicate address detection failed on ${spec.ifname}: another host has the address`);
    }
    return flags.some((bits) => (bits & ADDRESS_FLAG.tentative) !== 0) ? undefined : true;
  });
  if (done === undefined) throw failure(`IPv6 duplicate address detection on ${spec.ifname} did not end in time`);
}
