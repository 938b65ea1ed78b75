// Which interface carries traffic between hosts, and under which address peers reach this one: flannel's rules and
// their order (pkg/ipmatch in flannel; spec/interface-selection.md), as a pure decision over what netlink dumps told.
import { type Address, FAMILIES, type Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { ADDRESS_FLAG, type LinkAddress } from "#kernel/netlink/addr";
import type { Link } from "#kernel/netlink/link";
import type { Route } from "#kernel/netlink/route-types";
import { errorText, LodenError } from "#spec/errors";
import type { Node, PerFamily } from "../lease/types.ts";
import type { InterfaceOptions } from "../options.ts";
import { isLodenProtocol } from "../reconcile/marks.ts";
import { underlayRoutes } from "./underlay.ts";

/** The host as the kernel tells, in the kernel's order. */
export interface HostView {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** Of the main tables of both families. */
  readonly routes: readonly Route[];
  /** The kernel's answer for --iface-can-reach, or why there is none. */
  readonly reach?: Route | Error;
}

export interface Selection {
  readonly link: Link;
  /** The interface's own addresses, one per family of the network. */
  readonly address: PerFamily<Address>;
  /** What peers send to. */
  readonly publicAddress: PerFamily<Address>;
  /** The rule that decided, for the log: `--iface=eth1`, "the default route". */
  readonly rule: string;
}

/** A rule's answer; text says why it has none. */
type Answer = { readonly link: Link; readonly address: PerFamily<Address> } | string;

/**
 * @param families those that the network configuration has
 * @throws LodenError ERR_INTERFACE that lists every rule tried and why it failed
 */
export function selectInterface(options: InterfaceOptions, host: HostView, families: readonly Family[]): Selection {
  const tried: string[] = [];
  for (const { rule, answer } of rulesFor(options, host, families)) {
    const found = answer();
    const problem = typeof found === "string" ? found : unusable(found, families);
    if (problem === undefined && typeof found !== "string") {
      const publicAddress: PerFamily<Address> = {};
      for (const family of families) {
        const address = options.publicAddress[family] ?? found.address[family];
        if (address !== undefined) publicAddress[family] = address;
      }
      return { ...found, publicAddress, rule };
    }
    tried.push(`${rule}: ${problem ?? ""}`);
  }
  throw new LodenError("ERR_INTERFACE", `no interface for traffic between hosts: ${tried.join("; ")}`);
}

interface Rule {
  readonly rule: string;
  readonly answer: () => Answer;
}

function rulesFor(options: InterfaceOptions, host: HostView, families: readonly Family[]): Rule[] {
  const rules: Rule[] = [
    ...options.names.map((name) => ({ rule: `--iface=${name}`, answer: () => byName(name, options, host, families) })),
    ...options.patterns.map((pattern) => ({
      rule: `--iface-regex=${pattern.source}`,
      answer: () => byPattern(pattern, host, families),
    })),
  ];
  const { canReach } = options;
  if (canReach !== undefined) {
    rules.push({ rule: `--iface-can-reach=${canReach.toString()}`, answer: () => byReach(host, families) });
  }
  if (rules.length > 0) return rules;
  const [lookup] = families.flatMap((family) => options.publicAddress[family] ?? []);
  if (lookup === undefined) return [{ rule: "the default route", answer: () => byDefaultRoute(host, families) }];
  const flag = lookup.family === 4 ? "--public-ip" : "--public-ipv6";
  return [
    {
      rule: `${flag}=${lookup.toString()}`,
      answer: () => {
        const found = byAddress(lookup, options, host, families);
        return typeof found === "string" ? `${found}; behind NAT, name the interface too, with --iface` : found;
      },
    },
  ];
}

function byName(name: string, options: InterfaceOptions, host: HostView, families: readonly Family[]): Answer {
  const link = host.links.find((candidate) => candidate.name === name || candidate.altNames?.includes(name));
  if (link !== undefined) return withBestAddresses(link, host, families);
  const address = host.addresses.find(({ address: own }) => own.address.toString() === name.toLowerCase())?.address
    .address;
  if (address !== undefined) return byAddress(address, options, host, families);
  const names = host.links.map((candidate) => candidate.name).join(", ");
  return /^[\d.]+$|:/.test(name) ? "no interface has this address" : `no interface has this name; there are ${names}`;
}

/** The interface that holds an address. The address is the one used; the other family's is chosen on that interface. */
function byAddress(wanted: Address, options: InterfaceOptions, host: HostView, families: readonly Family[]): Answer {
  const index = holderOf(wanted, host);
  const link = host.links.find((candidate) => candidate.index === index);
  if (link === undefined) return `no interface has the address ${wanted.toString()}`;
  if (!families.includes(wanted.family)) return `the network has no IPv${wanted.family}`;
  const best = withBestAddresses(link, host, families).address;
  const other = wanted.family === 4 && families.length > 1 ? options.publicAddress[6] : undefined;
  if (other === undefined) return { link, address: { ...best, [wanted.family]: wanted } };
  if (holderOf(other, host) !== index) {
    return `--public-ipv6=${other.toString()} is not an address of ${link.name}, which has ${wanted.toString()}`;
  }
  return { link, address: { 4: wanted, 6: other } };
}

function holderOf(address: Address, host: HostView): number | undefined {
  return host.addresses.find((candidate) => candidate.address.address.equals(address))?.index;
}

/** Addresses of all interfaces first, names second. Two families must both match on one interface. */
function byPattern(pattern: RegExp, host: HostView, families: readonly Family[]): Answer {
  for (const link of host.links) {
    const address: PerFamily<Address> = {};
    for (const family of families) {
      const matching = candidates(link, host, family).find((own) => pattern.test(own.toString()));
      if (matching !== undefined) address[family] = matching;
    }
    if (families.every((family) => address[family] !== undefined)) return { link, address };
  }
  const named = host.links.find((link) => pattern.test(link.name));
  return named === undefined
    ? "it matches neither an address nor a name of an interface"
    : withBestAddresses(named, host, families);
}

function byReach(host: HostView, families: readonly Family[]): Answer {
  const { reach } = host;
  if (reach === undefined || reach instanceof Error) return `the kernel has no route to it (${errorText(reach)})`;
  const link = host.links.find((candidate) => candidate.index === reach.oif);
  if (link === undefined) return "the route to it has no single outgoing interface";
  const { source } = reach;
  if (source === undefined) return `the route to it by ${link.name} has no source address`;
  if (!families.includes(source.family)) return `it is reached by IPv${source.family}, which the network does not have`;
  return { link, address: { ...withBestAddresses(link, host, families).address, [source.family]: source } };
}

function byDefaultRoute(host: HostView, families: readonly Family[]): Answer {
  const found = new Map<Family, Link>();
  for (const family of families) {
    const route = host.routes.find(({ destination }) => destination.family === family && destination.length === 0);
    if (route === undefined) return `there is no IPv${family} default route; name an interface with --iface`;
    const link = host.links.find((candidate) => candidate.index === route.oif);
    if (link === undefined) {
      return `the IPv${family} default route has several next hops or no interface; name an interface with --iface`;
    }
    found.set(family, link);
  }
  const [first, second] = found.values();
  if (first === undefined) return "the network has no address family";
  if (second !== undefined && second.index !== first.index) {
    return `the default routes of IPv4 and IPv6 leave by ${first.name} and ${second.name}; name one with --iface`;
  }
  return withBestAddresses(first, host, families);
}

function withBestAddresses(
  link: Link,
  host: HostView,
  families: readonly Family[],
): { link: Link; address: PerFamily<Address> } {
  const address: PerFamily<Address> = {};
  for (const family of families) {
    const [best] = candidates(link, host, family);
    if (best !== undefined) address[family] = best;
  }
  return { link, address };
}

/** Sorts what bears a flag before what does not. */
function flagged({ flags = 0 }: LinkAddress, flag: number): number {
  return (flags & flag) === 0 ? 1 : 0;
}

/** Usable addresses of an interface, best first: global before link-local, permanent, not temporary, kernel order. */
function candidates(link: Link, host: HostView, family: Family): Address[] {
  return host.addresses
    .filter(({ index, address: { address }, flags = 0 }) => {
      const isUnicast = address.isGlobalUnicast || address.isLinkLocal;
      return index === link.index && address.family === family && isUnicast && (flags & ADDRESS_FLAG.deprecated) === 0;
    })
    .toSorted(
      (a, b) =>
        Number(a.address.address.isLinkLocal) - Number(b.address.address.isLinkLocal) ||
        flagged(a, ADDRESS_FLAG.permanent) - flagged(b, ADDRESS_FLAG.permanent) ||
        // IFA_F_TEMPORARY (RFC 4941) is the bit that IPv4 calls secondary.
        flagged(b, ADDRESS_FLAG.secondary) - flagged(a, ADDRESS_FLAG.secondary),
    )
    .map(({ address }) => address.address);
}

function unusable({ link, address }: Exclude<Answer, string>, families: readonly Family[]): string | undefined {
  const missing = families.find((family) => address[family] === undefined);
  if (missing !== undefined) return `${link.name} has no usable IPv${missing} address`;
  return link.mtu === 0 ? `${link.name} has an MTU of 0` : undefined;
}

/** What backends want to know of the host, besides the selection. */
export function surroundings(
  selection: Selection,
  host: HostView,
  networks: readonly Prefix[],
): Pick<Node, "onLink" | "hostAddresses" | "routes"> {
  const isOnLink = ({ index, address: prefix }: LinkAddress): boolean =>
    index === selection.link.index && prefix.length < prefix.address.bits && !prefix.address.isLinkLocal;
  return {
    onLink: host.addresses.filter(isOnLink).map(({ address }) => address.masked),
    hostAddresses: host.addresses.map(({ address }) => address.address),
    routes: underlayRoutes(host.routes, {
      links: host.links,
      external: selection.link.index,
      networks,
      isOwnProtocol: isLodenProtocol,
    }),
  };
}

/** Families in the order of FAMILIES for which a value is there. */
export function familiesOf(values: PerFamily<unknown>): Family[] {
  return FAMILIES.filter((family) => values[family] !== undefined);
}
