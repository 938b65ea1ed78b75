// Standard input of the ipvlan plugin. Schema: cni-ipvlan.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-ipvlan.js";
import type { IpvlanConf } from "../generated/cni-ipvlan.js";

export type { IpvlanConf } from "../generated/cni-ipvlan.js";

/** Of the ipvlan plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const ipvlanConfContract: Contract<IpvlanConf> = contractOf(generated, "ERR_CONFIG");
