// The host-gw backend: peers' subnets are routed to their nodes over the underlay itself, without a tunnel. One route a
// peer and nothing else, so containers keep the underlay's MTU.
import type { Family } from "#kernel/ip/address";
import type { Lease, Network, Node } from "../../lease/types.ts";
import type { KernelObject } from "../../reconcile/port.ts";
import { directRoute } from "../direct-route.ts";
import { peerEndpoint } from "../endpoint.ts";
import type { Backend } from "../port.ts";
import { underlayMtu } from "../underlay.ts";
import { checkHostGw } from "./config.ts";

/** @throws LodenError ERR_BACKEND behind a NAT */
export function createHostGw(network: Network, node: Node): Backend {
  return {
    type: "host-gw",
    leaseType: "host-gw",
    warnings: checkHostGw(network, node),
    mtu: underlayMtu,
    advertise: () => ({}),
    base: () => [],
    peer: onePeer,
  };
}

function onePeer(node: Node, lease: Lease, family: Family): KernelObject[] {
  const destination = lease.subnet[family]?.masked;
  if (destination === undefined) return [];
  const gateway = peerEndpoint(node, lease, family);
  return [directRoute(node, lease, destination, gateway, "host-gw")];
}
