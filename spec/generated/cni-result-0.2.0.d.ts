// Made from spec/schema/cni-result-0.2.0.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { CniRoute, Dns } from "./cni-types.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface CniIpConfig020 {
  /** Address with the length of its network. */
  readonly ip: string;
  readonly gateway?: string;
  readonly routes?: readonly CniRoute[];
}

/** Result of ADD in versions 0.1.0 and 0.2.0: at most one address per family. */
export interface CniResult020 {
  readonly cniVersion?: string;
  readonly ip4?: CniIpConfig020;
  readonly ip6?: CniIpConfig020;
  readonly dns?: Dns;
}
