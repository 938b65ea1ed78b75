// Traffic rules as chains of iptables, in the words of `iptables-save` and with flannel's names, comments and order, so
// that what a cluster's people and scripts look for is there.
import { FAMILIES } from "#kernel/ip/address";
import type { IptablesVariant } from "#kernel/iptables/programs";
import { iptablesObject } from "../reconcile/objects.ts";
import type { IptablesChain, KernelObject } from "../reconcile/port.ts";
import type { PrefixMatch, TrafficOptions, TrafficRule } from "./rules.ts";

const CHAINS = {
  masquerade: { table: "nat", name: "FLANNEL-POSTRTG", parent: "POSTROUTING", comment: "flanneld masq" },
  forward: { table: "filter", name: "FLANNEL-FWD", parent: "FORWARD", comment: "flanneld forward" },
} as const;

/** One object per family that has rules; what is not wanted any more is pruned. */
export function iptablesTraffic(
  rules: readonly TrafficRule[],
  variant: IptablesVariant,
  { fullyRandom }: Pick<TrafficOptions, "fullyRandom">,
): KernelObject[] {
  return FAMILIES.flatMap((family) => {
    const chains = (["masquerade", "forward"] as const).flatMap((chain): IptablesChain[] => {
      const { table, name, parent, comment } = CHAINS[chain];
      const lines = rules
        .filter((rule) => rule.family === family && rule.chain === chain)
        .map((rule) => ruleText(rule, comment, fullyRandom));
      if (lines.length === 0) return [];
      return [{ table, name, parent, jump: `${commentText(comment)} -j ${name}`, jumps: 1, rules: lines }];
    });
    return chains.length === 0 ? [] : [iptablesObject({ family, variant, chains })];
  });
}

function ruleText(rule: TrafficRule, comment: string, fullyRandom: boolean): string {
  const bits = rule.markBits === undefined ? undefined : `0x${rule.markBits.toString(16)}`;
  return [
    ...(rule.source === undefined ? [] : [matchText("-s", rule.source)]),
    ...(rule.destination === undefined ? [] : [matchText("-d", rule.destination)]),
    ...(bits === undefined ? [] : [`-m mark --mark ${bits}/${bits}`]),
    commentText(comment),
    `-j ${rule.verdict.toUpperCase()}`,
    ...(rule.verdict === "masquerade" && fullyRandom ? ["--random-fully"] : []),
  ].join(" ");
}

function matchText(flag: "-s" | "-d", { prefix, negate }: PrefixMatch): string {
  return `${negate ? "! " : ""}${flag} ${prefix.toString()}`;
}

function commentText(comment: string): string {
  return `-m comment --comment "${comment}"`;
}
