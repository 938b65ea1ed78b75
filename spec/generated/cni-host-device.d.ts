// Made from spec/schema/cni-host-device.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { IpamReference } from "./cni-types.js";
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface HostDeviceRuntimeConfig {
  /** PCI address or auxiliary bus id; wins over everything else. */
  readonly deviceID?: string;
}

/** Standard input of the host-device plugin: one of device, hwaddr, kernelpath, pciBusID, or the runtime's deviceID. */
export interface HostDeviceConf extends NetConf {
  /** Name of the device on the host. */
  readonly device?: string;
  /** MAC of the device. */
  readonly hwaddr?: string;
  /** Directory of the device below /sys/devices/. */
  readonly kernelpath?: string;
  /** PCI address of the device, such as 0000:00:1f.6. */
  readonly pciBusID?: string;
  /** Detect duplicate IPv6 addresses, and wait for it. Default false. */
  readonly enabledad?: boolean;
  readonly ipam?: IpamReference;
  readonly runtimeConfig?: HostDeviceRuntimeConfig;
}
