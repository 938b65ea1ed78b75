// The macvlan plugin's configuration.
import type { Mac } from "#kernel/ip/mac";
import type { MacvlanMode } from "#kernel/netlink/kind/macvlan";
import type { NetworkConfig } from "../../config.ts";
import { invalidConfig } from "../../error.ts";
import { argumentMac, readMasterOptions, runtimeMac, type MasterOptions } from "../../interface/options.ts";

const MODES: readonly MacvlanMode[] = ["bridge", "private", "vepa", "passthru"];
const U32_MAX = 0xffff_ffff;

export interface MacvlanConfig extends MasterOptions {
  readonly mode: MacvlanMode;
  readonly mac: Mac | undefined;
  /** Packets that may wait to be copied to all; absent: the kernel's 1000. */
  readonly broadcastQueueLength: number | undefined;
}

/** @throws CniError 6, 7, or 999 (CNI_ARGS) */
export function macvlanConfig(config: NetworkConfig, args: string): MacvlanConfig {
  const { fields } = config;
  const text = fields.string("mode") || "bridge";
  const mode = MODES.find((name) => name === text);
  if (mode === undefined)
    throw invalidConfig(`unknown macvlan mode: ${JSON.stringify(text)}`, `it is ${MODES.join(", ")}`);
  return {
    ...readMasterOptions(config),
    mode,
    // The later wins: the configuration, CNI_ARGS, the runtime.
    mac: runtimeMac(fields) ?? argumentMac(args) ?? fields.mac("mac"),
    broadcastQueueLength: fields.integer("bcqueuelen", { min: 0, max: U32_MAX }) || undefined,
  };
}
