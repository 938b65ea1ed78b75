// Prints a result in the form of the version that the configuration asks for. Key order and indentation are those of
// the Go plugins, so that outputs can be compared line by line.
import { isAtLeast } from "#spec/cni-versions";
import { failure } from "../error.ts";
import type { Dns, Result, ResultAddress, ResultInterface, ResultRoute } from "./types.ts";

/** Indentation of the reference plugins' output. */
const INDENT = 4;

/** A route in the form that all versions share. */
export function routeDocument(route: ResultRoute): object {
  return {
    dst: route.destination,
    gw: route.gateway,
    mtu: route.mtu,
    advmss: route.advertisedMss,
    priority: route.priority,
    table: route.table,
    scope: route.scope,
  };
}

/** Go leaves empty lists out. */
function list<T>(items: readonly T[] | undefined): readonly T[] | undefined {
  return items === undefined || items.length === 0 ? undefined : items;
}

function dnsDocument(dns: Dns): object {
  return {
    nameservers: list(dns.nameservers),
    domain: dns.domain,
    search: list(dns.search),
    options: list(dns.options),
  };
}

/** The fields of an interface that came with 1.1.0 are left out for older versions. */
function interfaceDocument(item: ResultInterface, isLatest: boolean): object {
  const { name, mac, sandbox } = item;
  if (!isLatest) return { name, mac, sandbox };
  return { name, mac, mtu: item.mtu, sandbox, socketPath: item.socketPath, pciID: item.pciId };
}

function addressDocument(item: ResultAddress, withVersion: boolean): object {
  const { address, gateway } = item;
  return {
    version: withVersion ? String(address.family) : undefined,
    interface: item.interface,
    address,
    gateway,
  };
}

/** 0.1.0 and 0.2.0 know one address of each family. */
function familiesDocument(result: Result, version: string): object {
  const family = (number: 4 | 6): object | undefined => {
    const item = result.ips.find((candidate) => candidate.address.family === number);
    if (item === undefined) return undefined;
    const routes = result.routes.filter((route) => route.destination.family === number).map(routeDocument);
    return { ip: item.address, gateway: item.gateway, routes: list(routes) };
  };
  if (result.ips.length === 0) {
    throw failure(`cannot convert: no valid IP addresses, which a result of CNI version ${version} needs`);
  }
  return { cniVersion: version, ip4: family(4), ip6: family(6), dns: dnsDocument(result.dns) };
}

/** @throws CniError 999 when the version has no words for the result */
export function resultDocument(result: Result, version: string): object {
  if (!isAtLeast(version, "0.3.0")) return familiesDocument(result, version);
  const isLatest = isAtLeast(version, "1.1.0");
  const isOne = isAtLeast(version, "1.0.0");
  const hasDns = Object.values(dnsDocument(result.dns)).some((value) => value !== undefined);
  return {
    cniVersion: version,
    interfaces: list(result.interfaces.map((item) => interfaceDocument(item, isLatest))),
    ips: list(result.ips.map((item) => addressDocument(item, !isOne))),
    routes: list(result.routes.map(routeDocument)),
    dns: isOne && !hasDns ? undefined : dnsDocument(result.dns),
  };
}

export function printDocument(document: object): string {
  return JSON.stringify(document, undefined, INDENT);
}
