// Source based routing as a plan: which rules and routes a container's addresses need beside, or instead of, those it has.
// Pure.
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { ROUTE_TABLE, type Route } from "#kernel/netlink/route";
import type { Rule } from "#kernel/netlink/rule";
import type { ResultAddress } from "../../result/types.ts";
import type { SbrConfig } from "./config.ts";

/** Tables below are other people's (iproute2's rt_tables). */
const FIRST_TABLE = 100;

export interface Plan {
  readonly rules: readonly Rule[];
  /** Into tables of their own; what is there is replaced. */
  readonly routes: readonly Route[];
  /** Of the main table: those that get a source address, as they shall be. */
  readonly hinted: readonly Route[];
  /** Of the main table, as they are. */
  readonly removed: readonly Route[];
}

/** The rule that leads packets from an address to a table. */
export function sourceRule({ address }: ResultAddress, table: number): Rule {
  return { family: address.family, from: Prefix.of(address.address, address.address.bits), table };
}

export function isFrom(rule: Rule, address: Address): boolean {
  return rule.from !== undefined && rule.from.length === address.bits && rule.from.address.equals(address);
}

/**
 * @param rules all that there are
 * @param routes all that there are, of all tables
 * @param index of the interface
 */
export function planRoutes(
  ips: readonly ResultAddress[],
  config: SbrConfig,
  rules: readonly Rule[],
  routes: readonly Route[],
  index: number,
): Plan {
  const own = routes.filter((route) => isOwn(route, index));
  const taken = new Set([...rules.flatMap(({ table }) => table ?? []), ...routes.flatMap(({ table }) => table ?? [])]);
  const plan = { rules: [] as Rule[], routes: [] as Route[] };
  for (const ip of ips) {
    // An ADD that is repeated finds its rule, and the table by it; one after DEL the table that has the interface's routes.
    const present = rules.find((rule) => isFrom(rule, ip.address.address) && (rule.table ?? 0) >= FIRST_TABLE);
    const table = present?.table ?? leftTable(ip.address, rules, routes, index, plan.rules) ?? freeTable(taken);
    taken.add(table);
    if (present === undefined) plan.rules.push(sourceRule(ip, table));
    // What the gateway is reached by comes first.
    const copies = own.filter((route) => belongsTo(route, ip.address)).map((route) => copied(route, table));
    plan.routes.push(...copies.filter(({ gateway }) => gateway === undefined));
    const gateway = config.gateways[ip.address.family] ?? ip.gateway;
    if (gateway !== undefined) plan.routes.push({ destination: defaultOf(ip), gateway, table, oif: index });
    const isDefault = (route: Route): boolean => gateway !== undefined && route.destination.equals(defaultOf(ip));
    plan.routes.push(...copies.filter((route) => route.gateway !== undefined && !isDefault(route)));
  }
  if (!config.addSourceHints) return { ...plan, hinted: [], removed: own };
  const subnetOf = (route: Route): ResultAddress | undefined =>
    ips.find(({ address }) => route.gateway === undefined && route.destination.equals(address.masked));
  return {
    ...plan,
    hinted: own.flatMap((route) => {
      const ip = subnetOf(route);
      return ip === undefined ? [] : [{ ...copied(route, ROUTE_TABLE.main), source: ip.address.address }];
    }),
    removed: own.filter((route) => subnetOf(route) === undefined),
  };
}

/** Link-local routes are what neighbours are found by, whatever the source. */
function isOwn({ table, oif, destination, type }: Route, index: number): boolean {
  return (
    table === ROUTE_TABLE.main && oif === index && !destination.address.isLinkLocal && (type ?? "unicast") === "unicast"
  );
}

/** A table that an earlier ADD filled for an address's network, and that nobody else uses and no rule leads to since. */
function leftTable(
  address: Prefix,
  rules: readonly Rule[],
  routes: readonly Route[],
  index: number,
  planned: readonly Rule[],
): number | undefined {
  const reserved: readonly number[] = Object.values(ROUTE_TABLE);
  const others = new Set([
    ...[...rules, ...planned].map((rule) => rule.table),
    ...routes.flatMap((route) => (route.oif === index ? [] : (route.table ?? []))),
  ]);
  return routes.find(
    ({ table = 0, oif, destination }) =>
      table >= FIRST_TABLE &&
      !reserved.includes(table) &&
      oif === index &&
      destination.equals(address.masked) &&
      !others.has(table),
  )?.table;
}

function freeTable(taken: ReadonlySet<number>): number {
  let table = FIRST_TABLE;
  const reserved: readonly number[] = Object.values(ROUTE_TABLE);
  while (taken.has(table) || reserved.includes(table)) table++;
  return table;
}

/** Whether a route is of an address's network, or of no network in particular. */
function belongsTo({ destination, source, gateway }: Route, address: Prefix): boolean {
  if (destination.family !== address.family) return false;
  const network = address.masked;
  if (source === undefined && gateway === undefined) return true;
  return (source !== undefined && network.contains(source)) || (gateway !== undefined && network.contains(gateway));
}

/** Without what only the kernel sets. */
function copied(route: Route, table: number): Route {
  const { flags: _, expires: __, iif: ___, mark: ____, preference: _____, ...rest } = route;
  return { ...rest, table };
}

function defaultOf({ address }: ResultAddress): Prefix {
  return Prefix.of(Address.fromBigInt(address.family, 0n), 0);
}
