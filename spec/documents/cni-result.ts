// Results of ADD, one form for each group of CNI versions; prevResult has the form that cniVersion names.
// Schemas: cni-result-0.2.0.json, cni-result-0.4.0.json, cni-result-1.1.0.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as result020 } from "../generated/cni-result-0.2.0.js";
import type { CniResult020 } from "../generated/cni-result-0.2.0.js";
import { contract as result040 } from "../generated/cni-result-0.4.0.js";
import type { CniResult040 } from "../generated/cni-result-0.4.0.js";
import { contract as result110 } from "../generated/cni-result-1.1.0.js";
import type { CniResult110 } from "../generated/cni-result-1.1.0.js";

export type { CniIpConfig020, CniResult020 } from "../generated/cni-result-0.2.0.js";
export type { CniIpConfig040, CniResult040 } from "../generated/cni-result-0.4.0.js";
export type { CniInterface110, CniIpConfig110, CniResult110 } from "../generated/cni-result-1.1.0.js";

/** Of versions 0.1.0 and 0.2.0. */
export const cniResult020Contract: Contract<CniResult020> = contractOf(result020, "ERR_CONFIG");

/** Of versions 0.3.0, 0.3.1 and 0.4.0. */
export const cniResult040Contract: Contract<CniResult040> = contractOf(result040, "ERR_CONFIG");

/** Of versions 1.0.0 and 1.1.0. */
export const cniResult110Contract: Contract<CniResult110> = contractOf(result110, "ERR_CONFIG");
