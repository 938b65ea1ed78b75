// Standard input of the sbr plugin. Schema: cni-sbr.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-sbr.js";
import type { SbrConf } from "../generated/cni-sbr.js";

export type { SbrConf } from "../generated/cni-sbr.js";

/** Of the sbr plugin's standard input. */
export const sbrConfContract: Contract<SbrConf> = contractOf(generated, "ERR_CONFIG");
