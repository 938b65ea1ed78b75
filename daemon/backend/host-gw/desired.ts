// The host-gw backend: peers' subnets are routed to their nodes over the underlay itself, without a tunnel. One route a
// peer and nothing else, so containers keep the underlay's MTU.
import type { Family } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import type { Lease, Network, Node } from "../../lease/types.ts";
import { routeObject } from "../../reconcile/objects.ts";
import type { KernelObject } from "../../reconcile/port.ts";
import { isOnLink, peerEndpoint } from "../endpoint.ts";
import type { Backend } from "../port.ts";
import { checkHostGw } from "./config.ts";

/** @throws LodenError ERR_BACKEND behind a NAT */
export function createHostGw(network: Network, node: Node): Backend {
  return {
    type: "host-gw",
    leaseType: "host-gw",
    warnings: checkHostGw(network, node),
    mtu: (here) => here.link.mtu,
    advertise: () => ({}),
    base: () => [],
    peer: onePeer,
  };
}

function onePeer(node: Node, lease: Lease, family: Family): KernelObject[] {
  const destination = lease.subnet[family]?.masked;
  if (destination === undefined) return [];
  const gateway = peerEndpoint(node, lease, family);
  // The kernel would refuse such a route as unreachable, with less to say about it.
  if (!isOnLink(node, gateway)) {
    throw new LodenError(
      "ERR_LEASE_INVALID",
      `lease ${lease.key} cannot be used by host-gw: ${gateway.toString()} is in no prefix of interface ` +
        `${node.link.name}, so a router stands between; put the nodes on one network or use the vxlan backend`,
      { fields: { lease: lease.key, gateway: gateway.toString(), link: node.link.name } },
    );
  }
  return [routeObject({ destination, gateway, link: node.link.name, onlink: false }, lease.key)];
}
