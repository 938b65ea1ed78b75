// Which containers are attached to this host's subnet, by what the kernel has: ports of the bridge that holds an address
// of the subnet, and links that a host route inside the subnet leads to. Pure.
import { FAMILIES } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import type { PerFamily } from "../lease/types.ts";
import type { HostView } from "./interface.ts";

/** Names of the host's ends of their links, in the kernel's order. */
export function attachedContainers(host: HostView, subnets: PerFamily<Prefix>): string[] {
  const own = FAMILIES.flatMap((family) => subnets[family]?.masked ?? []);
  const isInside = (prefix: Prefix): boolean => own.some((subnet) => subnet.contains(prefix.address));
  const bridges = new Set(host.addresses.filter(({ address }) => isInside(address)).map(({ index }) => index));
  const routed = new Set(
    host.routes
      .filter(({ destination }) => destination.length === destination.address.bits && isInside(destination))
      .map(({ oif }) => oif),
  );
  return host.links
    .filter(
      ({ index, master }) =>
        (master !== undefined && bridges.has(master)) || (routed.has(index) && !bridges.has(index)),
    )
    .map(({ name }) => name);
}
