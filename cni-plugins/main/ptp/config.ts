// The ptp plugin's configuration.
import type { NetworkConfig } from "../../config.ts";
import { invalidConfig } from "../../error.ts";
import {
  readInterfaceOptions,
  readMasqueradeBackend,
  readMtu,
  type InterfaceOptions,
} from "../../interface/options.ts";
import type { MasqueradeBackend } from "../../rules/masquerade.ts";

export interface PtpConfig extends InterfaceOptions {
  readonly ipam: string;
  readonly mtu: number | undefined;
  readonly ipMasq: boolean;
  /** Absent: nftables, and iptables on hosts that have no nftables. */
  readonly ipMasqBackend: MasqueradeBackend | undefined;
}

/** @throws CniError 6 or 7 */
export function ptpConfig(config: NetworkConfig): PtpConfig {
  const options = readInterfaceOptions(config);
  const ipMasq = config.fields.boolean("ipMasq") ?? false;
  const ipMasqBackend = readMasqueradeBackend(config.fields);
  const { ipam } = options;
  if (ipam === undefined) throw invalidConfig("ptp needs an IPAM plugin: ipam.type is empty");
  return { ...options, mtu: readMtu(config.fields), ipam, ipMasq, ipMasqBackend };
}
