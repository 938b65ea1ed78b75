// Made from spec/schema/cni-tap.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { IpamReference, RuntimeMac } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the tap plugin. */
export interface TapConf extends NetConf {
  /** Several programs, or threads of one, may each have a queue. Default false. */
  readonly multiQueue?: boolean;
  /** MTU of the interface in bytes. Default, and what 0 means: the kernel's. */
  readonly mtu?: number;
  /** MAC of the interface. Default: the kernel's choice. */
  readonly mac?: string;
  /** User id that may attach to the device. Default: whoever has CAP_NET_ADMIN. */
  readonly owner?: number;
  /** Group id that may attach to the device. */
  readonly group?: number;
  /** SELinux label that the device is made with. */
  readonly selinuxContext?: string;
  /** Bridge in the container that the device becomes a port of. */
  readonly bridge?: string;
  /** Detect duplicate IPv6 addresses, and wait for it. Default false. */
  readonly enabledad?: boolean;
  readonly ipam?: IpamReference;
  readonly runtimeConfig?: RuntimeMac;
}
