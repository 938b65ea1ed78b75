// The addresses and routes of a point-to-point link: the container reaches its gateway by a route of its own and its
// network through the gateway; the host reaches each address of the container by a host route.
import type { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Route } from "#kernel/netlink/route";
import { failure } from "../../error.ts";
import type { ResultAddress } from "../../result/types.ts";

/** An address of the container with its gateway. */
export interface PtpAddress {
  readonly address: Prefix;
  readonly gateway: Address;
}

/** @throws CniError 999 for an address without a gateway, which nothing could be reached by */
export function withGateway({ address, gateway }: ResultAddress): PtpAddress {
  if (gateway !== undefined) return { address, gateway };
  throw failure(`ptp needs a gateway for ${address.toString()}, and the IPAM plugin gave none`);
}

/** The host's own addresses: the gateways, each once. */
export function hostAddresses(ips: readonly PtpAddress[]): Prefix[] {
  const gateways = new Map(ips.map(({ gateway }) => [gateway.toString(), gateway]));
  return [...gateways.values()].map(alone);
}

/** Routes of the host to the container, by the link with index `oif`. */
export function hostRoutes(ips: readonly PtpAddress[], oif: number): Route[] {
  // IPv6 has no scopes of routes.
  return ips.map(({ address }) => ({
    destination: alone(address.address),
    oif,
    ...(address.family === 4 ? ({ scope: "host" } as const) : {}),
  }));
}

/** Routes of the container, by the link with index `oif`, in an order in which each can be added. */
export function containerRoutes(ips: readonly PtpAddress[], oif: number): Route[] {
  const routes = new Map<string, Route>();
  const add = (route: Route): void => {
    // Of two addresses of one network, the first is the source.
    const key = route.destination.toString();
    if (!routes.has(key)) routes.set(key, route);
  };
  for (const { address, gateway } of ips) {
    const link = address.family === 4 ? ({ scope: "link" } as const) : {};
    add({ destination: alone(gateway), oif, source: address.address, ...link });
  }
  for (const { address, gateway } of ips) {
    // A network of one address has no others to reach.
    if (address.length === address.address.bits) continue;
    add({ destination: address.masked, oif, gateway, source: address.address });
  }
  return [...routes.values()];
}

function alone(address: Address): Prefix {
  return Prefix.of(address, address.bits);
}
