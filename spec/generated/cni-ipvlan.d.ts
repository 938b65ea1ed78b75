// Made from spec/schema/cni-ipvlan.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { IpamReference } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the ipvlan plugin. */
export interface IpvlanConf extends NetConf {
  /** Device below. Default: the one interface of the previous result, or that of the default route. */
  readonly master?: string;
  /** Layer at which interfaces are told apart. Default l2. */
  readonly mode?: "l2" | "l3" | "l3s";
  /** MTU of the interface in bytes, at most the master's. Default, and what 0 means: the master's. */
  readonly mtu?: number;
  /** The master is in the container. Default false: on the host. */
  readonly linkInContainer?: boolean;
  /** Detect duplicate IPv6 addresses, and wait for it. Default false. */
  readonly enabledad?: boolean;
  readonly ipam?: IpamReference;
}
