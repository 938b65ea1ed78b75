// Reads CNI results of every version into the one form of types.ts: a previous plugin's result, a delegate's output.
// CNI specification, "Success", of each version; routes and dns of a configuration have the same shape.
import { isAtLeast, isSupported } from "#spec/cni-versions";
import type { Address } from "#kernel/ip/address";
import { CNI_ERROR, CniError, invalidConfig } from "../error.ts";
import { Fields, type JsonObject } from "../fields.ts";
import type { Dns, Result, ResultAddress, ResultInterface, ResultRoute } from "./types.ts";

/** An index into `interfaces`, which may be of another plugin's making and longer than here. */
const INDEX = { min: 0, max: 0x7fff_ffff };

/** The object without the keys whose value is undefined, as exactOptionalPropertyTypes wants it. */
function compact<T extends object>(object: { readonly [K in keyof T]: T[K] | undefined }): T {
  for (const key of Object.keys(object) as (keyof T)[]) if (object[key] === undefined) delete object[key];
  return object as T;
}

/** Zero and the empty text stand for "not given", as they do in Go's structs. */
function given<T>(value: T | undefined): T | undefined {
  return value === 0 || value === "" ? undefined : value;
}

export function readRoute(fields: Fields): ResultRoute {
  const destination = fields.prefix("dst");
  if (destination === undefined) throw invalidConfig(`${fields.path("dst")} is missing: a route needs a destination`);
  return compact<ResultRoute>({
    destination: destination.masked,
    gateway: fields.address("gw")?.unmapped,
    mtu: given(fields.integer("mtu")),
    advertisedMss: given(fields.integer("advmss")),
    priority: given(fields.integer("priority")),
    table: fields.integer("table"),
    scope: fields.integer("scope"),
  });
}

export function readRoutes(fields: Fields, key: string): readonly ResultRoute[] {
  return (fields.objects(key) ?? []).map(readRoute);
}

export function readDns(fields: Fields | undefined): Dns {
  if (fields === undefined) return {};
  return compact<Dns>({
    nameservers: fields.strings("nameservers"),
    domain: given(fields.string("domain")),
    search: fields.strings("search"),
    options: fields.strings("options"),
  });
}

/** Whether a configuration says anything of DNS; even an empty list does. */
export function saysDns(dns: Dns): boolean {
  return Object.keys(dns).length > 0;
}

function readInterface(fields: Fields): ResultInterface {
  return compact<ResultInterface>({
    name: fields.string("name") ?? "",
    mac: given(fields.string("mac")),
    mtu: given(fields.integer("mtu")),
    sandbox: given(fields.string("sandbox")),
    socketPath: given(fields.string("socketPath")),
    pciId: given(fields.string("pciID")),
  });
}

function readAddress(fields: Fields): ResultAddress {
  const address = fields.prefix("address");
  if (address === undefined) throw invalidConfig(`${fields.path("address")} is missing`);
  return compact<ResultAddress>({ interface: fields.integer("interface", INDEX), address, gateway: gatewayOf(fields) });
}

function gatewayOf(fields: Fields): Address | undefined {
  return fields.address("gateway")?.unmapped;
}

/** 0.1.0 and 0.2.0: one address of each family, each with its own routes. */
function readFamilies(fields: Fields): Result {
  const ips: ResultAddress[] = [];
  const routes: ResultRoute[] = [];
  for (const key of ["ip4", "ip6"]) {
    const config = fields.object(key);
    if (config === undefined) continue;
    const address = config.prefix("ip");
    if (address === undefined) throw invalidConfig(`${config.path("ip")} is missing`);
    const gateway = gatewayOf(config);
    ips.push(compact<ResultAddress>({ interface: undefined, address, gateway }));
    routes.push(...readRoutes(config, "routes"));
  }
  return { interfaces: [], ips, routes, dns: readDns(fields.object("dns")) };
}

/**
 * Reads a result.
 * @param version what the result is of when it does not say; a result that says must be of that version's family
 * @throws CniError 6 for wrong types and unknown versions, 7 for missing values
 */
export function readResult(document: JsonObject, version: string, where: string): Result {
  const fields = new Fields(document, where);
  const own = fields.string("cniVersion") || version;
  const isOld = !isAtLeast(own, "0.3.0");
  if (!isSupported(own) || isOld === isAtLeast(version, "0.3.0")) {
    throw new CniError(
      CNI_ERROR.decodingFailure,
      `${fields.path("cniVersion")} is ${JSON.stringify(own)}, which does not go with a configuration of version ${version}`,
    );
  }
  if (isOld) return readFamilies(fields);
  return {
    interfaces: (fields.objects("interfaces") ?? []).map(readInterface),
    ips: (fields.objects("ips") ?? []).map(readAddress),
    routes: readRoutes(fields, "routes"),
    dns: readDns(fields.object("dns")),
  };
}
