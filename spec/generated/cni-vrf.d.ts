// Made from spec/schema/cni-vrf.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the vrf plugin. */
export interface VrfConf extends NetConf {
  /** Name of the VRF in the container. */
  readonly vrfname: string;
  /** Routing table of the VRF. Absent and 0: a free one. */
  readonly table?: number;
}
