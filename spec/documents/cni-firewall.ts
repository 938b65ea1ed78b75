// Standard input of the firewall plugin. Schema: cni-firewall.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-firewall.js";
import type { FirewallConf } from "../generated/cni-firewall.js";

export type { FirewallConf } from "../generated/cni-firewall.js";

/** Of the firewall plugin's standard input. */
export const firewallConfContract: Contract<FirewallConf> = contractOf(generated, "ERR_CONFIG");
