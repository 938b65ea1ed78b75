// Port mappings in nftables: a table of our own whose maps lead from protocol and port (and address) to the container, so that
// a packet costs the same with one mapping as with thousands. Each element says whose it is in its comment.
//
//   prerouting, output: fib daddr type local → ports: conditional rules, then @addresses4/6, then @ports4/6
//   postrouting: what was translated, from a source in @masquerade4/6 for that container → masquerade
import type { Prefix } from "#kernel/ip/prefix";
import { FAMILIES } from "#kernel/ip/address";
import { queryElements } from "#kernel/nft/elements";
import { NftError } from "#kernel/nft/error";
import type { Nftables } from "#kernel/nft/nftables";
import { queryHasChain, queryRules } from "#kernel/nft/rules";
import type { NetworkAttachment } from "../../attachments.ts";
import { failure } from "../../error.ts";
import type { Machine } from "../../plugin.ts";
import { baseComment, changedChains, isNotFound, ruleHandles, type BaseRule } from "../../rules/nft-rules.ts";
import { ownerComment, ownerMark } from "../../rules/owner.ts";
import type { PortmapConfig } from "./config.ts";
import {
  conditionalRules,
  masqueradeElements,
  portElements,
  readElement,
  SETS,
  type Contents,
  type Element,
} from "./nft-elements.ts";

const TABLE = "inet loden_cni_portmap";
const PLACE = { family: "inet", table: "loden_cni_portmap" } as const;
/** For networks with conditions, which no map can hold. */
const CONDITIONAL = "conditional";

/** The reference plugin's tables, for containers that it attached. Its comments are the container's id. */
const REFERENCE_TABLES = ["ip", "ip6"] as const;
const REFERENCE_TABLE = "cni_hostport";
const REFERENCE_CHAINS = ["hostports", "hostip_hostports", "masquerading"];

const BASE_RULES: readonly BaseRule[] = [
  { chain: "ports", text: `jump ${CONDITIONAL}` },
  { chain: "ports", text: "dnat ip to ip daddr . meta l4proto . th dport map @addresses4" },
  { chain: "ports", text: "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports4" },
  { chain: "ports", text: "dnat ip6 to ip6 daddr . meta l4proto . th dport map @addresses6" },
  { chain: "ports", text: "meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6" },
  { chain: "prerouting", text: "fib daddr type local jump ports" },
  { chain: "output", text: "fib daddr type local jump ports" },
  { chain: "postrouting", text: "ct status dnat ip saddr . ip daddr @masquerade4 masquerade" },
  { chain: "postrouting", text: "ct status dnat ip6 saddr . ip6 daddr @masquerade6 masquerade" },
];

/** The table and all that is the same for every container. Said again it changes nothing, and repairs what was changed. */
const BASE: readonly string[] = [
  `add table ${TABLE}`,
  ...FAMILIES.flatMap((family) => [
    `add map ${TABLE} ports${family} { type inet_proto . inet_service : ipv${family}_addr . inet_service; }`,
    `add map ${TABLE} addresses${family} { type ipv${family}_addr . inet_proto . inet_service : ipv${family}_addr . inet_service; }`,
    `add set ${TABLE} masquerade${family} { type ipv${family}_addr . ipv${family}_addr; flags interval; }`,
  ]),
  `add chain ${TABLE} ${CONDITIONAL}`,
  `add chain ${TABLE} ports`,
  `add chain ${TABLE} prerouting { type nat hook prerouting priority -100; }`,
  `add chain ${TABLE} output { type nat hook output priority -100; }`,
  `add chain ${TABLE} postrouting { type nat hook postrouting priority 100; }`,
  ...new Set(BASE_RULES.map(({ chain }) => `flush chain ${TABLE} ${chain}`)),
  ...BASE_RULES.map((rule) => `add rule ${TABLE} ${rule.chain} ${rule.text} comment "${baseComment(rule)}"`),
];

function wantedElements(config: PortmapConfig, addresses: readonly Prefix[], comment: string): Element[] {
  return addresses.flatMap((address) => [
    ...(config.conditions[address.family].length > 0 ? [] : portElements(config, address, comment)),
    ...masqueradeElements(config, address, comment),
  ]);
}

function wantedRules(config: PortmapConfig, addresses: readonly Prefix[], comment: string): string[] {
  return addresses.flatMap((address) =>
    config.conditions[address.family].length > 0 ? conditionalRules(config, address, comment) : [],
  );
}

/** `verb`: "create" is refused when the key is there. */
function elementLines(verb: "create" | "add", elements: readonly Element[]): string[] {
  return elements.map(({ set, key, value, comment }) => {
    const target = value === undefined ? "" : ` : ${value}`;
    return `${verb} element ${TABLE} ${set} { ${key} comment "${comment}"${target} }`;
  });
}

function removalLines({ elements, conditional }: Pick<Contents, "elements" | "conditional">): string[] {
  return [
    ...elements.map(({ set, key }) => `delete element ${TABLE} ${set} { ${key} }`),
    ...conditional.map(({ handle }) => `delete rule ${TABLE} ${CONDITIONAL} handle ${handle}`),
  ];
}

/** What the table holds of whose comment is wanted. */
function listMappings(machine: Machine, isWanted: (comment: string) => boolean): Contents {
  const socket = machine.netfilter();
  const elements = [...SETS.keys()].flatMap((name) =>
    queryElements(socket, { ...PLACE, name }, isWanted).flatMap((found) => readElement(name, found) ?? []),
  );
  const rules = queryRules(socket, { ...PLACE, chain: CONDITIONAL });
  return { elements, conditional: rules.filter(({ comment }) => isWanted(comment)) };
}

/** A port is another container's, or the table was taken away since it was looked at. */
function isTaken(error: unknown): boolean {
  return isNotFound(error) || (error instanceof NftError && /File exists/.test(error.text));
}

/** What is to be said before anything else: nothing where all is as it should be. */
function neededBase(machine: Machine): readonly string[] {
  return changedChains(machine, PLACE, BASE_RULES).length === 0 ? [] : BASE;
}

/**
 * Maps the ports, in one transaction. A port that another container has goes over to this one: the runtime has decided that
 * it is free, so the other is a container that was not removed in order.
 */
export function addMappings(
  machine: Machine,
  nft: Nftables,
  owner: NetworkAttachment,
  config: PortmapConfig,
  addresses: readonly Prefix[],
): void {
  const comment = ownerComment(owner);
  const elements = wantedElements(config, addresses, comment);
  // The newest rule is asked first.
  const rules = wantedRules(config, addresses, comment).map((rule) => `insert rule ${TABLE} ${CONDITIONAL} ${rule}`);
  if (rules.length === 0) {
    try {
      nft.script([...neededBase(machine), ...elementLines("create", elements)]);
      return;
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
  const present = listMappings(machine, () => true);
  const mark = ownerMark(owner);
  const wanted = new Set(elements.map(({ set, key }) => `${set} ${key}`));
  const replaced = {
    elements: present.elements.filter((item) => item.comment.startsWith(mark) || wanted.has(`${item.set} ${item.key}`)),
    conditional: present.conditional.filter((item) => item.comment.startsWith(mark)),
  };
  nft.script([...neededBase(machine), ...removalLines(replaced), ...elementLines("add", elements), ...rules]);
}

/** Removes what is to go, and gives the elements that were it. */
export function removeMappings(machine: Machine, isToGo: (comment: string) => boolean): readonly Element[] {
  const present = listMappings(machine, isToGo);
  const lines = removalLines(present);
  if (lines.length === 0) return [];
  const nft = machine.nftables();
  try {
    nft.script(lines);
  } catch (error) {
    // Another DEL or GC was quicker; what is left then goes one by one.
    if (!isNotFound(error)) throw error;
    for (const line of lines) removeOne(nft, line);
  }
  return present.elements;
}

function removeOne(nft: Nftables, line: string): void {
  try {
    nft.script([line]);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Removes what the reference plugin made for a container. */
export function removeReferenceRules(machine: Machine, containerId: string): void {
  for (const family of REFERENCE_TABLES) {
    const commands = REFERENCE_CHAINS.flatMap((chain) => {
      const place = { family, table: REFERENCE_TABLE, chain };
      const handles = ruleHandles(machine, place, (comment) => comment === containerId);
      return handles.map((handle) => ({ delete: { rule: { ...place, handle } } }));
    });
    if (commands.length > 0) machine.nftables().run(commands);
  }
}

/** @throws CniError 999 naming the first thing that is missing */
export function checkMappings(
  machine: Machine,
  owner: NetworkAttachment,
  config: PortmapConfig,
  addresses: readonly Prefix[],
): void {
  if (!queryHasChain(machine.netfilter(), { ...PLACE, name: CONDITIONAL })) {
    throw failure(`table ${TABLE} not found in nftables`);
  }
  const [changed] = changedChains(machine, PLACE, BASE_RULES);
  if (changed !== undefined) throw failure(`chain ${changed} of table ${TABLE} is not as it was made`);
  const comment = ownerComment(owner);
  const present = listMappings(machine, (text) => text === comment);
  const held = new Set(present.elements.map((item) => `${item.set} ${item.key} ${item.value ?? ""} ${item.comment}`));
  for (const item of wantedElements(config, addresses, comment)) {
    if (held.has(`${item.set} ${item.key} ${item.value ?? ""} ${item.comment}`)) continue;
    throw failure(`${item.set} of table ${TABLE} does not have ${item.key} of container ${owner.containerId}`);
  }
  const rules = wantedRules(config, addresses, comment).length;
  const found = present.conditional.length;
  if (found < rules) throw failure(`chain ${CONDITIONAL} of table ${TABLE} has ${found} of ${rules} rules`);
}
