// What our decoders read, in the words of `ip -N -d -j` and `bridge -d -j` (iproute2 6.1), so that both can be held
// against each other object by object. Each function gives every field that both know; `known` takes the same fields
// out of iproute2's object.
import type { LinkAddress } from "#kernel/netlink/addr";
import { ADDRESS_FLAG } from "#kernel/netlink/addr";
import type { FdbEntry } from "#kernel/netlink/fdb";
import { NEIGHBOUR_FLAG, NEIGHBOUR_STATES, type Neighbour } from "#kernel/netlink/neigh";
import {
  NEXT_HOP_FLAG,
  type NextHop,
  ROUTE_SCOPES,
  ROUTE_TYPES,
  type Route,
  type RouteMetrics,
} from "#kernel/netlink/route";
import type { Rule } from "#kernel/netlink/rule";

export type Json = Record<string, unknown>;
/** The name of an interface by its index. */
export type NameOf = (index: number) => string;

/** The part of iproute2's object that is comparable: the keys that `ours` has, whether with a value or without. */
export function known(theirs: Json, ours: Json): Json {
  return Object.fromEntries(
    Object.keys(ours)
      .filter((key) => key in theirs)
      .map((key) => {
        const [value, model] = [theirs[key], ours[key]];
        if (RUNNING.has(key) && value !== 0xffff_ffff) return [key, remaining(value as number)];
        return [key, isObject(value) && isObject(model) ? known(value, model) : value];
      }),
  );
}

/** Seconds that run: two readings differ, so that only the fact is compared. */
const remaining = (value: number | undefined): unknown => {
  if (value === Infinity) return 0xffff_ffff;
  return value === undefined || value === 0 ? value : "running";
};
const RUNNING = new Set(["expires", "valid_life_time", "preferred_life_time"]);

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const hex = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : `0x${value.toString(16)}`;
/** iproute2 prints some switches only when they are on. */
export const onlyTrue = (value: boolean | undefined): true | undefined => (value === true ? true : undefined);

export function addressAsIp(found: LinkAddress): Json {
  const { address, flags = 0, lifetime } = found;
  const has = (flag: keyof typeof ADDRESS_FLAG): true | undefined => onlyTrue((flags & ADDRESS_FLAG[flag]) !== 0);
  return {
    family: address.family === 4 ? "inet" : "inet6",
    local: address.address.toString(),
    address: found.peer?.toString(),
    prefixlen: address.length,
    metric: found.metric,
    broadcast: found.broadcast?.toString(),
    scope: `${ROUTE_SCOPES.number(found.scope!)}`,
    label: found.label,
    secondary: address.family === 4 ? has("secondary") : undefined,
    nodad: has("noDad"),
    noprefixroute: has("noPrefixRoute"),
    deprecated: has("deprecated"),
    tentative: has("tentative"),
    dadfailed: has("dadFailed"),
    dynamic: onlyTrue((flags & ADDRESS_FLAG.permanent) === 0),
    valid_life_time: remaining(lifetime?.valid),
    preferred_life_time: remaining(lifetime?.preferred),
  };
}

export function routeAsIp(route: Route, nameOf: NameOf): Json {
  const { destination, gateway, oif, nextHops, expires } = route;
  return {
    type: `${ROUTE_TYPES.number(route.type!)}`,
    dst: prefixAsIp(destination.toString(), destination.length === 0, destination.length === destination.address.bits),
    from: route.from === undefined ? undefined : route.from.toString(),
    ...gatewayAsIp(gateway, destination.family),
    dev: oif === undefined ? undefined : nameOf(oif),
    table: `${route.table!}`,
    protocol: `${route.protocol!}`,
    scope: `${ROUTE_SCOPES.number(route.scope!)}`,
    tos: hex(route.tos),
    prefsrc: route.source?.toString(),
    metric: route.priority,
    flags: flagsAsIp(route),
    metrics: route.metrics === undefined ? undefined : [metricsAsIp(route.metrics)],
    pref: route.preference,
    nhid: route.nextHopId,
    expires: remaining(expires),
    nexthops: nextHops?.map((hop) => ({
      ...gatewayAsIp(hop.gateway, destination.family),
      ...(hop.oif === undefined ? {} : { dev: nameOf(hop.oif) }),
      weight: hop.weight,
      flags: flagsAsIp(hop),
    })),
  };
}

function gatewayAsIp(gateway: Route["gateway"], family: 4 | 6): Json {
  if (gateway === undefined) return {};
  if (gateway.family === family) return { gateway: gateway.toString() };
  return { via: { family: gateway.family === 4 ? "inet" : "inet6", host: gateway.toString() } };
}

function prefixAsIp(text: string, isDefault: boolean, isHost: boolean): string {
  if (isDefault) return "default";
  return isHost ? text.replace(/\/.*/, "") : text;
}

function flagsAsIp({ onlink, flags = 0 }: Pick<NextHop, "onlink" | "flags">): string[] {
  return [
    ...((flags & NEXT_HOP_FLAG.dead) === 0 ? [] : ["dead"]),
    ...(onlink === true ? ["onlink"] : []),
    ...((flags & NEXT_HOP_FLAG.linkDown) === 0 ? [] : ["linkdown"]),
  ];
}

function metricsAsIp(metrics: RouteMetrics): Json {
  const named: Record<string, keyof RouteMetrics> = {
    mtu: "mtu",
    window: "window",
    ssthresh: "slowStartThreshold",
    cwnd: "congestionWindow",
    advmss: "advertisedMss",
    reordering: "reordering",
    hoplimit: "hopLimit",
    initcwnd: "initialCongestionWindow",
    rto_min: "minRto",
    initrwnd: "initialReceiveWindow",
    quickack: "quickAck",
    congestion: "congestionControl",
  };
  return Object.fromEntries(
    Object.entries(named).flatMap(([theirs, ours]) => (metrics[ours] === undefined ? [] : [[theirs, metrics[ours]]])),
  );
}

export function neighbourAsIp(entry: Neighbour, nameOf: NameOf): Json {
  const { flags = 0 } = entry;
  const has = (bit: number): null | undefined => ((flags & bit) === 0 ? undefined : null);
  const isProxy = (flags & NEIGHBOUR_FLAG.proxy) !== 0;
  return {
    dst: entry.address.toString(),
    dev: nameOf(entry.index),
    lladdr: entry.mac?.toString(),
    router: has(NEIGHBOUR_FLAG.router),
    proxy: has(NEIGHBOUR_FLAG.proxy),
    protocol: entry.protocol?.toString(),
    state: isProxy ? undefined : [`${entry.state!}`.toUpperCase()],
  };
}

export function fdbAsIp(entry: FdbEntry, nameOf: NameOf): Json {
  const { flags = 0 } = entry;
  const words = [
    ["self", NEIGHBOUR_FLAG.self],
    ["extern_learn", NEIGHBOUR_FLAG.externLearned],
    ["sticky", NEIGHBOUR_FLAG.sticky],
  ] as const;
  return {
    mac: entry.mac.toString(),
    ifname: nameOf(entry.index),
    flags: words.filter(([, bit]) => (flags & bit) !== 0).map(([word]) => word),
    vlan: entry.vlan,
    dst: entry.remote?.toString(),
    port: entry.port,
    vni: entry.vni,
    src_vni: entry.sourceVni,
    // The kernel's default is not printed.
    viaIf: entry.via === undefined ? undefined : nameOf(entry.via),
    nhid: entry.nextHopId,
    master: entry.master === undefined ? undefined : nameOf(entry.master),
    state: fdbState(NEIGHBOUR_STATES.number(entry.state!)),
  };
}

/** `bridge` goes by single bits: NUD_PERMANENT, then NUD_NOARP, then the rest. */
function fdbState(bits: number): string {
  if ((bits & 0x80) !== 0) return "permanent";
  return (bits & 0x40) === 0 ? "" : "static";
}

function range(name: string, value: Rule["sourcePorts"]): Json {
  if (value === undefined) return {};
  if (value.low === value.high) return { [name]: value.low };
  return { [`${name}_start`]: value.low, [`${name}_end`]: value.high };
}

function selector(name: string, value: Rule["from"]): Json {
  if (value === undefined) return {};
  const length = value.length === value.address.bits ? {} : { [`${name}len`]: value.length };
  return { [name]: value.address.toString(), ...length };
}

export function ruleAsIp(rule: Rule): Json {
  const actions: Readonly<Record<string, string>> = { blackhole: "6", unreachable: "7", prohibit: "8" };
  return {
    priority: rule.priority ?? 0,
    not: rule.invert === true ? null : undefined,
    src: "all",
    ...selector("src", rule.from),
    ...selector("dst", rule.to),
    tos: hex(rule.tos),
    fwmark: rule.mark === 0 ? "0" : hex(rule.mark),
    fwmask: rule.markMask === undefined || rule.markMask === 0xffff_ffff ? undefined : hex(rule.markMask),
    iif: rule.iif,
    oif: rule.oif,
    uid_start: rule.uidRange?.low,
    uid_end: rule.uidRange?.high,
    ...range("sport", rule.sourcePorts),
    ...range("dport", rule.destinationPorts),
    tun_id: rule.tunnelId === undefined ? undefined : Number(rule.tunnelId),
    table: rule.action === "table" && rule.l3mdev !== true ? `${rule.table!}` : undefined,
    l3mdev: rule.l3mdev === true ? null : undefined,
    suppress_prefixlen: rule.suppressPrefixLength === 0xffff_ffff ? undefined : rule.suppressPrefixLength,
    goto: rule.goto,
    nop: rule.action === "nop" ? null : undefined,
    flow_from: rule.realms === undefined ? undefined : `${rule.realms >>> 16}`,
    flow_to: rule.realms === undefined ? undefined : `${rule.realms & 0xffff}`,
    action: actions[rule.action!],
    protocol: rule.protocol?.toString(),
  };
}
