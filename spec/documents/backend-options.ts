// Options of the backends inside the network configuration. Schemas: backend-<type>.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as vxlan } from "../generated/backend-vxlan.js";
import type { VxlanOptions } from "../generated/backend-vxlan.js";
import { contract as hostGw } from "../generated/backend-host-gw.js";
import type { HostGwOptions } from "../generated/backend-host-gw.js";
import { contract as alloc } from "../generated/backend-alloc.js";
import type { AllocOptions } from "../generated/backend-alloc.js";
import { contract as extension } from "../generated/backend-extension.js";
import type { ExtensionOptions } from "../generated/backend-extension.js";
import { contract as udp } from "../generated/backend-udp.js";
import type { UdpOptions } from "../generated/backend-udp.js";

export type { VxlanOptions } from "../generated/backend-vxlan.js";
export type { HostGwOptions } from "../generated/backend-host-gw.js";
export type { AllocOptions } from "../generated/backend-alloc.js";
export type { ExtensionOptions } from "../generated/backend-extension.js";
export type { UdpOptions } from "../generated/backend-udp.js";

/** Of Backend with Type vxlan. */
export const vxlanOptionsContract: Contract<VxlanOptions> = contractOf(vxlan, "ERR_BACKEND");

/** Of Backend with Type host-gw. */
export const hostGwOptionsContract: Contract<HostGwOptions> = contractOf(hostGw, "ERR_BACKEND");

/** Of Backend with Type alloc. */
export const allocOptionsContract: Contract<AllocOptions> = contractOf(alloc, "ERR_BACKEND");

/** Of Backend with Type extension. */
export const extensionOptionsContract: Contract<ExtensionOptions> = contractOf(extension, "ERR_BACKEND");

/** Of Backend with Type udp. */
export const udpOptionsContract: Contract<UdpOptions> = contractOf(udp, "ERR_BACKEND");
