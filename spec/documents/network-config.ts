// The network configuration as the store or net-conf.json has it, before defaults. Schema: network-config.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/network-config.js";
import type { NetworkConfigDocument } from "../generated/network-config.js";

export type { BackendDocument, NetworkConfigDocument } from "../generated/network-config.js";

/** Of `<prefix>/config`. */
export const networkConfigContract: Contract<NetworkConfigDocument> = contractOf(generated, "ERR_CONFIG");
