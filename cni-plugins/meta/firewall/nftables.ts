// The firewall in nftables: a table of our own, with the containers' addresses as set elements that say whose they are.
//
//   forward: → isolation (drops), → admin (rules of the administrator's, never touched), then accepts what containers send and
//   what answers it
//
// The sets trusted4 and trusted6 are no rules: they remember which addresses firewalld was told of, for DEL and GC.
import type { Family } from "#kernel/ip/address";
import { FAMILIES } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { NftError } from "#kernel/nft/error";
import type { Nftables } from "#kernel/nft/nftables";
import type { NetworkAttachment } from "../../attachments.ts";
import { failure } from "../../error.ts";
import { isObject } from "../../fields.ts";
import { isNotFound } from "../../rules/nft-rules.ts";
import { ownerComment, ownerMark } from "../../rules/owner.ts";
import type { IngressPolicy } from "./config.ts";

const NAME = "loden_cni_firewall";
const TABLE = `inet ${NAME}`;

/** What a set of addresses means. */
export type AddressSet = "accepted" | "trusted";

const BASE: readonly string[] = [
  `add table ${TABLE}`,
  ...FAMILIES.flatMap((family) =>
    (["accepted", "trusted"] as const).map((set) => `add set ${TABLE} ${set}${family} { type ipv${family}_addr; }`),
  ),
  `add chain ${TABLE} admin`,
  `add chain ${TABLE} isolation`,
  `add chain ${TABLE} isolated`,
  `add chain ${TABLE} forward { type filter hook forward priority 0; }`,
  `flush chain ${TABLE} forward`,
  `add rule ${TABLE} forward jump isolation`,
  `add rule ${TABLE} forward jump admin`,
  `add rule ${TABLE} forward ip daddr @accepted4 ct state established,related accept`,
  `add rule ${TABLE} forward ip saddr @accepted4 accept`,
  `add rule ${TABLE} forward ip6 daddr @accepted6 ct state established,related accept`,
  `add rule ${TABLE} forward ip6 saddr @accepted6 accept`,
];
const FORWARD_RULES = 6;

export interface MarkedAddress {
  readonly set: AddressSet;
  readonly family: Family;
  readonly address: string;
  readonly comment: string;
}

interface Contents {
  readonly addresses: readonly MarkedAddress[];
  /** Comments of rules by chain, "" for none. */
  readonly rules: ReadonlyMap<string, readonly { readonly comment: string; readonly handle: number }[]>;
}

function list(nft: Nftables): Contents | undefined {
  try {
    return readContents(nft.run([{ list: { table: { family: "inet", name: NAME } } }]));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Reads what `list table` gives; what is not understood is passed over. */
export function readContents(objects: readonly object[]): Contents {
  const addresses: MarkedAddress[] = [];
  const rules = new Map<string, { comment: string; handle: number }[]>();
  for (const object of objects) {
    const [kind, body] = Object.entries(object)[0] ?? [];
    if (!isObject(body)) continue;
    const { name, elem, chain, handle, comment } = body;
    if (kind === "rule" && typeof chain === "string" && typeof handle === "number") {
      const item = { comment: typeof comment === "string" ? comment : "", handle };
      rules.set(chain, [...(rules.get(chain) ?? []), item]);
    }
    const match = kind === "set" && typeof name === "string" ? /^(accepted|trusted)([46])$/.exec(name) : null;
    if (match === null || !Array.isArray(elem)) continue;
    const place = { set: match[1] as AddressSet, family: Number(match[2]) as Family };
    for (const item of elem as unknown[]) {
      const marked = isObject(item) && isObject(item["elem"]) ? item["elem"] : { val: item };
      const { val, comment: mark } = marked;
      if (typeof val !== "string") continue;
      addresses.push({ ...place, address: val, comment: typeof mark === "string" ? mark : "" });
    }
  }
  return { addresses, rules };
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
  nft: Nftables,
  owner: NetworkAttachment,
  set: AddressSet,
  addresses: readonly Prefix[],
): void {
  try {
    nft.script([...BASE, ...elementLines("create", owner, set, addresses)]);
  } catch (error) {
    if (!(error instanceof NftError && /File exists/.test(error.text))) throw error;
    const wanted = new Set(addresses.map(({ address }) => address.toString()));
    const mark = ownerMark(owner);
    const replaced = (list(nft)?.addresses ?? []).filter(
      (item) => item.set === set && (wanted.has(item.address) || item.comment.startsWith(mark)),
    );
    nft.script([...BASE, ...removalLines(replaced), ...elementLines("add", owner, set, addresses)]);
  }
}

/** Removes what is to go, and gives it. */
export function removeAddresses(nft: Nftables, isToGo: (comment: string) => boolean): readonly MarkedAddress[] {
  const addresses = (list(nft)?.addresses ?? []).filter(({ comment }) => isToGo(comment));
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
export function isolateBridge(nft: Nftables, bridge: string, policy: IngressPolicy): void {
  const missing = missingPolicyRules(nft, bridge, policy);
  if (missing.length === 0) return;
  nft.script([
    ...BASE,
    ...missing.map(({ chain, rule, comment }) => `add rule ${TABLE} ${chain} ${rule} comment "${comment}"`),
  ]);
}

function missingPolicyRules(nft: Nftables, bridge: string, policy: IngressPolicy): readonly PolicyRule[] {
  const present = list(nft)?.rules;
  return policyRules(bridge, policy).filter(
    ({ chain, comment }) => present?.get(chain)?.some((rule) => rule.comment === comment) !== true,
  );
}

/** Removes the policies of bridges that are gone. */
export function forgetBridges(nft: Nftables, exists: (bridge: string) => boolean): void {
  for (const [chain, rules] of list(nft)?.rules ?? []) {
    for (const { handle, comment } of rules) {
      const bridge = /^(?:from|to|within) (.+)$/.exec(comment)?.[1];
      if (bridge === undefined || exists(bridge)) continue;
      removeOne(nft, `delete rule ${TABLE} ${chain} handle ${handle}`);
    }
  }
}

/** @throws CniError 999 naming the first thing that is missing */
export function checkAddresses(
  nft: Nftables,
  owner: NetworkAttachment,
  set: AddressSet,
  addresses: readonly Prefix[],
): void {
  const present = list(nft);
  if (present === undefined) throw failure(`table ${TABLE} not found in nftables`);
  if (present.rules.get("forward")?.length !== FORWARD_RULES) {
    throw failure(`chain forward of table ${TABLE} is not as it was made`);
  }
  const mark = ownerMark(owner);
  for (const { family, address } of addresses) {
    const text = address.toString();
    const isThere = present.addresses.some(
      (item) => item.set === set && item.address === text && item.comment.startsWith(mark),
    );
    if (!isThere) throw failure(`expected address ${text} not found in ${set}${family} of table ${TABLE}`);
  }
}

/** @throws CniError 999 */
export function checkIsolation(nft: Nftables, bridge: string, policy: IngressPolicy): void {
  const [missing] = missingPolicyRules(nft, bridge, policy);
  if (missing === undefined) return;
  throw failure(
    `expected rule ${missing.rule} of ingressPolicy ${policy} not found in chain ${missing.chain} of table ${TABLE}`,
  );
}
