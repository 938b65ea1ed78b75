// Made from spec/schema/cni-host-local.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { CniRoute, IpamRange } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface HostLocalIpam {
  readonly type?: string;
  readonly ranges?: readonly (readonly IpamRange[])[];
  /** Old form of one range; goes before ranges. */
  readonly subnet?: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
  /** Passed on into the result. */
  readonly routes?: readonly CniRoute[];
  /** Default /var/lib/cni/networks. */
  readonly dataDir?: string;
  /** Loden's: free what was reserved before the machine was started last. Default true. */
  readonly reclaimOnReboot?: boolean;
  /** File in the form of resolv.conf(5) that gives the result's dns. */
  readonly resolvConf?: string;
}

export interface HostLocalCniArgs {
  /** Addresses asked for; a prefix length is ignored. */
  readonly ips?: readonly string[];
}

export interface HostLocalArgs {
  readonly cni?: HostLocalCniArgs;
}

export interface HostLocalRuntimeConfig {
  /** Addresses asked for; a prefix length is ignored. */
  readonly ips?: readonly string[];
  /** Go before ipam.ranges. */
  readonly ipRanges?: readonly (readonly IpamRange[])[];
}

/** Standard input of the host-local plugin: the configuration of the plugin that called it. */
export interface HostLocalConf extends NetConf {
  readonly ipam: HostLocalIpam;
  readonly args?: HostLocalArgs;
  readonly runtimeConfig?: HostLocalRuntimeConfig;
}
