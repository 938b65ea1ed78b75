// What masquerading and forwarding should do, apart from how a firewall is told: an ordered list of rules per chain,
// with the meaning of flannel's iptables rules (not of its nftables ones, which differ; see README.md).
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Network, Node } from "../lease/types.ts";

/** kube-proxy's "masquerade me" bit: what bears it is masqueraded by kube-proxy's own rules. */
export const KUBE_PROXY_MARK = 0x4000;

const MULTICAST: Readonly<Record<Family, Prefix>> = {
  4: Prefix.of(Address.parse("224.0.0.0"), 4),
  6: Prefix.of(Address.parse("ff00::"), 8),
};

export interface PrefixMatch {
  readonly prefix: Prefix;
  /** Matches what lies outside the prefix. */
  readonly negate: boolean;
}

/** All of a rule's matches must hold. The first rule that does decides; what no rule decides is left alone. */
export interface TrafficRule {
  readonly chain: "masquerade" | "forward";
  readonly family: Family;
  readonly source?: PrefixMatch;
  readonly destination?: PrefixMatch;
  /** Matches packets that have all of these mark bits. */
  readonly markBits?: number;
  readonly verdict: "return" | "accept" | "masquerade";
}

export interface TrafficOptions {
  /** --ip-masq */
  readonly masquerade: boolean;
  /** Pick source ports at random: off by --ip-masq-fully-random-disable. */
  readonly fullyRandom: boolean;
  /** --iptables-forward-rules */
  readonly forward: boolean;
}

/** The rules a node needs; none for a family that has no network or, for masquerading, no leased subnet. */
export function trafficRules(network: Network, node: Node, options: TrafficOptions): TrafficRule[] {
  return FAMILIES.flatMap((family) => {
    const cluster = network.ranges[family]?.network;
    if (cluster === undefined) return [];
    const own = node.subnet[family]?.masked;
    return [
      ...(options.masquerade && own !== undefined ? masqueradeRules(family, cluster, own) : []),
      ...(options.forward ? forwardRules(family, cluster) : []),
    ];
  });
}

function masqueradeRules(family: Family, cluster: Prefix, own: Prefix): TrafficRule[] {
  const chain = "masquerade";
  return [
    { chain, family, markBits: KUBE_PROXY_MARK, verdict: "return" },
    { chain, family, source: within(own), destination: within(cluster), verdict: "return" },
    { chain, family, source: within(cluster), destination: within(own), verdict: "return" },
    { chain, family, source: outside(cluster), destination: within(own), verdict: "return" },
    { chain, family, source: within(cluster), destination: outside(MULTICAST[family]), verdict: "masquerade" },
    { chain, family, source: outside(cluster), destination: within(cluster), verdict: "masquerade" },
  ];
}

function forwardRules(family: Family, cluster: Prefix): TrafficRule[] {
  return [
    { chain: "forward", family, source: within(cluster), verdict: "accept" },
    { chain: "forward", family, destination: within(cluster), verdict: "accept" },
  ];
}

function within(prefix: Prefix): PrefixMatch {
  return { prefix, negate: false };
}

function outside(prefix: Prefix): PrefixMatch {
  return { prefix, negate: true };
}
