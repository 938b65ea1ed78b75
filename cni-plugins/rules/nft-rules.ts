// Rules of nftables by what their comments say: whose they are, so that they are found again, as rules are deleted by handle
// alone; and which of a plugin's own they are, so that a chain that is as it should be is left as it is. To empty and fill it
// anew would repair as well, but then the kernel has rules to free, for which a plugin's end, and everybody's that closes a
// socket of netfilter, waits.
import { NftError } from "#kernel/nft/error";
import { queryRules, type NftRulePlace } from "#kernel/nft/rules";
import type { Machine } from "../plugin.ts";
import { sha512Hex } from "./sha512.ts";

/** Hexadecimal digits of a rule's hash. */
const HASH_LENGTH = 16;

/** Whether nft says that a table, chain or rule does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof NftError && /No such file or directory|does not exist/.test(error.text);
}

/** Handles of the rules of a chain whose comment is wanted. */
export function ruleHandles(machine: Machine, place: NftRulePlace, isWanted: (comment: string) => boolean): number[] {
  const rules = queryRules(machine.netfilter(), place);
  return rules.flatMap(({ handle, comment }) => (isWanted(comment) ? [handle] : []));
}

/** A rule that is the same whoever's container it is for. */
export interface BaseRule {
  readonly chain: string;
  /** In nft's language, or as JSON. */
  readonly text: string;
}

/** The comment of a base rule: what the rule says, as a hash. */
export function baseComment({ text }: BaseRule): string {
  return `loden-cni ${sha512Hex(text).slice(0, HASH_LENGTH)}`;
}

/** The chains of base rules that do not have just these, in their order. */
export function changedChains(
  machine: Machine,
  table: Omit<NftRulePlace, "chain">,
  base: readonly BaseRule[],
): string[] {
  const found = Map.groupBy(queryRules(machine.netfilter(), table), ({ chain }) => chain);
  return [...Map.groupBy(base, ({ chain }) => chain)].flatMap(([chain, rules]) => {
    const comments = (found.get(chain) ?? []).map(({ comment }) => comment);
    const isWhole = comments.length === rules.length && rules.every((rule, at) => baseComment(rule) === comments[at]);
    return isWhole ? [] : [chain];
  });
}
