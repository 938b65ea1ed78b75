// The firewall in iptables: chains and rules of the reference plugin (plugins/meta/firewall/iptables.go, ingresspolicy.go).
// Rules for addresses say in a comment whose they are; those of the reference plugin, which do not, are removed as well.
import { FAMILIES, type Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import type { NetworkAttachment } from "../../attachments.ts";
import { failure, runAll } from "../../error.ts";
import { ownerComment, ownerMark } from "../../rules/owner.ts";
import { commentMatch, deletion, type SavedTable, type Xtables } from "../../rules/xtables.ts";
import type { FirewallConfig, IngressPolicy } from "./config.ts";

const TABLE = "filter";
const CHAIN = "CNI-FORWARD";
const STAGE_1 = "CNI-ISOLATION-STAGE-1";
const STAGE_2 = "CNI-ISOLATION-STAGE-2";

const FORWARD_RULE = `-A FORWARD ${commentMatch("CNI firewall plugin rules")} -j ${CHAIN}`;
const ANY_POLICY = commentMatch("CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)");

function adminRule(adminChain: string): string {
  return `-A ${CHAIN} ${commentMatch("CNI firewall plugin admin overrides")} -j ${adminChain}`;
}

/** The two rules of an address, with something between match and target. */
function addressRules({ address }: Prefix, comment: string): readonly string[] {
  const text = `${address.toString()}/${address.bits}`;
  const said = comment === "" ? "" : ` ${commentMatch(comment)}`;
  return [
    `-A ${CHAIN} -d ${text}${said} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-A ${CHAIN} -s ${text}${said} -j ACCEPT`,
  ];
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
  const comment = ownerComment(owner);
  for (const family of familiesOf(addresses)) {
    const rules = addresses
      .filter((address) => address.family === family)
      .flatMap((address) => addressRules(address, comment));
    xtables.change(family, "", TABLE, (saved) =>
      missingLines(
        saved,
        [CHAIN, adminChain],
        [
          { rule: FORWARD_RULE, atHead: true },
          { rule: adminRule(adminChain), atHead: true },
          ...rules.map((rule) => ({ rule, atHead: false })),
        ],
      ),
    );
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

/** Removes the rules whose comment is to go, and those of the reference plugin for addresses. */
export function removeIptablesRules(
  xtables: Xtables,
  isToGo: (comment: string) => boolean,
  addresses: readonly Prefix[] = [],
): void {
  const reference = new Set(addresses.flatMap((address) => addressRules(address, "")));
  const isStale = (rule: string): boolean => {
    if (!rule.startsWith(`-A ${CHAIN} `)) return false;
    const comment = /--comment "([^"]*)"/.exec(rule)?.[1];
    return comment === undefined ? reference.has(rule) : isToGo(comment);
  };
  runAll(
    FAMILIES.flatMap((family) =>
      xtables.variantsWith(family, TABLE, CHAIN).map((variant) => () => {
        // Without the program there is nobody who could have made the rules.
        if (xtables.save(family, variant, TABLE) === undefined) return;
        xtables.change(family, variant, TABLE, (saved) => saved.rules.filter(isStale).map(deletion));
      }),
    ),
  );
}

/** @throws CniError 999 naming the first rule that is missing */
export function checkIptablesRules(
  xtables: Xtables,
  owner: NetworkAttachment,
  { adminChain, ingressPolicy }: FirewallConfig,
  addresses: readonly Prefix[],
  bridge: string | undefined,
): void {
  const mark = ownerMark(owner);
  for (const family of familiesOf(addresses)) {
    const saved = xtables.save(family, "", TABLE);
    const has = (rule: string): boolean => saved?.hasRule(rule) === true;
    const isolation = bridge === undefined ? [] : isolationRules(bridge, ingressPolicy).map(({ rule }) => rule);
    for (const rule of [FORWARD_RULE, adminRule(adminChain), ...isolation]) {
      if (!has(rule)) throw failure(`expected rule ${rule} not found`);
    }
    const comments = (saved?.rules ?? []).flatMap((rule) => /--comment "([^"]*)"/.exec(rule)?.[1] ?? []);
    const own = comments.find((comment) => comment.startsWith(mark)) ?? "";
    for (const address of addresses.filter((candidate) => candidate.family === family)) {
      const [withMark, reference] = [addressRules(address, own), addressRules(address, "")];
      const missing = withMark.findIndex((rule, index) => !has(rule) && !has(reference[index]!));
      if (missing >= 0) throw failure(`expected rule ${withMark[missing]!} not found`);
    }
  }
}
