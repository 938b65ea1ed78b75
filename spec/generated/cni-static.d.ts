// Made from spec/schema/cni-static.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { CniRoute, Dns } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface StaticAddress {
  /** Address with prefix length. */
  readonly address: string;
  /** Gateway of its network. */
  readonly gateway?: string;
}

export interface StaticIpam {
  readonly type?: string;
  /** Addresses of every attachment. */
  readonly addresses?: readonly StaticAddress[];
  /** Passed on into the result. */
  readonly routes?: readonly CniRoute[];
  /** Passed on into the result. */
  readonly dns?: Dns;
}

export interface StaticCniArgs {
  /** Take the place of the configuration's and CNI_ARGS'. */
  readonly ips?: readonly string[];
}

export interface StaticArgs {
  readonly cni?: StaticCniArgs;
}

export interface StaticRuntimeConfig {
  /** Take the place of all others. */
  readonly ips?: readonly string[];
}

/** Standard input of the static plugin: the configuration of the plugin that called it. */
export interface StaticConf extends NetConf {
  readonly ipam: StaticIpam;
  readonly args?: StaticArgs;
  readonly runtimeConfig?: StaticRuntimeConfig;
}
