// Made from spec/schema/backend-alloc.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Backend options of type alloc: none. Subnets are leased and nothing is programmed. */
export interface AllocOptions {
  readonly Type?: string;
}
