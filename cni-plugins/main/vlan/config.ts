// The vlan plugin's configuration.
import type { NetworkConfig } from "../../config.ts";
import { invalidConfig } from "../../error.ts";
import { readMasterOptions, type MasterOptions } from "../../interface/options.ts";

/** IEEE 802.1Q: 4095 is reserved. */
const VLAN_LIMIT = 4094;

export interface VlanConfig extends MasterOptions {
  readonly master: string;
  readonly id: number;
}

/** @throws CniError 6 or 7 */
export function vlanConfig(config: NetworkConfig): VlanConfig {
  const options = readMasterOptions(config);
  const { master } = options;
  if (master === undefined) {
    throw invalidConfig(`"master" field is required. It specifies the host interface name to create the VLAN for.`);
  }
  const id = config.fields.integer("vlanId") ?? 0;
  if (id < 0 || id > VLAN_LIMIT) {
    throw invalidConfig(`invalid VLAN ID ${id} (must be between 0 and ${VLAN_LIMIT} inclusive)`);
  }
  return { ...options, master, id };
}
