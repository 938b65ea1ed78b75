// A peer's subnet by way of its node as the next hop, with no tunnel: what host-gw makes of every peer, and vxlan with
// DirectRouting of those on its link.
import type { Address } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import type { Lease, Node } from "../lease/types.ts";
import { routeObject } from "../reconcile/objects.ts";
import type { KernelObject } from "../reconcile/port.ts";
import { offLinkReason, pathMtu } from "./underlay.ts";

/**
 * The route to a peer that is on the link.
 * @throws LodenError ERR_LEASE_INVALID that says why it is not
 */
export function directRoute(
  node: Node,
  lease: Lease,
  destination: Prefix,
  gateway: Address,
  backend: string,
): KernelObject<"route"> {
  const reason = offLinkReason(node, gateway);
  const link = node.link.name;
  // The kernel would refuse such a route as unreachable, or take it and send into the void.
  if (reason !== undefined) {
    throw new LodenError(
      "ERR_LEASE_INVALID",
      `lease ${lease.key} cannot be used by ${backend}: its node is not on the link of interface ${link}: ${reason}; ` +
        "put the nodes on one network or use the vxlan backend",
      { fields: { lease: lease.key, gateway: gateway.toString(), link } },
    );
  }
  // A route through a gateway does not take the metric of the one that the gateway is reached by.
  const mtu = pathMtu(node, gateway) ?? node.link.mtu;
  const narrow = mtu < node.link.mtu ? { mtu } : {};
  return routeObject({ destination, gateway, link, onlink: false, ...narrow }, lease.key) as KernelObject<"route">;
}
