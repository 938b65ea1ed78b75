// The error a CNI plugin prints. Schema: cni-error.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-error.js";
import type { CniError } from "../generated/cni-error.js";

export type { CniError } from "../generated/cni-error.js";

/** Of what a failing plugin prints on standard output. */
export const cniErrorContract: Contract<CniError> = contractOf(generated, "ERR_CNI");
