// The nftables tables that flannel leaves behind (its EnableNFTables): ours to remove only where they speak of this
// daemon's networks and of nothing else, for on one host one daemon serves a network (spec/decisions/firewall.md).
import type { Prefix } from "#kernel/ip/prefix";
import { prefixesIn } from "#kernel/nft/places";
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
