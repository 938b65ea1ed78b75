// Made from spec/schema/cni-conf-list.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** One plugin of a list; name and cniVersion come from the list. */
export interface ConfListEntry extends NetConf {
  /** File name of the plugin's executable. */
  readonly type: string;
}

/** A *.conflist file: the plugins of one network, in the order they are called. CNI 1.1.0 §1. */
export interface ConfList {
  /** Version of the CNI specification. Absent: 0.1.0. */
  readonly cniVersion?: string;
  /** More versions to choose from; the highest known one is taken. */
  readonly cniVersions?: readonly string[];
  /** Name of the network. */
  readonly name: string;
  /** Never call CHECK. */
  readonly disableCheck?: boolean | "true" | "false";
  /** Never call GC. */
  readonly disableGC?: boolean | "true" | "false";
  /** Ignore files in the folder named like the network. */
  readonly loadOnlyInlinedPlugins?: boolean | "true" | "false";
  /** Absent only where a folder named like the network holds the plugins. */
  readonly plugins?: readonly ConfListEntry[];
}
