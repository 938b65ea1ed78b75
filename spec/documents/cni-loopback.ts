// Standard input of the loopback plugin. Schema: cni-loopback.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-loopback.js";
import type { LoopbackConf } from "../generated/cni-loopback.js";

export type { LoopbackConf } from "../generated/cni-loopback.js";

/** Of the loopback plugin's standard input. */
export const loopbackConfContract: Contract<LoopbackConf> = contractOf(generated, "ERR_CONFIG");
