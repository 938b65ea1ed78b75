// Made from spec/schema/cni-firewall.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the firewall plugin. */
export interface FirewallConf extends NetConf {
  /** Absent: firewalld where it runs, iptables where its FORWARD chain is in use, nftables elsewhere. */
  readonly backend?: "nftables" | "iptables" | "firewalld";
  /** iptables: chain that the administrator's rules are in. Default CNI-ADMIN. */
  readonly iptablesAdminChainName?: string;
  /** firewalld: zone that containers' addresses become sources of. Default trusted. */
  readonly firewalldZone?: string;
  /** Which containers may reach those of the bridge: all, those of the bridge, none. Default open. */
  readonly ingressPolicy?: "open" | "same-bridge" | "isolated";
}
