// Options that several interface plugins have, read alike.
import { Mac } from "#kernel/ip/mac";
import { readArguments } from "../arguments.ts";
import { configDns, ipamType, type NetworkConfig } from "../config.ts";
import { interfaceNameProblem } from "../environment.ts";
import { failure, invalidConfig } from "../error.ts";
import type { Fields } from "../fields.ts";
import { saysDns } from "../result/read.ts";
import type { Dns } from "../result/types.ts";
import { MASQUERADE_BACKENDS, type MasqueradeBackend } from "../rules/masquerade.ts";

/** ETH_MAX_MTU of linux/if_ether.h; 0 leaves it to the kernel. */
const MTU_BOUNDS = { min: 0, max: 65_535 } as const;

/** What every plugin that makes an interface in the container takes. */
export interface InterfaceOptions {
  /** The IPAM plugin. */
  readonly ipam: string | undefined;
  /** Takes the place of IPAM's `dns` when the configuration says anything of it, even an empty list. */
  readonly dns: Dns | undefined;
  /** Wait for IPv6 duplicate address detection instead of doing without. */
  readonly enabledad: boolean;
}

/** @throws CniError 6 or 7 */
export function readInterfaceOptions(config: NetworkConfig): InterfaceOptions {
  const { fields } = config;
  const dns = configDns(config);
  return {
    ipam: ipamType(config),
    dns: saysDns(dns) ? dns : undefined,
    enabledad: fields.boolean("enabledad") ?? false,
  };
}

/** Undefined leaves it to the kernel. @throws CniError 6 or 7 */
export function readMtu(fields: Fields): number | undefined {
  return fields.integer("mtu", MTU_BOUNDS) || undefined;
}

/** Of macvlan, ipvlan and vlan: the device below. */
export interface MasterOptions extends InterfaceOptions {
  readonly mtu: number | undefined;
  /** Absent: the interface of the default route. */
  readonly master: string | undefined;
  /** The master is in the container, not on the host. */
  readonly linkInContainer: boolean;
}

/** @throws CniError 6 or 7 */
export function readMasterOptions(config: NetworkConfig): MasterOptions {
  return {
    ...readInterfaceOptions(config),
    mtu: readMtu(config.fields),
    master: readInterfaceName(config.fields, "master"),
    linkInContainer: config.fields.boolean("linkInContainer") ?? false,
  };
}

/** The name of an interface; empty is absent. @throws CniError 7 for what cannot be one */
export function readInterfaceName(fields: Fields, key: string): string | undefined {
  const name = fields.string(key) || undefined;
  const problem = name === undefined ? undefined : interfaceNameProblem(name);
  if (problem === undefined) return name;
  throw invalidConfig(`${fields.path(key)} is ${JSON.stringify(name)}: ${problem}`);
}

/** @throws CniError 7 for a backend nobody knows */
export function readMasqueradeBackend(fields: Fields): MasqueradeBackend | undefined {
  const text = fields.string("ipMasqBackend") || undefined;
  if (text === undefined) return undefined;
  const backend = MASQUERADE_BACKENDS.find((name) => name === text);
  if (backend !== undefined) return backend;
  throw invalidConfig(`unknown ipmasq backend ${JSON.stringify(text)}: ipMasqBackend is "nftables" or "iptables"`);
}

/** `MAC` of CNI_ARGS. @throws CniError 999 */
export function argumentMac(args: string): Mac | undefined {
  const text = readArguments(args).get("MAC") || undefined;
  if (text === undefined) return undefined;
  const mac = Mac.tryParse(text);
  if (mac !== undefined) return mac;
  throw failure(`ARGS: error parsing value of pair "MAC=${text}": it is not a MAC address`);
}

/** What the runtime asks for by the capability `mac`. */
export function runtimeMac(fields: Fields): Mac | undefined {
  return fields.object("runtimeConfig")?.mac("mac");
}
