// Made from spec/schema/subnet-env.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** The keys of subnet.env, as text, the way the file has them. */
export interface SubnetEnvDocument {
  /** The IPv4 network, or several separated by commas. */
  readonly FLANNEL_NETWORK?: string;
  /** First address of this host's IPv4 subnet, with its length. */
  readonly FLANNEL_SUBNET?: string;
  /** The IPv6 network, or several separated by commas. */
  readonly FLANNEL_IPV6_NETWORK?: string;
  /** First address of this host's IPv6 subnet, with its length. */
  readonly FLANNEL_IPV6_SUBNET?: string;
  /** MTU for containers in bytes. */
  readonly FLANNEL_MTU: string;
  /** true when the daemon masquerades, so that the bridge plugin need not. */
  readonly FLANNEL_IPMASQ: string;
}
