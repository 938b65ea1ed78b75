// Standard input of the host-device plugin. Schema: cni-host-device.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-host-device.js";
import type { HostDeviceConf } from "../generated/cni-host-device.js";

export type { HostDeviceConf } from "../generated/cni-host-device.js";

/** Of the host-device plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const hostDeviceConfContract: Contract<HostDeviceConf> = contractOf(generated, "ERR_CONFIG");
