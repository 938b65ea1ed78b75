// Standard input of the tap plugin. Schema: cni-tap.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-tap.js";
import type { TapConf } from "../generated/cni-tap.js";

export type { TapConf } from "../generated/cni-tap.js";

/** Of the tap plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const tapConfContract: Contract<TapConf> = contractOf(generated, "ERR_CONFIG");
