// Made from spec/schema/network-config.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** How traffic travels between hosts. Without this key the type is udp, as in flannel. The other keys are the backend's own: backend-<type>.json. */
export interface BackendDocument {
  /** Name of the backend, in any case. */
  readonly Type?: string;
}

/** The network all hosts share: the value of <prefix>/config in the store, or net-conf.json. Defaults are filled in by daemon/lease. */
export interface NetworkConfigDocument {
  /** Default true. */
  readonly EnableIPv4?: boolean;
  /** Default false. */
  readonly EnableIPv6?: boolean;
  /** False asks for iptables, true for nftables. Where it is absent hosts use nftables. */
  readonly EnableNFTables?: boolean;
  /** IPv4 range that every host's subnet is taken from. */
  readonly Network?: string;
  /** Base address of the first IPv4 subnet to lease. Default: the second subnet of Network. */
  readonly SubnetMin?: string;
  /** Base address of the last IPv4 subnet to lease. Default: the last subnet of Network. */
  readonly SubnetMax?: string;
  /** Prefix length of each host's IPv4 subnet. Default 24, or Network's length + 2 where Network is longer than /22. */
  readonly SubnetLen?: number;
  /** IPv6 range that every host's subnet is taken from. */
  readonly IPv6Network?: string;
  /** Base address of the first IPv6 subnet to lease. Default: the second subnet of IPv6Network. */
  readonly IPv6SubnetMin?: string;
  /** Base address of the last IPv6 subnet to lease. Default: the last subnet of IPv6Network. */
  readonly IPv6SubnetMax?: string;
  /** Prefix length of each host's IPv6 subnet. Default 64, or IPv6Network's length + 2 where IPv6Network is longer than /62. */
  readonly IPv6SubnetLen?: number;
  /** How traffic travels between hosts. Without this key the type is udp, as in flannel. The other keys are the backend's own: backend-<type>.json. */
  readonly Backend?: BackendDocument;
}
