// Made from spec/schema/cni-error.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** What a plugin prints on standard output when it fails. CNI 1.1.0 §5. */
export interface CniError {
  readonly cniVersion?: string;
  /** 1 to 11 and 50, 51 as in the specification, 999 for the rest. */
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}
