// host-local's configuration: the `ipam` section, `runtimeConfig`, `args.cni` and CNI_ARGS.
import { isAtLeast } from "#spec/cni-versions";
import { Address, FAMILIES } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { readArguments } from "../../arguments.ts";
import type { NetworkConfig } from "../../config.ts";
import { inContext, invalidConfig } from "../../error.ts";
import type { Fields } from "../../fields.ts";
import { readRoutes } from "../../result/read.ts";
import type { ResultRoute } from "../../result/types.ts";
import { asSet, familyOf, readRange, refuseOverlaps, type RangeSet } from "./ranges.ts";

const DEFAULT_DIRECTORY = "/var/lib/cni/networks";

export interface HostLocalConfig {
  readonly sets: readonly RangeSet[];
  /** Addresses asked for, each once. */
  readonly requested: readonly Address[];
  readonly routes: readonly ResultRoute[];
  readonly resolvConf?: string;
}

/** Where and how reservations are kept: all that DEL, CHECK and GC need, so that a bad range does not stop them. */
export interface StoreConfig {
  readonly network: string;
  readonly directory: string;
  /** Free what was reserved before the machine was started last. */
  readonly reclaimOnReboot: boolean;
}

function ipamSection(config: NetworkConfig): Fields {
  const ipam = config.fields.object("ipam");
  if (ipam === undefined) throw invalidConfig("IPAM config missing 'ipam' key");
  return ipam;
}

export function storeConfig(config: NetworkConfig): StoreConfig {
  const ipam = ipamSection(config);
  return {
    network: config.name,
    directory: ipam.string("dataDir") || DEFAULT_DIRECTORY,
    reclaimOnReboot: ipam.boolean("reclaimOnReboot") ?? true,
  };
}

/** @throws CniError 6, 7 or 999 (CNI_ARGS) */
export function hostLocalConfig(config: NetworkConfig, args: string): HostLocalConfig {
  const ipam = ipamSection(config);
  const sets = readAllSets(config, ipam);
  const resolvConf = ipam.string("resolvConf");
  return {
    sets,
    requested: requestedAddresses(config, args),
    routes: readRoutes(ipam, "routes"),
    ...(resolvConf === undefined || resolvConf === "" ? {} : { resolvConf }),
  };
}

/** The runtime's ranges, then the flat old form, then `ranges`. */
function readAllSets(config: NetworkConfig, ipam: Fields): readonly RangeSet[] {
  const listed = [
    ...(config.fields.object("runtimeConfig")?.objectLists("ipRanges") ?? []),
    ...((ipam.string("subnet") ?? "") === "" ? [] : [[ipam]]),
    ...(ipam.objectLists("ranges") ?? []),
  ];
  if (listed.length === 0) throw invalidConfig("no IP ranges specified: ipam.ranges is empty");
  const sets = listed.map((ranges, index) => {
    try {
      return asSet(ranges.map(readRange));
    } catch (error) {
      throw inContext(`invalid range set ${index}`, error);
    }
  });
  for (const family of FAMILIES) {
    if (sets.filter((set) => familyOf(set) === family).length > 1 && !isAtLeast(config.cniVersion, "0.3.0")) {
      throw invalidConfig(`CNI version ${config.cniVersion} does not support more than 1 address per family`);
    }
  }
  refuseOverlaps(sets);
  return sets;
}

function requestedAddresses(config: NetworkConfig, args: string): readonly Address[] {
  const fromArgs = readArguments(args).get("IP");
  const texts = [
    ...(fromArgs === undefined ? [] : [{ text: fromArgs, where: "CNI_ARGS IP" }]),
    ...textsOf(config.fields.object("args")?.object("cni"), "ips"),
    ...textsOf(config.fields.object("runtimeConfig"), "ips"),
  ];
  if (texts.length === 0) return [];
  const addresses = new Map<string, Address>();
  for (const { text, where } of texts) {
    // A prefix length is allowed and says nothing: the range has one.
    const address = (Prefix.tryParse(text)?.address ?? Address.tryParse(text))?.unmapped;
    if (address === undefined) throw invalidConfig(`${where} is ${JSON.stringify(text)}, which is not an IP address`);
    addresses.set(address.toString(), address);
  }
  return [...addresses.values()];
}

function textsOf(fields: Fields | undefined, key: string): { text: string; where: string }[] {
  return (fields?.strings(key) ?? []).map((text) => ({ text, where: fields!.path(key) }));
}
