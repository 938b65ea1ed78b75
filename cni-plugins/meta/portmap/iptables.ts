// Port mappings in iptables: chains, rules and comments of the reference plugin (plugins/meta/portmap/portmap_iptables.go), so
// that either removes what the other made. Rules are written as iptables-save prints them.
import type { Family } from "#kernel/ip/address";
import { FAMILIES } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import type { NetworkAttachment, Attachment } from "../../attachments.ts";
import { runAll } from "../../error.ts";
import { failure } from "../../error.ts";
import { sha512Hex } from "../../rules/sha512.ts";
import { commentMatch, deletion, type SavedTable, type Variant, type Xtables } from "../../rules/xtables.ts";
import { mappingsOf, type PortmapConfig, type PortMapping } from "./config.ts";
import type { RemovedMapping } from "./stale-connections.ts";

const TABLE = "nat";
const ENTRY = "CNI-HOSTPORT-DNAT";
const SET_MARK = "CNI-HOSTPORT-SETMARK";
const MASQUERADE = "CNI-HOSTPORT-MASQ";
const PREFIX = "CNI-DN-";
/** A chain's name has 28 characters. */
const CHAIN_HASH_LENGTH = 21;
/** Of the multiport match (XT_MULTI_PORTS). */
const PORTS_A_RULE = 15;

/** The container's chain. There is no interface name in it: attachments of one container to one network share it. */
export function containerChain({ network, containerId }: Pick<NetworkAttachment, "network" | "containerId">): string {
  return PREFIX + sha512Hex(network + containerId).slice(0, CHAIN_HASH_LENGTH);
}

/** A word of a user's as iptables-restore reads it. */
function quoted(word: string): string {
  return /^[\w./:,!=@%+-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** The rules that lead from the common chain to the container's: up to 15 ports of one protocol each. */
function entryRules(owner: NetworkAttachment, config: PortmapConfig, family: Family): string[] {
  const chain = containerChain(owner);
  const comment = commentMatch(`dnat name: "${owner.network}" id: "${owner.containerId}"`);
  const conditions = config.conditions[family].map((word) => `${quoted(word)} `).join("");
  const rules: string[] = [];
  const byProtocol = Map.groupBy(mappingsOf(config.mappings, family), ({ protocol }) => protocol);
  for (const [protocol, mappings] of [...byProtocol].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const ports = [...new Set(mappings.map(({ hostPort }) => hostPort))];
    for (let start = 0; start < ports.length; start += PORTS_A_RULE) {
      const some = ports.slice(start, start + PORTS_A_RULE).join(",");
      rules.push(`-A ${ENTRY} -p ${protocol} ${comment} -m multiport --dports ${some} ${conditions}-j ${chain}`);
    }
  }
  return rules;
}

/** The container's own rules: marks for masquerading, then the translation, for each mapping. */
function containerRules(owner: NetworkAttachment, config: PortmapConfig, address: Prefix): string[] {
  const chain = containerChain(owner);
  const { family } = address;
  const target = config.externalSetMarkChain ?? SET_MARK;
  const host = address.address.toString();
  const sources = config.masqAll
    ? [""]
    : [`-s ${address.masked.toString()} `, ...(family === 4 ? ["-s 127.0.0.1/32 "] : [])];
  return mappingsOf(config.mappings, family).flatMap((mapping) => {
    const { protocol, hostPort, containerPort } = mapping;
    const port = `${destinationOf(mapping)}-p ${protocol} -m ${protocol} --dport ${hostPort}`;
    const to = family === 4 ? `${host}:${containerPort}` : `[${host}]:${containerPort}`;
    return [
      ...(config.snat ? sources.map((source) => `-A ${chain} ${source}${port} -j ${target}`) : []),
      `-A ${chain} ${port} -j DNAT --to-destination ${to}`,
    ];
  });
}

function destinationOf({ hostAddress }: PortMapping): string {
  return hostAddress === undefined ? "" : `-d ${hostAddress.toString()}/${hostAddress.bits} `;
}

/** What all containers share, each rule with where it goes. */
function sharedRules(config: PortmapConfig): { readonly rule: string; readonly atHead?: true }[] {
  const mark = `0x${(2 ** config.markMasqBit).toString(16)}`;
  const entries = ["PREROUTING", "OUTPUT"].map((chain) => ({
    rule: `-A ${chain} -m addrtype --dst-type LOCAL -j ${ENTRY}`,
  }));
  if (!config.snat || config.externalSetMarkChain !== undefined) return entries;
  return [
    ...entries,
    {
      rule: `-A ${SET_MARK} ${commentMatch("CNI portfwd masquerade mark")} -j MARK --set-xmark ${mark}/${mark}`,
    },
    { rule: `-A ${MASQUERADE} -m mark --mark ${mark}/${mark} -j MASQUERADE` },
    // Before the masquerading of the networks, which would take precedence.
    { rule: `-A POSTROUTING ${commentMatch("CNI portfwd requiring masquerade")} -j ${MASQUERADE}`, atHead: true },
  ];
}

/** The change that makes a container's mappings what they should be, whatever is there of it. */
function additions(saved: SavedTable, owner: NetworkAttachment, config: PortmapConfig, address: Prefix): string[] {
  const chain = containerChain(owner);
  const shared = sharedRules(config).filter(({ rule }) => !saved.hasRule(rule));
  const chains = [ENTRY, ...(config.snat && config.externalSetMarkChain === undefined ? [SET_MARK, MASQUERADE] : [])];
  return [
    ...chains.filter((name) => !saved.hasChain(name)).map((name) => `-N ${name}`),
    ...shared.map(({ rule, atHead }) => (atHead === true ? rule.replace(/^-A/, "-I") : rule)),
    ...saved.jumpsTo(chain).map(deletion),
    saved.hasChain(chain) ? `-F ${chain}` : `-N ${chain}`,
    ...containerRules(owner, config, address),
    ...entryRules(owner, config, address.family),
  ];
}

export function addIptablesMappings(
  xtables: Xtables,
  owner: NetworkAttachment,
  config: PortmapConfig,
  addresses: readonly Prefix[],
): void {
  for (const address of addresses) {
    if (mappingsOf(config.mappings, address.family).length === 0) continue;
    xtables.change(address.family, "", TABLE, (saved) => additions(saved, owner, config, address));
  }
}

/** The lines that remove a container's chain and what leads to it. */
function removals(saved: SavedTable, chain: string): string[] {
  if (!saved.hasChain(chain)) return [];
  return [...saved.jumpsTo(chain).map(deletion), `-F ${chain}`, `-X ${chain}`];
}

/** Removes a container's mappings whichever plugin made them. No process is started to find that there are none. */
export function removeIptablesMappings(xtables: Xtables, owner: NetworkAttachment): RemovedMapping[] {
  const chain = containerChain(owner);
  const removed: RemovedMapping[] = [];
  runAll(
    FAMILIES.flatMap((family) =>
      xtables.variantsWith(family, TABLE, chain).map((variant) => () => {
        removed.push(...removeChain(xtables, family, variant, chain));
      }),
    ),
  );
  return removed;
}

function removeChain(xtables: Xtables, family: Family, variant: Variant, chain: string): RemovedMapping[] {
  // Without the program there is nobody who could have made the rules.
  const saved = xtables.save(family, variant, TABLE);
  if (saved === undefined || !saved.hasChain(chain)) return [];
  xtables.change(family, variant, TABLE, (current) => removals(current, chain));
  return saved.rules.flatMap((rule) => {
    if (!rule.startsWith(`-A ${chain} `)) return [];
    const match = / -p udp .*--dport (\d+) .*--to-destination \[?([\da-f.:]+?)\]?:\d+$/.exec(rule);
    return match === null ? [] : [{ family, hostPort: Number(match[1]), container: match[2]! }];
  });
}

/** Removes the chains of a network's containers that have no valid attachment. */
export function collectIptablesMappings(xtables: Xtables, network: string, valid: readonly Attachment[]): void {
  const kept = new Set(valid.map(({ containerId }) => containerChain({ network, containerId })));
  const comment = String.raw`--comment "dnat name: \"${network}\" id: `;
  runAll(
    FAMILIES.flatMap((family) =>
      xtables.variantsWith(family, TABLE, ENTRY).map((variant) => () => {
        if (xtables.save(family, variant, TABLE) === undefined) return;
        xtables.change(family, variant, TABLE, (saved) => {
          const entries = saved.rules.filter((rule) => rule.startsWith(`-A ${ENTRY} `) && rule.includes(comment));
          const chains = new Set(entries.flatMap((rule) => / -j (CNI-DN-\w+)$/.exec(rule)?.[1] ?? []));
          return [...chains].filter((chain) => !kept.has(chain)).flatMap((chain) => removals(saved, chain));
        });
      }),
    ),
  );
}

/** @throws CniError 999 naming the first thing that is missing */
export function checkIptablesMappings(
  xtables: Xtables,
  owner: NetworkAttachment,
  config: PortmapConfig,
  addresses: readonly Prefix[],
): void {
  const chain = containerChain(owner);
  for (const address of addresses) {
    const { family } = address;
    if (mappingsOf(config.mappings, family).length === 0) continue;
    const saved = xtables.save(family, "", TABLE);
    if (saved?.hasChain(chain) !== true) throw failure(`chain ${chain} not found in iptables table ${TABLE}`);
    const rules = [...sharedRules(config).map(({ rule }) => rule), ...containerRules(owner, config, address)];
    const missing = rules.find((rule) => !saved.hasRule(rule));
    if (missing !== undefined) throw failure(`rule ${missing} not found in iptables table ${TABLE} (IPv${family})`);
    // Conditions are printed in another form than they were written in: these are only counted.
    const entries = saved.jumpsTo(chain).length;
    const wanted = entryRules(owner, config, family).length;
    if (entries < wanted) throw failure(`chain ${ENTRY} has ${entries} of ${wanted} rules that lead to ${chain}`);
  }
}
