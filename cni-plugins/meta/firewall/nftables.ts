// The firewall in nftables: a table of our own, with the containers' addresses as set elements that say whose they are.
//
//   forward: → isolation (drops), → admin (rules of the administrator's, never touched), then accepts what containers send and
//   what answers it
//
// The sets trusted4 and trusted6 are no rules: they remember which addresses firewalld was told of, for DEL and GC.
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { queryElements } from "#kernel/nft/elements";
import { NftError } from "#kernel/nft/error";
import type { Nftables } from "#kernel/nft/nftables";
import { queryHasChain, queryRules } from "#kernel/nft/rules";
import type { NetworkAttachment } from "../../attachments.ts";
import { failure } from "../../error.ts";
import type { Machine } from "../../plugin.ts";
import { baseComment, changedChains, isNotFound, type BaseRule } from "../../rules/nft-rules.ts";
import { ownerComment, ownerMark } from "../../rules/owner.ts";
import type { IngressPolicy } from "./config.ts";

const PLACE = { family: "inet", table: "loden_cni_firewall" } as const;
const TABLE = `${PLACE.family} ${PLACE.table}`;
const FORWARD = "forward";

/** What a set of addresses means. */
const ADDRESS_SETS = ["accepted", "trusted"] as const;
export type AddressSet = (typeof ADDRESS_SETS)[number];

const BASE_RULES: readonly BaseRule[] = [
  "jump isolation",
  "jump admin",
  "ip daddr @accepted4 ct state established,related accept",
  "ip saddr @accepted4 accept",
  "ip6 daddr @accepted6 ct state established,related accept",
  "ip6 saddr @accepted6 accept",
].map((text) => ({ chain: FORWARD, text }));

/** The table and all that is the same for every container. Said again it changes nothing, and repairs what was changed. */
const BASE: readonly string[] = [
  `add table ${TABLE}`,
  ...FAMILIES.flatMap((family) =>
    ADDRESS_SETS.map((set) => `add set ${TABLE} ${set}${family} { type ipv${family}_addr; }`),
  ),
  `add chain ${TABLE} admin`,
  `add chain ${TABLE} isolation`,
  `add chain ${TABLE} isolated`,
  `add chain ${TABLE} ${FORWARD} { type filter hook forward priority 0; }`,
  `flush chain ${TABLE} ${FORWARD}`,
  ...BASE_RULES.map((rule) => `add rule ${TABLE} ${FORWARD} ${rule.text} comment "${baseComment(rule)}"`),
];

/** Bytes. */
const ADDRESS_SIZE: Readonly<Record<Family, number>> = { 4: 4, 6: 16 };

export interface MarkedAddress {
  readonly set: AddressSet;
  readonly family: Family;
  readonly address: string;
  readonly comment: string;
}

/** The marks of addresses, in all sets, whose comment is wanted. */
function listAddresses(machine: Machine, isWanted: (comment: string) => boolean): readonly MarkedAddress[] {
  const socket = machine.netfilter();
  return FAMILIES.flatMap((family) =>
    ADDRESS_SETS.flatMap((set) =>
      queryElements(socket, { ...PLACE, name: `${set}${family}` }, isWanted).flatMap(({ key, comment }) =>
        // Another length: somebody's own set of that name.
        key.length === ADDRESS_SIZE[family]
          ? [{ set, family, address: Address.fromBytes(key).toString(), comment }]
          : [],
      ),
    ),
  );
}

function elementLines(
  verb: "create" | "add",
  owner: NetworkAttachment,
  set: AddressSet,
  addresses: readonly Prefix[],
): string[] {
  const comment = ownerComment(owner);
  return addresses.map(
    ({ family, address }) => `${verb} element ${TABLE} ${set}${family} { ${address.toString()} comment "${comment}" }`,
  );
}

function removalLines(addresses: readonly MarkedAddress[]): string[] {
  return addresses.map(({ set, family, address }) => `delete element ${TABLE} ${set}${family} { ${address} }`);
}

/** Enters an attachment's addresses, in one transaction. An address that another container had goes over to this one. */
export function enterAddresses(
  machine: Machine,
  owner: NetworkAttachment,
  set: AddressSet,
  addresses: readonly Prefix[],
): void {
  const nft = machine.nftables();
  try {
    nft.script([...neededBase(machine), ...elementLines("create", owner, set, addresses)]);
  } catch (error) {
    // It is another container's; or the table was taken away since it was looked at.
    if (!isNotFound(error) && !(error instanceof NftError && /File exists/.test(error.text))) throw error;
    const wanted = new Set(addresses.map(({ address }) => address.toString()));
    const mark = ownerMark(owner);
    const replaced = listAddresses(machine, () => true).filter(
      (item) => item.set === set && (wanted.has(item.address) || item.comment.startsWith(mark)),
    );
    nft.script([...neededBase(machine), ...removalLines(replaced), ...elementLines("add", owner, set, addresses)]);
  }
}

/** What is to be said before anything else: nothing where all is as it should be. */
function neededBase(machine: Machine): readonly string[] {
  return changedChains(machine, PLACE, BASE_RULES).length === 0 ? [] : BASE;
}

/** Removes what is to go, and gives it. */
export function removeAddresses(machine: Machine, isToGo: (comment: string) => boolean): readonly MarkedAddress[] {
  const addresses = listAddresses(machine, isToGo);
  if (addresses.length === 0) return [];
  const nft = machine.nftables();
  const lines = removalLines(addresses);
  try {
    nft.script(lines);
  } catch (error) {
    // Another DEL or GC was quicker with some.
    if (!isNotFound(error)) throw error;
    for (const line of lines) removeOne(nft, line);
  }
  return addresses;
}

function removeOne(nft: Nftables, line: string): void {
  try {
    nft.script([line]);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

interface PolicyRule {
  readonly chain: string;
  readonly rule: string;
  readonly comment: string;
}

/**
 * What keeps a bridge's containers apart from others. What stays within a bridge gets here where bridges call netfilter
 * (bridge-nf-call-iptables), as with the reference plugin.
 */
function policyRules(bridge: string, policy: IngressPolicy): readonly PolicyRule[] {
  const name = `"${bridge}"`;
  const within = { chain: "isolation", rule: `iifname ${name} oifname ${name} drop`, comment: `within ${bridge}` };
  return [
    { chain: "isolation", rule: `iifname ${name} oifname != ${name} jump isolated`, comment: `from ${bridge}` },
    { chain: "isolated", rule: `oifname ${name} drop`, comment: `to ${bridge}` },
    ...(policy === "isolated" ? [within] : []),
  ];
}

/** Separates a bridge's containers from others. Shared by all containers of the bridge, and so never undone by one. */
export function isolateBridge(machine: Machine, bridge: string, policy: IngressPolicy): void {
  const missing = missingPolicyRules(machine, bridge, policy);
  if (missing.length === 0) return;
  machine
    .nftables()
    .script([
      ...neededBase(machine),
      ...missing.map(({ chain, rule, comment }) => `add rule ${TABLE} ${chain} ${rule} comment "${comment}"`),
    ]);
}

function missingPolicyRules(machine: Machine, bridge: string, policy: IngressPolicy): readonly PolicyRule[] {
  const present = queryRules(machine.netfilter(), PLACE);
  return policyRules(bridge, policy).filter(
    ({ chain, comment }) => !present.some((rule) => rule.chain === chain && rule.comment === comment),
  );
}

/** Removes the policies of bridges that are gone. */
export function forgetBridges(machine: Machine, exists: (bridge: string) => boolean): void {
  for (const { chain, handle, comment } of queryRules(machine.netfilter(), PLACE)) {
    const bridge = /^(?:from|to|within) (.+)$/.exec(comment)?.[1];
    if (bridge === undefined || exists(bridge)) continue;
    removeOne(machine.nftables(), `delete rule ${TABLE} ${chain} handle ${handle}`);
  }
}

/** @throws CniError 999 naming the first thing that is missing */
export function checkAddresses(
  machine: Machine,
  owner: NetworkAttachment,
  set: AddressSet,
  addresses: readonly Prefix[],
): void {
  if (!queryHasChain(machine.netfilter(), { ...PLACE, name: FORWARD })) {
    throw failure(`table ${TABLE} not found in nftables`);
  }
  const [changed] = changedChains(machine, PLACE, BASE_RULES);
  if (changed !== undefined) throw failure(`chain ${changed} of table ${TABLE} is not as it was made`);
  const mark = ownerMark(owner);
  const present = listAddresses(machine, (comment) => comment.startsWith(mark));
  for (const { family, address } of addresses) {
    const text = address.toString();
    if (present.some((item) => item.set === set && item.address === text)) continue;
    throw failure(`expected address ${text} not found in ${set}${family} of table ${TABLE}`);
  }
}

/** @throws CniError 999 */
export function checkIsolation(machine: Machine, bridge: string, policy: IngressPolicy): void {
  const [missing] = missingPolicyRules(machine, bridge, policy);
  if (missing === undefined) return;
  throw failure(
    `expected rule ${missing.rule} of ingressPolicy ${policy} not found in chain ${missing.chain} of table ${TABLE}`,
  );
}
