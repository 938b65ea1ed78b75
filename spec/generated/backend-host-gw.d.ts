// Made from spec/schema/backend-host-gw.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Backend options of type host-gw: none. Peers are routed to directly, so all hosts must share a link. */
export interface HostGwOptions {
  readonly Type?: string;
}
