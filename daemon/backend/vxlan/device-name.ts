// Names of the devices, and the other way round.
import type { Family } from "#kernel/ip/address";

/** IFNAMSIZ in linux/if.h, with the closing zero. */
const NAME_SIZE = 16;

/**
 * flannel's device names, which scripts and firewalls know. A VNI of five digits or more does not fit behind
 * `flannel-v6.` (flannel fails there), nor one of eight behind `flannel.`: those get a short form.
 */
export function deviceName(family: Family, vni: number): string {
  const name = `${family === 4 ? "flannel" : "flannel-v6"}.${vni}`;
  return name.length < NAME_SIZE ? name : `${family === 4 ? "fl" : "fl6"}.${vni}`;
}
