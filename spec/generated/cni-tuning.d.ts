// Made from spec/schema/cni-tuning.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Wins over the rest. */
export interface TuningCniArgs {
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly mac?: string;
  readonly promisc?: boolean;
  readonly mtu?: number;
  readonly allmulti?: boolean;
  readonly txQLen?: number;
}

export interface TuningArgs {
  /** Wins over the rest. */
  readonly cni?: TuningCniArgs;
}

export interface TuningRuntimeConfig {
  readonly mac?: string;
}

/** Standard input of the tuning plugin. */
export interface TuningConf extends NetConf {
  readonly sysctl?: Readonly<Record<string, string>>;
  /** MAC of the interface. */
  readonly mac?: string;
  /** Promiscuous mode. Default, and what false means: as it is. */
  readonly promisc?: boolean;
  /** MTU in bytes. Default, and what 0 means: as it is. */
  readonly mtu?: number;
  /** All-multicast mode. Default: as it is. */
  readonly allmulti?: boolean;
  /** Length of the transmit queue. Default: as it is. */
  readonly txQLen?: number;
  /** Where what was before is kept. Default /run/cni/tuning. */
  readonly dataDir?: string;
  readonly args?: TuningArgs;
  readonly runtimeConfig?: TuningRuntimeConfig;
}
