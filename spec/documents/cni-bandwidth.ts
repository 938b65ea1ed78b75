// Standard input of the bandwidth plugin. Schema: cni-bandwidth.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-bandwidth.js";
import type { BandwidthConf } from "../generated/cni-bandwidth.js";

export type { BandwidthConf, BandwidthEntry, BandwidthRuntimeConfig } from "../generated/cni-bandwidth.js";

/** Of the bandwidth plugin's standard input. */
export const bandwidthConfContract: Contract<BandwidthConf> = contractOf(generated, "ERR_CONFIG");
