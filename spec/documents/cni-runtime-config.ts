// runtimeConfig with the well-known capabilities. Schema: cni-runtime-config.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/cni-runtime-config.js";
import type { RuntimeConfig } from "../generated/cni-runtime-config.js";

export type { Bandwidth, RuntimeConfig, RuntimeDns } from "../generated/cni-runtime-config.js";

/** Of all well-known keys of runtimeConfig. */
export const runtimeConfigContract: Contract<RuntimeConfig> = contractOf(generated, "ERR_CONFIG");
