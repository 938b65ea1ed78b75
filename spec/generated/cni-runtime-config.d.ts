// Made from spec/schema/cni-runtime-config.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { IpamRange, PortMapping } from "./cni-types.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Rates in bits per second, bursts in bits; ingress is towards the container. */
export interface Bandwidth {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

export interface RuntimeDns {
  readonly servers?: readonly string[];
  readonly searches?: readonly string[];
  readonly options?: readonly string[];
}

/** runtimeConfig as runtimes fill it in: the well-known capabilities of the CNI conventions. containerd spells the inner keys with capitals. */
export interface RuntimeConfig {
  readonly portMappings?: readonly PortMapping[];
  /** Rates in bits per second, bursts in bits; ingress is towards the container. */
  readonly bandwidth?: Bandwidth;
  readonly ipRanges?: readonly (readonly IpamRange[])[];
  readonly ips?: readonly string[];
  readonly mac?: string;
  readonly dns?: RuntimeDns;
  readonly infinibandGUID?: string;
  /** PCI address or auxiliary bus id. */
  readonly deviceID?: string;
  readonly aliases?: readonly string[];
  readonly cgroupPath?: string;
}
