// Standard input of the ptp plugin. Schema: cni-ptp.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-ptp.js";
import type { PtpConf } from "../generated/cni-ptp.js";

export type { PtpConf } from "../generated/cni-ptp.js";

/** Of the ptp plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const ptpConfContract: Contract<PtpConf> = contractOf(generated, "ERR_CONFIG");
