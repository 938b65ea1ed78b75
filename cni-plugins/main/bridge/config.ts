// The bridge plugin's configuration.
import type { Mac } from "#kernel/ip/mac";
import { configDns, type NetworkConfig } from "../../config.ts";
import { interfaceNameProblem } from "../../environment.ts";
import { invalidConfig } from "../../error.ts";
import type { Fields } from "../../fields.ts";
import { argumentMac, readMasqueradeBackend, readMtu, runtimeMac } from "../../interface/options.ts";
import { saysDns } from "../../result/read.ts";
import type { Dns } from "../../result/types.ts";
import type { MasqueradeBackend } from "../../rules/masquerade.ts";

const DEFAULT_BRIDGE = "cni0";
/** IEEE 802.1Q: 0 is "none", 4095 is reserved. */
const VLAN_LIMIT = 4094;
export interface BridgeConfig {
  readonly bridge: string;
  /** The bridge has the gateway's address. Implied by isDefaultGateway. */
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  /** Absent: nftables, and iptables on hosts that have no nftables. */
  readonly ipMasqBackend: MasqueradeBackend | undefined;
  readonly mtu: number | undefined;
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  /** VLAN of the port; 0 is none. */
  readonly vlan: number;
  /** VLANs the port carries tagged, ascending. */
  readonly trunk: readonly number[];
  readonly vlanFiltering: boolean;
  readonly preserveDefaultVlan: boolean;
  readonly macspoofchk: boolean;
  readonly enabledad: boolean;
  readonly disableContainerInterface: boolean;
  readonly portIsolation: boolean;
  readonly dns: Dns | undefined;
  /** MAC of the container's interface. */
  readonly mac: Mac | undefined;
  readonly ipam: string | undefined;
}

/** @throws CniError 6, 7, or 999 (CNI_ARGS) */
export function bridgeConfig(config: NetworkConfig, args: string): BridgeConfig {
  const { fields } = config;
  const isDefaultGateway = fields.boolean("isDefaultGateway") ?? false;
  const vlan = fields.integer("vlan") ?? 0;
  if (vlan < 0 || vlan > VLAN_LIMIT)
    throw invalidConfig(`invalid VLAN ID ${vlan} (must be between 0 and ${VLAN_LIMIT})`);
  const trunk = readTrunk(fields);
  const dns = configDns(config);
  const result: BridgeConfig = {
    bridge: bridgeName(fields),
    isGateway: isDefaultGateway || (fields.boolean("isGateway") ?? false),
    isDefaultGateway,
    forceAddress: fields.boolean("forceAddress") ?? false,
    ipMasq: fields.boolean("ipMasq") ?? false,
    ipMasqBackend: readMasqueradeBackend(fields),
    mtu: readMtu(fields),
    hairpinMode: fields.boolean("hairpinMode") ?? false,
    promiscMode: fields.boolean("promiscMode") ?? false,
    vlan,
    trunk,
    vlanFiltering: vlan !== 0 || fields.has("vlanTrunk"),
    preserveDefaultVlan: fields.boolean("preserveDefaultVlan") ?? false,
    macspoofchk: fields.boolean("macspoofchk") ?? false,
    enabledad: fields.boolean("enabledad") ?? false,
    disableContainerInterface: fields.boolean("disableContainerInterface") ?? false,
    portIsolation: fields.boolean("portIsolation") ?? false,
    dns: saysDns(dns) ? dns : undefined,
    mac: readMac(fields, args),
    ipam: fields.object("ipam")?.string("type") || undefined,
  };
  if (result.ipam !== undefined && result.disableContainerInterface) {
    throw invalidConfig("cannot use IPAM when DisableContainerInterface flag is set");
  }
  if (result.hairpinMode && result.promiscMode) {
    throw invalidConfig("cannot set hairpin mode and promiscuous mode at the same time");
  }
  return result;
}

function bridgeName(fields: Fields): string {
  const name = fields.string("bridge") || DEFAULT_BRIDGE;
  const problem = interfaceNameProblem(name);
  if (problem !== undefined) throw invalidConfig(`bridge is ${JSON.stringify(name)}: ${problem}`);
  return name;
}

/** From CNI_ARGS, `args.cni` or `runtimeConfig`; the later wins. */
function readMac(fields: Fields, args: string): Mac | undefined {
  return runtimeMac(fields) ?? fields.object("args")?.object("cni")?.mac("mac") ?? argumentMac(args);
}

function readTrunk(fields: Fields): number[] {
  const ids = new Set<number>();
  for (const item of fields.objects("vlanTrunk") ?? []) {
    const [min, max, id] = [item.integer("minID"), item.integer("maxID"), item.integer("id")];
    if (min !== undefined && max !== undefined) {
      if (!isVlan(min)) throw invalidConfig("incorrect trunk minID parameter");
      if (!isVlan(max)) throw invalidConfig("incorrect trunk maxID parameter");
      if (max < min) throw invalidConfig("minID is greater than maxID in trunk parameter");
      for (let vlan = min; vlan <= max; vlan++) ids.add(vlan);
    } else if (min !== undefined || max !== undefined) {
      const missing = min === undefined ? "minID" : "maxID";
      throw invalidConfig(`minID and maxID should be configured simultaneously, ${missing} is missing`);
    }
    if (id !== undefined) {
      if (!isVlan(id)) throw invalidConfig("incorrect trunk id parameter");
      ids.add(id);
    }
  }
  return [...ids].toSorted((a, b) => a - b);
}

function isVlan(id: number): boolean {
  return id > 0 && id <= VLAN_LIMIT;
}
