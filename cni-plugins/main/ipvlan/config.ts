// The ipvlan plugin's configuration.
import type { IpvlanMode } from "#kernel/netlink/kind/ipvlan";
import { previousResult, type NetworkConfig } from "../../config.ts";
import { failure, invalidConfig } from "../../error.ts";
import { readMasterOptions, type MasterOptions } from "../../interface/options.ts";
import type { Result } from "../../result/types.ts";

const MODES: readonly IpvlanMode[] = ["l2", "l3", "l3s"];

export interface IpvlanConfig extends MasterOptions {
  readonly mode: IpvlanMode;
}

/** @throws CniError 6 or 7 */
export function ipvlanConfig(config: NetworkConfig): IpvlanConfig {
  const options = readMasterOptions(config);
  const text = config.fields.string("mode") || "l2";
  const mode = MODES.find((name) => name === text);
  if (mode === undefined)
    throw invalidConfig(`unknown ipvlan mode: ${JSON.stringify(text)}`, `it is ${MODES.join(", ")}`);
  return { ...options, mode };
}

/** The addresses of the plugin before, where there is no IPAM of one's own. */
export function chainedAddresses(config: NetworkConfig, { ipam }: IpvlanConfig): Result | undefined {
  const previous = ipam === undefined ? previousResult(config) : undefined;
  return previous !== undefined && previous.ips.length > 0 ? previous : undefined;
}

/** Chained, the interface of the plugin before is the master unless one is named. @throws CniError 999 */
export function chainedMaster(config: NetworkConfig, { master }: IpvlanConfig): string | undefined {
  const previous = previousResult(config);
  if (master !== undefined || previous === undefined) return master;
  const [first, ...others] = previous.interfaces;
  if (first !== undefined && first.name !== "" && others.length === 0) return first.name;
  throw failure("chained master failure. PrevResult lacks a single named interface");
}
