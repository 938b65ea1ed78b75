// Made from spec/schema/cni-vlan.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { IpamReference } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the vlan plugin. */
export interface VlanConf extends NetConf {
  /** Device below. */
  readonly master: string;
  /** VLAN of the interface. Default 0: priority tags only. */
  readonly vlanId?: number;
  /** MTU of the interface in bytes, at most the master's. Default, and what 0 means: the master's. */
  readonly mtu?: number;
  /** The master is in the container. Default false: on the host. */
  readonly linkInContainer?: boolean;
  /** Detect duplicate IPv6 addresses, and wait for it. Default false. */
  readonly enabledad?: boolean;
  readonly ipam?: IpamReference;
}
