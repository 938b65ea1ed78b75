// Made from spec/schema/cni-result-1.1.0.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { CniInterface, CniRoute, Dns } from "./cni-types.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** An interface that the attachment made, on the host or in the sandbox. */
export interface CniInterface110 extends CniInterface {
  readonly mtu?: number;
  /** Of an interface that is a socket. */
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface CniIpConfig110 {
  /** Index into interfaces. */
  readonly interface?: number;
  /** Address with the length of its network. */
  readonly address: string;
  readonly gateway?: string;
}

/** Result of ADD in versions 1.0.0 and 1.1.0. */
export interface CniResult110 {
  readonly cniVersion?: string;
  readonly interfaces?: readonly CniInterface110[];
  readonly ips?: readonly CniIpConfig110[];
  readonly routes?: readonly CniRoute[];
  readonly dns?: Dns;
}
