// Traffic rules as one nftables table of our own, in the JSON of libnftables (man 5 libnftables-json). One `inet` table
// serves both families: it is replaced whole in one transaction, so that there is never a moment without rules. Forward
// rules are not among them: all that they do is accept, which in a chain of our own overrules no drop in another, and every
// packet would pass through that chain for nothing (spec/decisions/firewall.md).
import { nftTableObject } from "../reconcile/objects.ts";
import type { KernelObject } from "../reconcile/port.ts";
import type { PrefixMatch, TrafficOptions, TrafficRule } from "./rules.ts";

/**
 * NF_IP_PRI_NAT_SRC of linux/netfilter_ipv4.h is 100. Chains of type nat see the first packet of a connection alone. The
 * name is no word of nft's language: with one that is, what `nft list ruleset` prints could not be read back.
 */
const CHAIN = { name: "postrouting", type: "nat", hook: "postrouting", prio: 100, policy: "accept" } as const;

/** The table as a kernel object; none when there is nothing to masquerade, and a table from before is then pruned. */
export function nftTraffic(
  rules: readonly TrafficRule[],
  table: string,
  options: Pick<TrafficOptions, "fullyRandom">,
): KernelObject[] {
  const masquerade = rules.filter(({ chain }) => chain === "masquerade");
  if (masquerade.length === 0) return [];
  const place = { family: "inet", table } as const;
  const lines = masquerade.map((rule) => ({
    add: { rule: { ...place, chain: CHAIN.name, expr: expression(rule, options.fullyRandom) } },
  }));
  return [
    nftTableObject({ family: "inet", name: table, content: [{ add: { chain: { ...place, ...CHAIN } } }, ...lines] }),
  ];
}

function expression(rule: TrafficRule, fullyRandom: boolean): object[] {
  const protocol = rule.family === 4 ? "ip" : "ip6";
  const matches: object[] = [];
  // A rule that names no address would otherwise hold for both families; one is enough, written by whoever comes first.
  if (rule.source === undefined && rule.destination === undefined) {
    matches.push(match({ meta: { key: "nfproto" } }, "==", rule.family === 4 ? "ipv4" : "ipv6"));
  }
  if (rule.markBits !== undefined) {
    matches.push(match({ "&": [{ meta: { key: "mark" } }, rule.markBits] }, "==", rule.markBits));
  }
  if (rule.source !== undefined) matches.push(addressMatch(protocol, "saddr", rule.source));
  if (rule.destination !== undefined) matches.push(addressMatch(protocol, "daddr", rule.destination));
  return [...matches, verdict(rule.verdict, fullyRandom)];
}

function addressMatch(protocol: "ip" | "ip6", field: "saddr" | "daddr", { prefix, negate }: PrefixMatch): object {
  const right = { prefix: { addr: prefix.address.toString(), len: prefix.length } };
  return match({ payload: { protocol, field } }, negate ? "!=" : "==", right);
}

function match(left: object, op: "==" | "!=", right: unknown): object {
  return { match: { op, left, right } };
}

function verdict(kind: TrafficRule["verdict"], fullyRandom: boolean): object {
  if (kind !== "masquerade") return { [kind]: null };
  return { masquerade: fullyRandom ? { flags: "fully-random" } : null };
}
