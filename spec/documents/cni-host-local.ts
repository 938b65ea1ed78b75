// Standard input of the host-local IPAM plugin. Schema: cni-host-local.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-host-local.js";
import type { HostLocalConf } from "../generated/cni-host-local.js";

export type {
  HostLocalArgs,
  HostLocalConf,
  HostLocalIpam,
  HostLocalRuntimeConfig,
} from "../generated/cni-host-local.js";

/** Of the host-local plugin's standard input: its caller's whole configuration. */
export const hostLocalConfContract: Contract<HostLocalConf> = contractOf(generated, "ERR_CONFIG");
