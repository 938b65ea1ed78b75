// The leases that the DHCP daemon keeps in a file. Schema: dhcp-leases.json.
import { contractOf, type Contract } from "../validate.ts";
import { contract as generated } from "../generated/dhcp-leases.js";
import type { DhcpLeases } from "../generated/dhcp-leases.js";

export type { DhcpLeases } from "../generated/dhcp-leases.js";

/** Of the file `<socket>.leases`. */
export const dhcpLeasesContract: Contract<DhcpLeases> = contractOf(generated, "ERR_CONFIG");
