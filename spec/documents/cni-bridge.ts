// Standard input of the bridge plugin. Schema: cni-bridge.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-bridge.js";
import type { BridgeConf } from "../generated/cni-bridge.js";

export type { BridgeArgs, BridgeConf, BridgeRuntimeConfig, IpamReference, VlanTrunk } from "../generated/cni-bridge.js";

/** Of the bridge plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const bridgeConfContract: Contract<BridgeConf> = contractOf(generated, "ERR_CONFIG");
