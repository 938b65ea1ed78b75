// Made from spec/schema/cni-portmap.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { PortMapping } from "./cni-types.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface PortmapRuntimeConfig {
  readonly portMappings?: readonly PortMapping[];
}

/** Standard input of the portmap plugin. */
export interface PortmapConf extends NetConf {
  /** What translates. Absent: nftables; iptables where there is none, or where other options need it. */
  readonly backend?: "nftables" | "iptables";
  /** Masquerade what the container's own network and the host send to mapped ports. Default true. */
  readonly snat?: boolean;
  /** Masquerade whatever is sent to mapped ports. Default false. */
  readonly masqAll?: boolean;
  /** iptables: bit of the packet mark that means masquerade. Default 13. */
  readonly markMasqBit?: number;
  /** iptables: chain of somebody else's that marks for masquerading; excludes markMasqBit. */
  readonly externalSetMarkChain?: string;
  /** What IPv4 packets must be besides, as words of nft(8) or iptables(8). */
  readonly conditionsV4?: readonly string[];
  /** What IPv6 packets must be besides, as words of nft(8) or ip6tables(8). */
  readonly conditionsV6?: readonly string[];
  readonly runtimeConfig?: PortmapRuntimeConfig;
}
