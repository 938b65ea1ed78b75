// Made from spec/schema/cni-dummy.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { IpamReference } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the dummy plugin. */
export interface DummyConf extends NetConf {
  /** MTU of the interface in bytes. Default, and what 0 means: the kernel's. */
  readonly mtu?: number;
  /** Detect duplicate IPv6 addresses, and wait for it. Default false. */
  readonly enabledad?: boolean;
  readonly ipam: IpamReference;
}
