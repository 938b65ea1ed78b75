// What a vxlan node tells its peers: the lease's BackendData and BackendV6Data, `{"VNI":1,"VtepMAC":"96:59:…"}` as
// flannel writes it (spec/kv.md). VNI is optional on the way in: flannel did not always write it, and no Linux reader
// uses it.
import type { Family } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { LodenError } from "#spec/errors";
import type { Lease } from "../../lease/types.ts";

export interface VxlanData {
  readonly VNI: number;
  readonly VtepMAC: string;
}

/**
 * The MAC that a peer's lease names for a family.
 * @throws LodenError ERR_LEASE_INVALID naming the field
 */
export function peerMac(lease: Lease, family: Family): Mac {
  const field = family === 4 ? "BackendData" : "BackendV6Data";
  const data = lease.backendData[family];
  const written = fieldOf(data, "vtepmac");
  const mac = typeof written === "string" ? Mac.tryParse(written) : undefined;
  if (mac === undefined) {
    throw invalid(lease, `${field}.VtepMAC is ${shown(written)}, not a MAC address like 96:59:b2:3f:04:ee`);
  }
  const [first] = mac.toBytes();
  if (mac.toBytes().every((octet) => octet === 0)) {
    throw invalid(lease, `${field}.VtepMAC is all zero, which would send it every unknown frame`);
  }
  if (((first ?? 0) & 1) !== 0) throw invalid(lease, `${field}.VtepMAC ${mac.toString()} is a multicast address`);
  return mac;
}

/** The VNI that a peer's lease names for a family; undefined where it names none, as leases of old flannels do. */
export function peerVni(lease: Lease, family: Family): number | undefined {
  const written = fieldOf(lease.backendData[family], "vni");
  return typeof written === "number" ? written : undefined;
}

/** @param field in lower case: Go matches names in any case, and the last one wins */
function fieldOf(data: unknown, field: string): unknown {
  let found: unknown;
  if (typeof data !== "object" || data === null) return found;
  for (const [name, value] of Object.entries(data)) if (name.toLowerCase() === field) found = value as unknown;
  return found;
}

function invalid(lease: Lease, reason: string): LodenError {
  return new LodenError(
    "ERR_LEASE_INVALID",
    `lease ${lease.key}: ${reason}; its node cannot be reached over vxlan until it writes its lease anew`,
    { fields: { lease: lease.key } },
  );
}

function shown(value: unknown): string {
  return value === undefined ? "absent" : (JSON.stringify(value) ?? "absent").slice(0, 64);
}
