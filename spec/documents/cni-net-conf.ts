// What every CNI plugin reads from standard input. Schema: cni-net-conf.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-net-conf.js";
import type { NetConf } from "../generated/cni-net-conf.js";

export type { CniAttachment, CniInterface, CniRoute, Dns, IpamRange, PortMapping } from "../generated/cni-types.js";
export type { NetConf } from "../generated/cni-net-conf.js";

/** Of any plugin's standard input, without its own options. */
export const netConfContract: Contract<NetConf> = contractOf(generated, "ERR_CONFIG");
