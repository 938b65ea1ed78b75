// What a server's answer gives: address, times, routes (RFC 2132, RFC 3442).
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Dns, ResultRoute } from "../../result/types.ts";
import {
  NO_ADDRESS,
  OPTION,
  addressesOption,
  numberOption,
  textOption,
  type DhcpMessage,
  type Options,
} from "./message.ts";

/** A lease as a server granted it. Times are seconds from the grant. */
export interface Grant {
  readonly address: Prefix;
  readonly gateway: Address | undefined;
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
  readonly server: Address;
  readonly renewAfter: number;
  readonly rebindAfter: number;
  readonly expireAfter: number;
}

/** Where the server does not say. */
const DEFAULT_LEASE_SECONDS = 3600;
/** RFC 2131 §4.4.5. */
const RENEW_SHARE = 0.5;
const REBIND_SHARE = 0.875;
/** RT_SCOPE_LINK of linux/rtnetlink.h. */
const SCOPE_LINK = 253;
/** 32 bits of ones stand for "for ever" (RFC 2131 §3.3). */
const INFINITE = 0xffff_ffff;
const DEFAULT_ROUTE = Prefix.of(NO_ADDRESS, 0);

/** Why an answer cannot be used, as text; otherwise the grant. */
export function readGrant({ yourAddress, options }: DhcpMessage): Grant | string {
  const server = addressesOption(options, OPTION.serverId)[0];
  if (server === undefined) return "the server did not say who it is (option 54)";
  if (yourAddress.equals(NO_ADDRESS)) return "the server gave no address";
  const length = prefixLength(options.get(OPTION.subnetMask));
  if (length === undefined) return "DHCP option Subnet Mask not found in the server's answer";
  const expireAfter = numberOption(options, OPTION.leaseTime) ?? DEFAULT_LEASE_SECONDS;
  const isForEver = expireAfter === INFINITE;
  const rebindAfter = within(numberOption(options, OPTION.rebindingTime), expireAfter * REBIND_SHARE, expireAfter);
  const renewAfter = within(numberOption(options, OPTION.renewalTime), expireAfter * RENEW_SHARE, rebindAfter);
  return {
    address: Prefix.of(yourAddress, length),
    gateway: addressesOption(options, OPTION.routers)[0],
    routes: readRoutes(options),
    dns: readDns(options),
    server,
    renewAfter: isForEver ? Infinity : renewAfter,
    rebindAfter: isForEver ? Infinity : rebindAfter,
    expireAfter: isForEver ? Infinity : expireAfter,
  };
}

/** A server's own times count as long as they lie in the right order. */
function within(seconds: number | undefined, otherwise: number, limit: number): number {
  return seconds !== undefined && seconds > 0 && seconds <= limit ? seconds : otherwise;
}

/** Undefined for what is no mask: ones, then zeros. */
function prefixLength(mask: Uint8Array | undefined): number | undefined {
  if (mask?.length !== 4) return undefined;
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  return /^1+0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : undefined;
}

/** Classless routes take the place of all others; else the classful ones, and the default over the first router. */
function readRoutes(options: Options): ResultRoute[] {
  const classless = options.get(OPTION.classlessRoutes);
  if (classless !== undefined) return readClassless(classless);
  const routes: ResultRoute[] = [];
  const pairs = addressesOption(options, OPTION.staticRoutes);
  for (let at = 0; at + 2 <= pairs.length; at += 2) {
    const [destination, gateway] = [pairs[at]!, pairs[at + 1]!];
    const length = classOf(destination);
    if (length !== undefined) routes.push({ destination: Prefix.of(destination, length).masked, gateway });
  }
  const [router] = addressesOption(options, OPTION.routers);
  if (router !== undefined) routes.push({ destination: DEFAULT_ROUTE, gateway: router });
  return routes;
}

/** RFC 3442: length, as many octets of the destination as it needs, router. Router 0.0.0.0: on the link. */
function readClassless(value: Uint8Array): ResultRoute[] {
  const routes: ResultRoute[] = [];
  for (let at = 0; at < value.length;) {
    const length = value[at]!;
    const octets = Math.ceil(length / 8);
    const end = at + 1 + octets + 4;
    if (length > 32 || end > value.length) break;
    const network = new Uint8Array(4);
    network.set(value.subarray(at + 1, at + 1 + octets));
    const destination = Prefix.of(Address.fromBytes(network), length).masked;
    const gateway = Address.fromBytes(value.slice(end - 4, end));
    routes.push(gateway.equals(NO_ADDRESS) ? { destination, scope: SCOPE_LINK } : { destination, gateway });
    at = end;
  }
  return routes;
}

/** The network class of RFC 791 that option 33 still means; undefined above class C, and for the default route. */
function classOf(address: Address): number | undefined {
  const first = address.toBytes()[0]!;
  if (address.equals(NO_ADDRESS) || first >= 224) return undefined;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

function readDns(options: Options): Dns {
  const nameservers = addressesOption(options, OPTION.domainNameServers).map((address) => address.toString());
  const domain = textOption(options, OPTION.domainName);
  return { ...(nameservers.length === 0 ? {} : { nameservers }), ...(domain === undefined ? {} : { domain }) };
}
