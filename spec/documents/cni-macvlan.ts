// Standard input of the macvlan plugin. Schema: cni-macvlan.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-macvlan.js";
import type { MacvlanConf } from "../generated/cni-macvlan.js";

export type { MacvlanConf } from "../generated/cni-macvlan.js";

/** Of the macvlan plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const macvlanConfContract: Contract<MacvlanConf> = contractOf(generated, "ERR_CONFIG");
