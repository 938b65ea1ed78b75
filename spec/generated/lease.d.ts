// Made from spec/schema/lease.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Value of a lease key in the store: who holds the subnet and how to reach it. The key itself names the subnet. */
export interface LeaseDocument {
  /** Where the host is reached over IPv4. Absent and 0.0.0.0: nowhere. */
  readonly PublicIP?: string;
  /** Where the host is reached over IPv6. Written as null when there is none. */
  readonly PublicIPv6?: string;
  /** The holder's backend. Absent for udp and alloc. */
  readonly BackendType?: string;
  /** What the backend of peers must know for IPv4. */
  readonly BackendData?: unknown;
  /** What the backend of peers must know for IPv6. */
  readonly BackendV6Data?: unknown;
  /** Loden's: identity of the holder that outlives its addresses. flannel ignores it. */
  readonly NodeID?: string;
  /** Loden's: grows each time the holder takes the lease anew. flannel ignores it. */
  readonly Epoch?: number;
  /** Loden's: which of PublicIP and PublicIPv6 the holder has no more, while it cannot tell another since another node has that. flannel ignores it. */
  readonly Vacated?: readonly string[];
}
