// Makers of kernel objects with their keys. A key is the identity the kernel itself uses (a link's name, a route's
// destination, a neighbour's device and address), so that two wishes for one object, and a wish and what a dump found,
// meet under one key. Keys are readable: they stand in logs, errors and the status.
import type { Address } from "#kernel/ip/address";
import type { Mac } from "#kernel/ip/mac";
import type { Prefix } from "#kernel/ip/prefix";
import type {
  AddressSpec,
  Because,
  FdbSpec,
  IptablesSpec,
  KernelObject,
  LinkSpec,
  NeighbourSpec,
  NftElementSpec,
  NftTableSpec,
  ObjectKind,
  RouteSpec,
  SysctlSpec,
  TunnelPeerSpec,
  TunnelSpec,
} from "./port.ts";

/** `because` of what the network needs with no peer at all. */
export const BASE: Because = "base";

/** `because` of what makes room for many peers. */
export const LIMITS: Because = "limits";

/** In the order in which they depend on each other: a later kind may need an earlier one. */
export const KINDS: readonly ObjectKind[] = [
  "link",
  "address",
  "sysctl",
  "neighbour",
  "fdb",
  "route",
  "nft-table",
  "nft-element",
  "iptables",
  "tunnel",
  "tunnel-peer",
];

/** The kind of the object that a key names. */
export function kindOfKey(key: string): ObjectKind | undefined {
  const word = key.slice(0, key.indexOf(" "));
  return KINDS.find((kind) => kind === word);
}

export function linkKey(name: string): string {
  return `link ${name}`;
}

export function addressKey(link: string, address: Prefix): string {
  return `address ${address.toString()} dev ${link}`;
}

/** The main table has one route of ours per destination and metric; the default metric goes without saying. */
export function routeKey(destination: Prefix, metric?: number): string {
  return `route ${destination.toString()}${metric === undefined ? "" : ` metric ${metric}`}`;
}

export function neighbourKey(link: string, address: Address): string {
  return `neighbour ${address.toString()} dev ${link}`;
}

export function fdbKey(link: string, mac: Mac): string {
  return `fdb ${mac.toString()} dev ${link}`;
}

export function sysctlKey(path: string): string {
  return `sysctl ${path}`;
}

export function nftTableKey(family: NftTableSpec["family"], name: string): string {
  return `nft-table ${family} ${name}`;
}

export function nftElementKey({ family, table, set, address }: NftElementSpec): string {
  return `nft-element ${family} ${table} ${set} ${address.toString()}`;
}

/** In the words of the programs: `iptables ip6tables-legacy`. */
export function iptablesKey({ family, variant }: Pick<IptablesSpec, "family" | "variant">): string {
  return `iptables ${family === 4 ? "iptables" : "ip6tables"}${variant === "default" ? "" : `-${variant}`}`;
}

export function tunnelKey({ datapath, link }: Pick<TunnelSpec, "datapath" | "link">): string {
  return `tunnel ${datapath} ${link}`;
}

export function tunnelPeerKey({ datapath, subnet }: Pick<TunnelPeerSpec, "datapath" | "subnet">): string {
  return `tunnel-peer ${datapath} ${subnet.toString()}`;
}

export function linkObject(spec: LinkSpec, because: Because = BASE): KernelObject {
  return { kind: "link", key: linkKey(spec.name), spec, because };
}

export function addressObject(spec: AddressSpec, because: Because = BASE): KernelObject {
  return { kind: "address", key: addressKey(spec.link, spec.address), spec, because };
}

export function routeObject(spec: RouteSpec, because: Because = BASE): KernelObject {
  return { kind: "route", key: routeKey(spec.destination, spec.metric), spec, because };
}

export function neighbourObject(spec: NeighbourSpec, because: Because = BASE): KernelObject {
  return { kind: "neighbour", key: neighbourKey(spec.link, spec.address), spec, because };
}

export function fdbObject(spec: FdbSpec, because: Because = BASE): KernelObject {
  return { kind: "fdb", key: fdbKey(spec.link, spec.mac), spec, because };
}

export function sysctlObject(spec: SysctlSpec, because: Because = BASE): KernelObject {
  return { kind: "sysctl", key: sysctlKey(spec.path), spec, because };
}

export function nftTableObject(spec: NftTableSpec, because: Because = BASE): KernelObject {
  return { kind: "nft-table", key: nftTableKey(spec.family, spec.name), spec, because };
}

export function nftElementObject(spec: NftElementSpec, because: Because = BASE): KernelObject<"nft-element"> {
  return { kind: "nft-element", key: nftElementKey(spec), spec, because };
}

export function iptablesObject(spec: IptablesSpec, because: Because = BASE): KernelObject<"iptables"> {
  return { kind: "iptables", key: iptablesKey(spec), spec, because };
}

export function tunnelObject(spec: TunnelSpec, because: Because = BASE): KernelObject<"tunnel"> {
  return { kind: "tunnel", key: tunnelKey(spec), spec, because };
}

export function tunnelPeerObject(spec: TunnelPeerSpec, because: Because = BASE): KernelObject<"tunnel-peer"> {
  return { kind: "tunnel-peer", key: tunnelPeerKey(spec), spec, because };
}
