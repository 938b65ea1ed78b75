// Made from spec/schema/cni-bandwidth.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Used when the configuration itself has none of these keys. */
export interface BandwidthEntry {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
  readonly shapedSubnets?: readonly string[];
  readonly unshapedSubnets?: readonly string[];
}

export interface BandwidthRuntimeConfig {
  /** Used when the configuration itself has none of these keys. */
  readonly bandwidth?: BandwidthEntry;
}

/** Standard input of the bandwidth plugin. Rates in bits per second, bursts in bits; ingress is towards the container. */
export interface BandwidthConf extends NetConf {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
  readonly shapedSubnets?: readonly string[];
  readonly unshapedSubnets?: readonly string[];
  readonly runtimeConfig?: BandwidthRuntimeConfig;
}
