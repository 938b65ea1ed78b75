// Standard input of the vlan plugin. Schema: cni-vlan.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-vlan.js";
import type { VlanConf } from "../generated/cni-vlan.js";

export type { VlanConf } from "../generated/cni-vlan.js";

/** Of the vlan plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const vlanConfContract: Contract<VlanConf> = contractOf(generated, "ERR_CONFIG");
