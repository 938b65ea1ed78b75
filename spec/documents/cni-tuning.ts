// Standard input of the tuning plugin. Schema: cni-tuning.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-tuning.js";
import type { TuningConf } from "../generated/cni-tuning.js";

export type { TuningConf } from "../generated/cni-tuning.js";

/** Of the tuning plugin's standard input. */
export const tuningConfContract: Contract<TuningConf> = contractOf(generated, "ERR_CONFIG");
