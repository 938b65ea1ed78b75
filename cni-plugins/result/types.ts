// A CNI result in the one form that plugins work with: that of specification 1.1.0, addresses parsed.
import type { Address } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the network namespace; absent for an interface of the host. */
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciId?: string;
}

export interface ResultAddress {
  /** Index into the result's interfaces. IPAM results have none. */
  readonly interface?: number;
  /** Host bits kept. */
  readonly address: Prefix;
  readonly gateway?: Address;
}

export interface ResultRoute {
  readonly destination: Prefix;
  readonly gateway?: Address;
  readonly mtu?: number;
  readonly advertisedMss?: number;
  readonly priority?: number;
  readonly table?: number;
  /** RT_SCOPE_* number. */
  readonly scope?: number;
}

export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

export interface Result {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
}

export const EMPTY_RESULT: Result = { interfaces: [], ips: [], routes: [], dns: {} };
