// Made from spec/schema/cni-flannel.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Standard input of the flannel plugin. delegate, ipam and runtimeConfig go to the delegate as they are: their keys keep their case. */
export interface FlannelConf extends NetConf {
  /** Default /run/flannel/subnet.env. */
  readonly subnetFile?: string;
  /** Where the delegates' configurations are kept. Default /var/lib/cni/flannel. */
  readonly dataDir?: string;
  /** Configuration of the delegate, without name and ipam. Default: bridge. */
  readonly delegate?: Readonly<Record<string, unknown>>;
  /** More options for the delegate's IPAM; ranges are set by flannel. */
  readonly ipam?: Readonly<Record<string, unknown>>;
  /** Passed on to the delegate. */
  readonly runtimeConfig?: Readonly<Record<string, unknown>>;
}
