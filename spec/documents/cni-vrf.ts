// Standard input of the vrf plugin. Schema: cni-vrf.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-vrf.js";
import type { VrfConf } from "../generated/cni-vrf.js";

export type { VrfConf } from "../generated/cni-vrf.js";

/** Of the vrf plugin's standard input. */
export const vrfConfContract: Contract<VrfConf> = contractOf(generated, "ERR_CONFIG");
