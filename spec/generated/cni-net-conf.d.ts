// Made from spec/schema/cni-net-conf.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { CniAttachment, Dns } from "./cni-types.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** What every CNI plugin gets on standard input, and one entry of a configuration list. CNI 1.1.0 §1 and §3. */
export interface NetConf {
  /** Version of the CNI specification. Absent: 0.1.0. */
  readonly cniVersion?: string;
  /** Name of the network. */
  readonly name?: string;
  /** File name of the plugin's executable. */
  readonly type?: string;
  /** Which keys of runtimeConfig the plugin wants. */
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly dns?: Dns;
  /** Result of the plugin before, or the last one's for DEL and CHECK. Which schema it has, cniVersion says. */
  readonly prevResult?: Readonly<Record<string, unknown>>;
  /** GC: what is still in use. */
  readonly "cni.dev/valid-attachments"?: readonly CniAttachment[];
  /** GC: the same under the key that libcni misnames. */
  readonly "cni.dev/attachments"?: readonly CniAttachment[];
}
