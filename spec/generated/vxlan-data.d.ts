// Made from spec/schema/vxlan-data.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** BackendData and BackendV6Data of a lease whose BackendType is vxlan. */
export interface VxlanData {
  /** The holder's VNI. Leases written by old releases of flannel lack it. */
  readonly VNI?: number;
  /** MAC address of the holder's VXLAN device. */
  readonly VtepMAC: string;
}
