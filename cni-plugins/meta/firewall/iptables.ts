// The firewall in iptables: chains and rules of the reference plugin (plugins/meta/firewall/iptables.go, ingresspolicy.go), to
// the letter, so that either checks and removes what the other made. Whose a rule is does not stand in it: a chain of our own,
// to which nothing leads, has for each address a rule without a target whose comment tells.
import { FAMILIES, type Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import type { NetworkAttachment } from "../../attachments.ts";
import { failure, runAll } from "../../error.ts";
import { networkMark, ownerComment } from "../../rules/owner.ts";
import { commentMatch, deletion, type SavedTable, type Xtables } from "../../rules/xtables.ts";
import type { FirewallConfig, IngressPolicy } from "./config.ts";

const TABLE = "filter";
const CHAIN = "CNI-FORWARD";
const STAGE_1 = "CNI-ISOLATION-STAGE-1";
const STAGE_2 = "CNI-ISOLATION-STAGE-2";
const OWNERS = "LODEN-CNI-OWNERS";

const FORWARD_RULE = `-A FORWARD ${commentMatch("CNI firewall plugin rules")} -j ${CHAIN}`;
const ANY_POLICY = commentMatch("CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)");

function adminRule(adminChain: string): string {
  return `-A ${CHAIN} ${commentMatch("CNI firewall plugin admin overrides")} -j ${adminChain}`;
}

/** As rules name it: without its network. */
function hostText({ address }: Prefix): string {
  return `${address.toString()}/${address.bits}`;
}

/** The two rules of an address. */
function addressRules(address: string): readonly string[] {
  return [
    `-A ${CHAIN} -d ${address} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-A ${CHAIN} -s ${address} -j ACCEPT`,
  ];
}

/** Whose an address is. */
interface Mark {
  readonly rule: string;
  readonly address: string;
  readonly comment: string;
}

function markRule(address: string, owner: NetworkAttachment): string {
  return `-A ${OWNERS} -s ${address} ${commentMatch(ownerComment(owner))}`;
}

function marksIn(saved: SavedTable): readonly Mark[] {
  return saved.rules.flatMap((rule) => {
    const [, chain, address, comment] = /^-A (\S+) -s (\S+) -m comment --comment "(.*)"$/.exec(rule) ?? [];
    return chain === OWNERS && address !== undefined && comment !== undefined ? [{ rule, address, comment }] : [];
  });
}

function withoutComment(rule: string): string {
  return rule.replace(/ -m comment --comment "(?:[^"\\]|\\.)*"/, "");
}

/** Rules in the order they are made, with where they go: a chain's head or its end. */
interface Placed {
  readonly rule: string;
  readonly atHead: boolean;
}

function isolationRules(bridge: string, policy: IngressPolicy): readonly Placed[] {
  const own = commentMatch(`CNI firewall plugin rules (ingressPolicy: ${policy})`);
  return [
    // In front of the chain that accepts.
    { rule: `-A FORWARD ${ANY_POLICY} -j ${STAGE_1}`, atHead: true },
    { rule: `-A ${STAGE_1} -i ${bridge} ! -o ${bridge} ${own} -j ${STAGE_2}`, atHead: true },
    ...(policy === "isolated"
      ? [{ rule: `-A ${STAGE_1} -i ${bridge} -o ${bridge} ${own} -j DROP`, atHead: true }]
      : []),
    { rule: `-A ${STAGE_1} ${ANY_POLICY} -j RETURN`, atHead: false },
    { rule: `-A ${STAGE_2} -o ${bridge} ${ANY_POLICY} -j DROP`, atHead: true },
    { rule: `-A ${STAGE_2} ${ANY_POLICY} -j RETURN`, atHead: false },
  ];
}

function missingLines(saved: SavedTable, chains: readonly string[], rules: readonly Placed[]): string[] {
  return [
    ...chains.filter((chain) => !saved.hasChain(chain)).map((chain) => `-N ${chain}`),
    ...rules
      .filter(({ rule }) => !saved.hasRule(rule))
      .map(({ rule, atHead }) => (atHead ? rule.replace(/^-A/, "-I") : rule)),
  ];
}

function familiesOf(addresses: readonly Prefix[]): Family[] {
  return FAMILIES.filter((family) => addresses.some((address) => address.family === family));
}

export function addIptablesRules(
  xtables: Xtables,
  owner: NetworkAttachment,
  { adminChain }: FirewallConfig,
  addresses: readonly Prefix[],
): void {
  const network = networkMark(owner.network);
  for (const family of familiesOf(addresses)) {
    const own = addresses.filter((address) => address.family === family).map(hostText);
    const marks = own.map((address) => markRule(address, owner));
    const rules = [...own.flatMap(addressRules), ...marks];
    xtables.change(family, "", TABLE, (saved) => [
      // An address of the network that was another's goes over: the other is a container that was not removed in order.
      ...marksIn(saved).flatMap(({ rule, address, comment }) =>
        own.includes(address) && comment.startsWith(network) && !marks.includes(rule) ? [deletion(rule)] : [],
      ),
      ...missingLines(
        saved,
        [CHAIN, adminChain, OWNERS],
        [
          { rule: FORWARD_RULE, atHead: true },
          { rule: adminRule(adminChain), atHead: true },
          ...rules.map((rule) => ({ rule, atHead: false })),
        ],
      ),
    ]);
  }
}

export function isolateWithIptables(
  xtables: Xtables,
  bridge: string,
  policy: IngressPolicy,
  addresses: readonly Prefix[],
): void {
  for (const family of familiesOf(addresses)) {
    xtables.change(family, "", TABLE, (saved) =>
      missingLines(saved, [STAGE_1, STAGE_2], isolationRules(bridge, policy)),
    );
  }
}

/** The lines that remove what is of owners that are to go, and of addresses that are no other owner's. */
function removals(saved: SavedTable, isToGo: (comment: string) => boolean, addresses: readonly string[]): string[] {
  const marks = marksIn(saved);
  const gone = marks.filter(({ comment }) => isToGo(comment));
  const kept = new Set(marks.filter(({ comment }) => !isToGo(comment)).map(({ address }) => address));
  const stale = new Set([...gone.map(({ address }) => address), ...addresses].filter((address) => !kept.has(address)));
  const rules = [...gone.map(({ rule }) => rule), ...[...stale].flatMap(addressRules)];
  return rules.filter((rule) => saved.hasRule(rule)).map(deletion);
}

/** Removes the rules of owners that are to go, and those of the reference plugin for addresses. */
export function removeIptablesRules(
  xtables: Xtables,
  isToGo: (comment: string) => boolean,
  addresses: readonly Prefix[] = [],
): void {
  runAll(
    FAMILIES.flatMap((family) =>
      xtables.variantsWith(family, TABLE, CHAIN).map((variant) => () => {
        // Without the program there is nobody who could have made the rules.
        if (xtables.save(family, variant, TABLE) === undefined) return;
        const unmarked = addresses.filter((address) => address.family === family).map(hostText);
        xtables.change(family, variant, TABLE, (saved) => removals(saved, isToGo, unmarked));
      }),
    ),
  );
}

/** @throws CniError 999 naming the first rule that is missing */
export function checkIptablesRules(
  xtables: Xtables,
  { adminChain, ingressPolicy }: FirewallConfig,
  addresses: readonly Prefix[],
  bridge: string | undefined,
): void {
  for (const family of familiesOf(addresses)) {
    const saved = xtables.save(family, "", TABLE);
    // Comments on policies differ from version to version of the reference plugin.
    const present = new Set(saved?.rules.map(withoutComment));
    const isolation = bridge === undefined ? [] : isolationRules(bridge, ingressPolicy).map(({ rule }) => rule);
    const own = addresses.filter((address) => address.family === family).flatMap((it) => addressRules(hostText(it)));
    const missing = [FORWARD_RULE, adminRule(adminChain), ...isolation, ...own].find(
      (rule) => !present.has(withoutComment(rule)),
    );
    if (missing !== undefined) throw failure(`expected rule ${missing} not found`);
  }
}
