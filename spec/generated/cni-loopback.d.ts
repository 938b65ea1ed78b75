// Made from spec/schema/cni-loopback.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the loopback plugin, which has no options of its own. */
export interface LoopbackConf extends NetConf {
}
