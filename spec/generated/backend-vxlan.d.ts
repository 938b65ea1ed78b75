// Made from spec/schema/backend-vxlan.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Backend options of type vxlan. Every host must have the same. */
export interface VxlanOptions {
  readonly Type?: string;
  /** VXLAN network identifier, 24 bits (RFC 7348 §5). Default 1; the device is named flannel.<VNI>. */
  readonly VNI?: number;
  /** UDP port of the encapsulated traffic. Default 0: the kernel's, 8472. */
  readonly Port?: number;
  /** MTU of the underlay in bytes; the device gets less by the encapsulation. Default, and what 0 means: the MTU of the host's interface. */
  readonly MTU?: number;
  /** Carry the group policy extension (the packet mark) between hosts. Default false. */
  readonly GBP?: boolean;
  /** Let the kernel learn FDB entries from traffic. Default false: Loden programs them. */
  readonly Learning?: boolean;
  /** Route without encapsulation to hosts on the same link. Default false. */
  readonly DirectRouting?: boolean;
  /** First two octets of every VXLAN device's MAC address. Default: drawn from the node's identity. */
  readonly MacPrefix?: string;
}
