// Standard input of the dummy plugin. Schema: cni-dummy.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-dummy.js";
import type { DummyConf } from "../generated/cni-dummy.js";

export type { DummyConf } from "../generated/cni-dummy.js";

/** Of the dummy plugin's standard input; the ipam section is checked by the IPAM plugin. */
export const dummyConfContract: Contract<DummyConf> = contractOf(generated, "ERR_CONFIG");
