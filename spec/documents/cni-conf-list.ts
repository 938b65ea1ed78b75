// CNI configuration lists (*.conflist). Schema: cni-conf-list.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-conf-list.js";
import type { ConfList } from "../generated/cni-conf-list.js";

export type { ConfList, ConfListEntry } from "../generated/cni-conf-list.js";

/** Of a configuration list. */
export const confListContract: Contract<ConfList> = contractOf(generated, "ERR_CONFIG");
