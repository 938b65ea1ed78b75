// Standard input of the static plugin. Schema: cni-static.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-static.js";
import type { StaticConf } from "../generated/cni-static.js";

export type { StaticConf } from "../generated/cni-static.js";

/** Of the static plugin's standard input: its caller's whole configuration. */
export const staticConfContract: Contract<StaticConf> = contractOf(generated, "ERR_CONFIG");
