// vrf's configuration.
import type { NetworkConfig } from "../../config.ts";
import { invalidConfig } from "../../error.ts";
import { readInterfaceName } from "../../interface/options.ts";

export interface VrfConfig {
  readonly vrfname: string;
  /** Undefined: one that no VRF of the container has. */
  readonly table: number | undefined;
}

/** @throws CniError 6 or 7 */
export function vrfConfig({ fields }: NetworkConfig): VrfConfig {
  const vrfname = readInterfaceName(fields, "vrfname");
  if (vrfname === undefined) {
    throw invalidConfig("configuration is expected to have a valid vrf name", "vrfname is missing or empty");
  }
  return { vrfname, table: fields.integer("table", { min: 0, max: 0xffff_ffff }) || undefined };
}
