// Standard input of the flannel plugin. Schema: cni-flannel.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-flannel.js";
import type { FlannelConf } from "../generated/cni-flannel.js";

export type { FlannelConf } from "../generated/cni-flannel.js";

/** Of the flannel plugin's standard input. */
export const flannelConfContract: Contract<FlannelConf> = contractOf(generated, "ERR_CONFIG");
