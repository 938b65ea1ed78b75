// Made from spec/schema/cni-macvlan.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { IpamReference, RuntimeMac } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the macvlan plugin. */
export interface MacvlanConf extends NetConf {
  /** Device below. Default: the interface of the default route. */
  readonly master?: string;
  /** Who may reach whom among the macvlans of a master. Default bridge. */
  readonly mode?: "bridge" | "private" | "vepa" | "passthru";
  /** MTU of the interface in bytes, at most the master's. Default, and what 0 means: the master's. */
  readonly mtu?: number;
  /** MAC of the interface. Default: the kernel's choice. */
  readonly mac?: string;
  /** The master is in the container. Default false: on the host. */
  readonly linkInContainer?: boolean;
  /** Packets that may wait to be copied to all macvlans. Default, and what 0 means: the kernel's 1000. */
  readonly bcqueuelen?: number;
  /** Detect duplicate IPv6 addresses, and wait for it. Default false. */
  readonly enabledad?: boolean;
  readonly ipam?: IpamReference;
  readonly runtimeConfig?: RuntimeMac;
}
