// The keys of subnet.env as an object of texts; spec/subnet-env.ts reads and writes the file. Schema: subnet-env.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/subnet-env.js";
import type { SubnetEnvDocument } from "../generated/subnet-env.js";

export type { SubnetEnvDocument } from "../generated/subnet-env.js";

/** Of the keys and values in subnet.env. */
export const subnetEnvContract: Contract<SubnetEnvDocument> = contractOf(generated, "ERR_SUBNET_ENV");
