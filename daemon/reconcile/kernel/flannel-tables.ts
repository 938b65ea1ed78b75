// The nftables tables that flannel leaves behind (its EnableNFTables): ours to remove only where they speak of this
// daemon's networks and of nothing else, for on one host one daemon serves a network (spec/decisions/firewall.md).
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { nftTableKey } from "../objects.ts";

/** By key. */
export const FLANNEL_TABLES: ReadonlySet<string> = new Set([
  nftTableKey("ip", "flannel-ipv4"),
  nftTableKey("ip6", "flannel-ipv6"),
]);

/** Every place that the table's rules name lies within `networks`, and there is one. @param listing as nft lists it */
export function isLeftoverTable(listing: readonly object[], networks: readonly Prefix[]): boolean {
  const places = prefixesIn(listing).filter(({ address }) => !address.isMulticast);
  return places.length > 0 && places.every((place) => networks.some((network) => network.contains(place)));
}

/** Every prefix and address in nft's JSON. */
function prefixesIn(value: unknown): Prefix[] {
  if (Array.isArray(value)) return value.flatMap(prefixesIn);
  if (!(value instanceof Object)) return [];
  const found: Prefix[] = [];
  for (const [field, inner] of Object.entries(value)) {
    if (field === "prefix") found.push(...readPrefix(inner));
    else if (field === "right" && typeof inner === "string") found.push(...readAddress(inner));
    else found.push(...prefixesIn(inner));
  }
  return found;
}

function readPrefix(value: unknown): Prefix[] {
  const { addr, len } = value as { readonly addr?: unknown; readonly len?: unknown };
  if (typeof addr !== "string" || typeof len !== "number") return [];
  const address = Address.tryParse(addr);
  return address === undefined || len < 0 || len > address.bits ? [] : [Prefix.of(address, len)];
}

function readAddress(text: string): Prefix[] {
  const address = Address.tryParse(text);
  return address === undefined ? [] : [Prefix.of(address, address.bits)];
}
