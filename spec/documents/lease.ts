// Lease values and what backends publish in them. Schemas: lease.json, vxlan-data.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as lease } from "../generated/lease.js";
import type { LeaseDocument } from "../generated/lease.js";
import { contract as vxlanData } from "../generated/vxlan-data.js";
import type { VxlanData } from "../generated/vxlan-data.js";

export type { LeaseDocument } from "../generated/lease.js";
export type { VxlanData } from "../generated/vxlan-data.js";

/** Of the value of a lease key. */
export const leaseContract: Contract<LeaseDocument> = contractOf(lease, "ERR_LEASE_INVALID");

/** Of BackendData and BackendV6Data of a vxlan lease. */
export const vxlanDataContract: Contract<VxlanData> = contractOf(vxlanData, "ERR_LEASE_INVALID");
