// firewall's configuration.
import type { Prefix } from "#kernel/ip/prefix";
import type { NetworkConfig } from "../../config.ts";
import { interfaceNameProblem } from "../../environment.ts";
import { failure, invalidConfig } from "../../error.ts";
import type { Result } from "../../result/types.ts";

export const BACKENDS = ["nftables", "iptables", "firewalld"] as const;
export type Backend = (typeof BACKENDS)[number];

/** Who may open connections to containers of a bridge: anybody, those of the bridge, or no other container. */
export const INGRESS_POLICIES = ["open", "same-bridge", "isolated"] as const;
export type IngressPolicy = (typeof INGRESS_POLICIES)[number];

export interface FirewallConfig {
  /** Absent: firewalld where it runs, iptables where it is in use, nftables elsewhere. */
  readonly backend: Backend | undefined;
  readonly adminChain: string;
  readonly zone: string;
  readonly ingressPolicy: IngressPolicy;
}

const DEFAULT_ADMIN_CHAIN = "CNI-ADMIN";
const DEFAULT_ZONE = "trusted";

/** @throws CniError 6 or 7 */
export function firewallConfig({ fields }: NetworkConfig): FirewallConfig {
  const asked = fields.string("backend") || undefined;
  const backend = BACKENDS.find((name) => name === asked);
  if (asked !== undefined && backend === undefined) {
    throw invalidConfig(`unrecognized backend ${JSON.stringify(asked)}: backend is one of ${BACKENDS.join(", ")}`);
  }
  const policy = fields.string("ingressPolicy") || "open";
  const ingressPolicy = INGRESS_POLICIES.find((name) => name === policy);
  if (ingressPolicy === undefined) throw invalidConfig(`unknown ingress policy: ${JSON.stringify(policy)}`);
  const chain = fields.string("iptablesAdminChainName") || undefined;
  if (chain !== undefined && !/^[A-Za-z][\w.-]{0,27}$/.test(chain)) {
    throw invalidConfig(`iptablesAdminChainName is ${JSON.stringify(chain)}, which cannot be a chain's name`);
  }
  return {
    // A chain of iptables is to be asked: that is a wish for iptables.
    backend: backend ?? (chain === undefined ? undefined : "iptables"),
    adminChain: chain ?? DEFAULT_ADMIN_CHAIN,
    zone: fields.string("firewalldZone") || DEFAULT_ZONE,
    ingressPolicy,
  };
}

/** The addresses of the previous result. */
export function addressesOf(result: Result): readonly Prefix[] {
  return result.ips.map(({ address }) => address);
}

/** The bridge whose containers a policy separates: the first interface of the previous result. @throws CniError 999 */
export function bridgeOf(result: Result, policy: IngressPolicy): string {
  const [first] = result.interfaces;
  if (first === undefined) {
    throw failure(
      `interface needs to be set for ingress policy ${JSON.stringify(policy)}, make sure to chain "firewall" plugin with "bridge"`,
    );
  }
  if (first.name === "") throw failure("got empty bridge name");
  const problem = interfaceNameProblem(first.name);
  if (problem !== undefined || first.name.includes('"')) {
    throw invalidConfig(
      `prevResult.interfaces[0].name is ${JSON.stringify(first.name)}: ${problem ?? "not a bridge's"}`,
    );
  }
  return first.name;
}
