// flannel's own configuration, and the configuration it makes of it and of subnet.env for the plugin below.
import { Prefix } from "#kernel/ip/prefix";
import { FAMILIES } from "#kernel/ip/address";
import { readText } from "#kernel/files";
import type { Sys } from "#kernel/sys";
import { parseSubnetEnv, type SubnetEnv } from "#spec/subnet-env";
import type { NetworkConfig } from "../../config.ts";
import { CNI_ERROR, CniError, failure, invalidConfig } from "../../error.ts";
import { isObject, wrongType, type Fields, type JsonObject } from "../../fields.ts";
import { routeDocument } from "../../result/print.ts";
import { readRoutes } from "../../result/read.ts";

const DEFAULT_SUBNET_FILE = "/run/flannel/subnet.env";
const DEFAULT_DIRECTORY = "/var/lib/cni/flannel";
const DEFAULT_DELEGATE = "bridge";
const DEFAULT_IPAM = "host-local";

export interface FlannelConfig {
  readonly subnetFile: string;
  /** `delegate` as it came: the plugin below reads its keys. */
  readonly delegate: JsonObject;
  readonly delegateType: string;
}

/** Where delegate configurations are kept: all that DEL needs. */
export function dataDirectory(config: NetworkConfig): string {
  return config.fields.string("dataDir") || DEFAULT_DIRECTORY;
}

function objectAsItCame(fields: Fields, key: string): JsonObject {
  const value = fields.raw(key) ?? {};
  return isObject(value) ? value : wrongType(key, value, "an object");
}

/** @throws CniError 6 or 7 */
export function flannelConfig(config: NetworkConfig): FlannelConfig {
  const delegate = objectAsItCame(config.fields, "delegate");
  const type = delegate["type"] ?? DEFAULT_DELEGATE;
  if (typeof type !== "string" || type === "") {
    throw invalidConfig("'delegate' dictionary, if present, must have (string) 'type' field");
  }
  for (const key of ["name", "ipam"]) {
    if (!Object.hasOwn(delegate, key)) continue;
    throw invalidConfig(`'delegate' dictionary must not have '${key}' field, it'll be set by flannel`);
  }
  return { subnetFile: config.fields.string("subnetFile") || DEFAULT_SUBNET_FILE, delegate, delegateType: type };
}

/**
 * What the daemon says of this host's subnets.
 * @throws CniError 999
 */
export function loadSubnetEnv(sys: Sys, file: string): SubnetEnv {
  const text = readSubnetEnv(sys, file);
  try {
    return parseSubnetEnv(text, file);
  } catch (error) {
    throw failure(`failed to load flannel 'subnet.env' file: ${(error as Error).message}`, error);
  }
}

function readSubnetEnv(sys: Sys, file: string): string {
  let reason = `open ${file}: no such file or directory`;
  let cause: unknown;
  try {
    const text = readText(sys, file);
    if (text !== undefined) return text;
  } catch (error) {
    reason = (error as Error).message;
    cause = error;
  }
  throw failure(`failed to load flannel 'subnet.env' file: ${reason}. Is the daemon running on this node?`, cause);
}

/** The plugin below's configuration; without `env`, what can be said without it, which is enough for all but ADD. */
export function delegateDocument(config: NetworkConfig, own: FlannelConfig, env: SubnetEnv | undefined): JsonObject {
  const { delegate, delegateType } = own;
  const runtimeConfig = config.fields.raw("runtimeConfig");
  const cniVersion = config.fields.string("cniVersion");
  return sorted({
    ...(env === undefined ? {} : { ipMasq: !env.ipMasq, mtu: env.mtu }),
    ...(delegateType === DEFAULT_DELEGATE ? { isGateway: true } : {}),
    ...delegate,
    ...(runtimeConfig === undefined ? {} : { runtimeConfig }),
    ...(cniVersion === undefined || cniVersion === "" ? {} : { cniVersion }),
    type: delegateType,
    name: config.name,
    ipam: ipamDocument(config, env),
  });
}

function ipamDocument(config: NetworkConfig, env: SubnetEnv | undefined): JsonObject {
  const ipam = objectAsItCame(config.fields, "ipam");
  if (env === undefined) return sorted({ type: DEFAULT_IPAM, ...ipam });
  const subnets = FAMILIES.flatMap((family) => env.subnet[family] ?? []);
  const networks = FAMILIES.flatMap((family) => env.networks[family] ?? []);
  const routes = config.fields.object("ipam");
  return sorted({
    type: DEFAULT_IPAM,
    ...ipam,
    ranges: subnets.map((subnet) => [{ subnet: Prefix.parse(subnet).masked.toString() }]),
    routes: [
      ...(routes === undefined ? [] : readRoutes(routes, "routes").map(routeDocument)),
      ...networks.map((network) => ({ dst: Prefix.parse(network).masked.toString() })),
    ],
  });
}

/** Keys in the order that Go prints a map, so that what is written can be compared with what flannel writes. */
function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** ADD cannot be served, for a reason that passes. */
export function notAvailable(message: string): CniError {
  return new CniError(CNI_ERROR.notAvailable, message);
}
