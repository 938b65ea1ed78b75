// Standard input of the dhcp plugin. Schema: cni-dhcp.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-dhcp.js";
import type { DhcpConf } from "../generated/cni-dhcp.js";

export type { DhcpConf } from "../generated/cni-dhcp.js";

/** Of the dhcp plugin's standard input: its caller's whole configuration. */
export const dhcpConfContract: Contract<DhcpConf> = contractOf(generated, "ERR_CONFIG");
