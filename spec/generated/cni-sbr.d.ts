// Made from spec/schema/cni-sbr.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the sbr plugin. */
export interface SbrConf extends NetConf {
  /** Table that the rules lead to; its routes are somebody else's. Absent: a free one for each address, which gets the interface's routes. */
  readonly table?: number;
  /** Gateways in the place of the previous result's, at most one of each family. */
  readonly gateways?: readonly string[];
  /** Leave subnet routes in the main table, with the address as their source. Default false. */
  readonly addSourceHints?: boolean;
}
