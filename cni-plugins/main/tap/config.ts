// The tap plugin's configuration.
import type { Mac } from "#kernel/ip/mac";
import type { NetworkConfig } from "../../config.ts";
import {
  argumentMac,
  readInterfaceName,
  readInterfaceOptions,
  readMtu,
  runtimeMac,
  type InterfaceOptions,
} from "../../interface/options.ts";

/** uid_t and gid_t, but for -1, which is nobody's. */
const ID_BOUNDS = { min: 0, max: 0xffff_fffe } as const;

export interface TapConfig extends InterfaceOptions {
  readonly mtu: number | undefined;
  readonly multiQueue: boolean;
  readonly mac: Mac | undefined;
  /** User and group that may attach to the device; absent: whoever has CAP_NET_ADMIN. */
  readonly owner: number | undefined;
  readonly group: number | undefined;
  /** Label that the device is made with. */
  readonly selinuxContext: string | undefined;
  /** A bridge in the container that the device becomes a port of. */
  readonly bridge: string | undefined;
}

/** @throws CniError 6, 7, or 999 (CNI_ARGS) */
export function tapConfig(config: NetworkConfig, args: string): TapConfig {
  const { fields } = config;
  return {
    ...readInterfaceOptions(config),
    mtu: readMtu(fields),
    multiQueue: fields.boolean("multiQueue") ?? false,
    // The later wins: the configuration, CNI_ARGS, the runtime.
    mac: runtimeMac(fields) ?? argumentMac(args) ?? fields.mac("mac"),
    owner: fields.integer("owner", ID_BOUNDS),
    group: fields.integer("group", ID_BOUNDS),
    selinuxContext: fields.string("selinuxContext") || undefined,
    bridge: readInterfaceName(fields, "bridge"),
  };
}
