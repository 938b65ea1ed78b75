// Port mappings in nftables: a table of our own whose maps lead from protocol and port (and address) to the container, so that
// a packet costs the same with one mapping as with thousands. Each element says whose it is in its comment.
//
//   prerouting, output: fib daddr type local → ports: conditional rules, then @addresses4/6, then @ports4/6
//   postrouting: what was translated, from a source in @masquerade4/6 for that container → masquerade
import type { Prefix } from "#kernel/ip/prefix";
import { FAMILIES } from "#kernel/ip/address";
import { NftError } from "#kernel/nft/error";
import type { Nftables } from "#kernel/nft/nftables";
import type { NetworkAttachment } from "../../attachments.ts";
import { failure } from "../../error.ts";
import { isNotFound, ruleHandles } from "../../rules/nft-rules.ts";
import { ownerComment, ownerMark } from "../../rules/owner.ts";
import type { PortmapConfig } from "./config.ts";
import {
  conditionalRules,
  masqueradeElements,
  portElements,
  readContents,
  type Contents,
  type Element,
} from "./nft-elements.ts";

const TABLE = "inet loden_cni_portmap";
const [FAMILY, NAME] = ["inet", "loden_cni_portmap"];
/** For networks with conditions, which no map can hold. */
const CONDITIONAL = "conditional";
/** How many rules each chain has when nobody has meddled with it. */
const WHOLE: Readonly<Record<string, number>> = { ports: 5, prerouting: 1, output: 1, postrouting: 2 };

/** The reference plugin's tables, for containers that it attached. Its comments are the container's id. */
const REFERENCE_TABLES = ["ip", "ip6"] as const;
const REFERENCE_TABLE = "cni_hostport";
const REFERENCE_CHAINS = ["hostports", "hostip_hostports", "masquerading"];

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
  ...Object.keys(WHOLE).map((chain) => `flush chain ${TABLE} ${chain}`),
  `add rule ${TABLE} ports jump ${CONDITIONAL}`,
  `add rule ${TABLE} ports dnat ip to ip daddr . meta l4proto . th dport map @addresses4`,
  `add rule ${TABLE} ports meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports4`,
  `add rule ${TABLE} ports dnat ip6 to ip6 daddr . meta l4proto . th dport map @addresses6`,
  `add rule ${TABLE} ports meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6`,
  `add rule ${TABLE} prerouting fib daddr type local jump ports`,
  `add rule ${TABLE} output fib daddr type local jump ports`,
  `add rule ${TABLE} postrouting ct status dnat ip saddr . ip daddr @masquerade4 masquerade`,
  `add rule ${TABLE} postrouting ct status dnat ip6 saddr . ip6 daddr @masquerade6 masquerade`,
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

/** What the table holds; undefined when it is not there. */
export function listMappings(nft: Nftables): Contents | undefined {
  try {
    return readContents(nft.run([{ list: { table: { family: FAMILY, name: NAME } } }]), CONDITIONAL);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof NftError && /File exists/.test(error.text);
}

/**
 * Maps the ports, in one transaction. A port that another container has goes over to this one: the runtime has decided that
 * it is free, so the other is a container that was not removed in order.
 */
export function addMappings(
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
      nft.script([...BASE, ...elementLines("create", elements)]);
      return;
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
  const present = listMappings(nft) ?? { elements: [], conditional: [] };
  const mark = ownerMark(owner);
  const wanted = new Set(elements.map(({ set, key }) => `${set} ${key}`));
  const replaced = {
    elements: present.elements.filter((item) => item.comment.startsWith(mark) || wanted.has(`${item.set} ${item.key}`)),
    conditional: present.conditional.filter((item) => item.comment.startsWith(mark)),
  };
  nft.script([...BASE, ...removalLines(replaced), ...elementLines("add", elements), ...rules]);
}

/** Removes what is to go, and gives the elements that were it. */
export function removeMappings(nft: Nftables, isToGo: (comment: string) => boolean): readonly Element[] {
  const present = listMappings(nft);
  if (present === undefined) return [];
  const elements = present.elements.filter((item) => isToGo(item.comment));
  const conditional = present.conditional.filter((item) => isToGo(item.comment));
  try {
    nft.script(removalLines({ elements, conditional }));
  } catch (error) {
    // Another DEL or GC was quicker; what is left then goes one by one.
    if (!isNotFound(error)) throw error;
    for (const line of removalLines({ elements, conditional })) removeOne(nft, line);
  }
  return elements;
}

function removeOne(nft: Nftables, line: string): void {
  try {
    nft.script([line]);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Removes what the reference plugin made for a container. */
export function removeReferenceRules(nft: Nftables, containerId: string): void {
  for (const family of REFERENCE_TABLES) {
    const commands = REFERENCE_CHAINS.flatMap((chain) => {
      const place = { family, table: REFERENCE_TABLE, chain };
      const handles = ruleHandles(nft, place, (comment) => comment === containerId);
      return handles.map((handle) => ({ delete: { rule: { ...place, handle } } }));
    });
    nft.run(commands);
  }
}

/** @throws CniError 999 naming the first thing that is missing */
export function checkMappings(
  nft: Nftables,
  owner: NetworkAttachment,
  config: PortmapConfig,
  addresses: readonly Prefix[],
): void {
  const present = listMappings(nft);
  if (present === undefined) throw failure(`table ${TABLE} not found in nftables`);
  for (const [chain, count] of Object.entries(WHOLE)) {
    if (present.rules.get(chain) !== count) throw failure(`chain ${chain} of table ${TABLE} is not as it was made`);
  }
  const comment = ownerComment(owner);
  const held = new Set(present.elements.map((item) => `${item.set} ${item.key} ${item.value ?? ""} ${item.comment}`));
  for (const item of wantedElements(config, addresses, comment)) {
    if (held.has(`${item.set} ${item.key} ${item.value ?? ""} ${item.comment}`)) continue;
    throw failure(`${item.set} of table ${TABLE} does not have ${item.key} of container ${owner.containerId}`);
  }
  const rules = wantedRules(config, addresses, comment).length;
  const found = present.conditional.filter((item) => item.comment === comment).length;
  if (found < rules) throw failure(`chain ${CONDITIONAL} of table ${TABLE} has ${found} of ${rules} rules`);
}
