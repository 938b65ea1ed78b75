// Made from spec/schema/backend-udp.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** Backend options of type udp. Every host must have the same Port. */
export interface UdpOptions {
  readonly Type?: string;
  /** UDP port of the encapsulated traffic. Default, and what 0 means: 8285. */
  readonly Port?: number;
  /** Who carries the packets: BPF programs in the kernel, or a thread of the daemon behind a TUN device. Default auto: the kernel where it can. */
  readonly Datapath?: "auto" | "kernel" | "userspace";
}
