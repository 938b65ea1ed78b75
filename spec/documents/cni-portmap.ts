// Standard input of the portmap plugin. Schema: cni-portmap.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-portmap.js";
import type { PortmapConf } from "../generated/cni-portmap.js";

export type { PortmapConf, PortmapRuntimeConfig } from "../generated/cni-portmap.js";

/** Of the portmap plugin's standard input. */
export const portmapConfContract: Contract<PortmapConf> = contractOf(generated, "ERR_CONFIG");
