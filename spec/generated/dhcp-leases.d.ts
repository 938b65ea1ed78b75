// Made from spec/schema/dhcp-leases.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

export interface DhcpProvidedOption {
  readonly option?: number;
  readonly value?: readonly number[];
}

export interface DhcpValidAttachment {
  /** CNI_CONTAINERID. */
  readonly containerId?: string;
  /** CNI_IFNAME. */
  readonly ifname?: string;
}

/** One line of the socket, plugin to daemon. */
export interface DhcpDaemonRequest {
  readonly method: "allocate" | "release" | "check" | "collect" | "status";
  /** Name of the network. */
  readonly network?: string;
  /** CNI_CONTAINERID. */
  readonly containerId?: string;
  /** CNI_IFNAME. */
  readonly ifname?: string;
  /** CNI_NETNS. */
  readonly netns?: string;
  /** Numbers of the options that the server is asked for. */
  readonly requested?: readonly number[];
  /** Options that are sent. */
  readonly provided?: readonly DhcpProvidedOption[];
  /** Metric of the routes. */
  readonly priority?: number;
  /** collect: what is still in use. */
  readonly valid?: readonly DhcpValidAttachment[];
}

export interface DhcpGrant {
  /** IPAM result of CNI 1.1.0. */
  readonly result: Readonly<Record<string, unknown>>;
  readonly server: string;
  /** Seconds from the grant. Absent: for ever. */
  readonly renewAfter?: number;
  /** Seconds from the grant. Absent: for ever. */
  readonly rebindAfter?: number;
  /** Seconds from the grant. Absent: for ever. */
  readonly expireAfter?: number;
}

export interface DhcpLease {
  readonly request: DhcpDaemonRequest;
  readonly grant: DhcpGrant;
  /** Milliseconds since 1970. */
  readonly grantedAt: number;
}

export interface DhcpDaemonError {
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
}

/** One line of the socket, daemon to plugin. */
export interface DhcpDaemonAnswer {
  /** IPAM result of CNI 1.1.0; absent where there is nothing to tell. */
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: DhcpDaemonError;
}

/** What outlives the DHCP daemon: the file `<socket>.leases`. $defs has what plugin and daemon say to each other, too. */
export interface DhcpLeases {
  readonly leases?: readonly DhcpLease[];
}
