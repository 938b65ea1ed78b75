// Made from spec/schema/cni-result-0.4.0.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { CniInterface, CniRoute, Dns } from "./cni-types.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface CniIpConfig040 {
  /** Family of the address. */
  readonly version?: "4" | "6";
  /** Index into interfaces. */
  readonly interface?: number;
  /** Address with the length of its network. */
  readonly address: string;
  readonly gateway?: string;
}

/** Result of ADD in versions 0.3.0, 0.3.1 and 0.4.0. */
export interface CniResult040 {
  readonly cniVersion?: string;
  readonly interfaces?: readonly CniInterface[];
  readonly ips?: readonly CniIpConfig040[];
  readonly routes?: readonly CniRoute[];
  readonly dns?: Dns;
}
