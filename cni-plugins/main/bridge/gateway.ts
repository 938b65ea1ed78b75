// The bridge as gateway: which addresses it needs, and giving them to it.
import { Prefix } from "#kernel/ip/prefix";
import { Address } from "#kernel/ip/address";
import { ADDRESS_FLAG, addrDelete, addrDump, addrNew } from "#kernel/netlink/addr";
import { linkGet, linkSet, type Link } from "#kernel/netlink/link";
import { neighDelete } from "#kernel/netlink/neigh";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { failure, inContext } from "../../error.ts";
import type { Result, ResultAddress, ResultRoute } from "../../result/types.ts";
import type { BridgeConfig } from "./config.ts";

/** errno.h */
const ENOENT = 2;

/** That of a new veth, ETH_DATA_LEN of linux/if_ether.h. */
const DEFAULT_MTU = 1500;

/**
 * Completes an IPAM result: every address is the container interface's (`interface`), has a gateway where the bridge is
 * one, and its family has a default route where that is asked for.
 */
export function withGateways(result: Result, config: BridgeConfig, containerInterface: number): Result {
  const routes = [...result.routes];
  const ips = result.ips.map((ip): ResultAddress => {
    const gateway = ip.gateway ?? (config.isGateway ? ip.address.first.add(1n) : undefined);
    if (config.isDefaultGateway) addDefaultRoute(routes, { ...ip, ...(gateway === undefined ? {} : { gateway }) });
    return { ...ip, interface: containerInterface, ...(gateway === undefined ? {} : { gateway }) };
  });
  return { ...result, ips, routes };
}

/** A default route that IPAM gave without a gateway goes over ours; a second one beside it could not be added. */
function addDefaultRoute(routes: ResultRoute[], { address, gateway }: ResultAddress): void {
  const destination = Prefix.of(Address.fromBigInt(address.family, 0n), 0);
  const present = routes.findIndex((route) => route.destination.equals(destination) && route.table === undefined);
  if (present >= 0 && routes[present]?.gateway !== undefined) return;
  const route = { ...routes[present], destination, ...(gateway === undefined ? {} : { gateway }) };
  if (present >= 0) routes[present] = route;
  else routes.push(route);
}

/** The addresses a bridge needs for a result: its gateways, with the length of the address they are for. */
export function gatewayAddresses(result: Result): Prefix[] {
  const addresses: Prefix[] = [];
  for (const { address, gateway } of result.ips) {
    if (gateway !== undefined) addresses.push(Prefix.of(gateway, address.length));
  }
  return addresses;
}

/**
 * Gives a device the gateway addresses, pins its MAC, and forgets what was known of the container addresses: a
 * container that had one of them before had another MAC.
 * @returns the device as it is now
 */
export function becomeGateway(socket: NetlinkSocket, device: Link, config: BridgeConfig, result: Result): Link {
  const { index, name } = device;
  const present = addrDump(socket, { index });
  const wanted = gatewayAddresses(result);
  const missing = wanted.filter((address) => !present.some((item) => item.address.equals(address)));
  const inTheWay = present.filter(
    (item) =>
      !wanted.some((address) => address.equals(item.address)) &&
      missing.some((address) => conflicts(address, item.address)),
  );
  if (inTheWay.length > 0 && !config.forceAddress) {
    const { address } = inTheWay[0]!;
    const first = missing.find((candidate) => conflicts(candidate, address))!;
    throw failure(
      `failed to set bridge addr: ${JSON.stringify(name)} already has an IP address different from ${first.toString()}: ` +
        `it has ${address.toString()}; remove that, or set forceAddress`,
    );
  }
  const flags = config.enabledad ? 0 : ADDRESS_FLAG.noDad;
  const changes = [
    ...inTheWay.map((item) => addrDelete(item)),
    ...missing.map((address) => addrNew({ index, address, ...(address.family === 6 ? { flags } : {}) })),
  ];
  const current = isSettled(device, config) ? device : (linkGet(socket, { index }) ?? device);
  const { mac } = current;
  const pin = mac === undefined || isZero(mac.text) ? [] : [linkSet(index, { mac })];
  const forget = result.ips.map(({ address }) => neighDelete({ index, address: address.address }));
  // ENOENT: there is no such neighbour, as a rule.
  const outcomes = socket.batch([...changes, ...pin, ...forget], ENOENT);
  for (let position = 0; position < changes.length + pin.length; position++) {
    const error = outcomes[position];
    // EEXIST: another ADD was quicker. EADDRNOTAVAIL: the address to be replaced has just gone.
    if (error === undefined || error.symbol === "EEXIST" || error.symbol === "EADDRNOTAVAIL") continue;
    const what = position < changes.length ? "its gateway address" : "bridge's mac";
    throw inContext(`could not set ${what} on ${JSON.stringify(name)}`, error);
  }
  return current;
}

/**
 * Whether a bridge is still as it was before its newest port came. One without an address takes its first port's, and
 * its MTU follows the ports' when nobody has set it.
 */
function isSettled({ mac, mtu }: Link, config: BridgeConfig): boolean {
  return mac !== undefined && !isZero(mac.text) && mtu === (config.mtu ?? DEFAULT_MTU);
}

/** IPv4: one subnet a bridge. IPv6: several, that do not overlap. */
function conflicts(wanted: Prefix, present: Prefix): boolean {
  if (wanted.family !== present.family) return false;
  return wanted.family === 4 || wanted.contains(present.address) || present.contains(wanted.address);
}

function isZero(mac: string): boolean {
  return mac === "00:00:00:00:00:00";
}
