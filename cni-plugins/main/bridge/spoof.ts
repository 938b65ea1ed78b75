// macspoofchk: frames from the container with another source MAC than its own are dropped. Table, chains and comments
// are those of the reference plugins (pkg/link/spoofcheck.go), which take them from libvirt.
import type { Nftables } from "#kernel/nft/nftables";
import { queryHasChain, queryRules } from "#kernel/nft/rules";
import type { Attachment } from "../../attachments.ts";
import type { Machine } from "../../plugin.ts";
import { isNotFound, ruleHandles } from "../../rules/nft-rules.ts";

const TABLE = { family: "bridge", table: "nat" } as const;
const BASE = "PREROUTING";
/** Before everything else (NF_BR_PRI_NAT_DST_BRIDGED). */
const PRIORITY = -300;
const CHAIN_PREFIX = "cni-br-iface-";
const MAC_SUFFIX = "-mac";
/** NFTNL_UDATA_COMMENT_MAXLEN of libnftnl. */
const COMMENT_LIMIT = 128;

export interface SpoofOwner extends Attachment {
  readonly network: string;
}

function chainOf({ containerId, ifname }: Attachment): string {
  return `${CHAIN_PREFIX}${containerId}-${ifname}`;
}

function commentOf({ containerId, ifname }: Attachment): string {
  return `macspoofchk-${containerId}-${ifname}`.slice(0, COMMENT_LIMIT);
}

/** On the last rule, which nobody looks up by its comment: whose network it is, for GC. */
function networkComment(network: string): string {
  return `loden-cni:${network}`.slice(0, COMMENT_LIMIT);
}

/** One transaction: declares the chains, empties them in case they were left over, and fills them. */
export function spoofCommands(owner: SpoofOwner, hostName: string, mac: string): object[] {
  const chain = chainOf(owner);
  const macChain = chain + MAC_SUFFIX;
  const comment = commentOf(owner);
  const rule = (name: string, expr: readonly object[], text = comment): object => ({
    add: { rule: { ...TABLE, chain: name, expr, comment: text } },
  });
  const iif = { match: { op: "==", left: { meta: { key: "iifname" } }, right: hostName } };
  const source = { match: { op: "==", left: { payload: { protocol: "ether", field: "saddr" } }, right: mac } };
  const hook = { type: "filter", hook: "prerouting", prio: PRIORITY, policy: "accept" };
  return [
    { add: { table: { family: TABLE.family, name: TABLE.table } } },
    { add: { chain: { ...TABLE, name: BASE, ...hook } } },
    { add: { chain: { ...TABLE, name: chain } } },
    { add: { chain: { ...TABLE, name: macChain } } },
    { flush: { chain: { ...TABLE, name: chain } } },
    { flush: { chain: { ...TABLE, name: macChain } } },
    rule(BASE, [iif, { jump: { target: chain } }]),
    rule(chain, [{ jump: { target: macChain } }]),
    rule(macChain, [source, { return: null }]),
    rule(macChain, [{ drop: null }], networkComment(owner.network)),
  ];
}

export function addSpoofCheck(nft: Nftables, owner: SpoofOwner, hostName: string, mac: string): void {
  nft.run(spoofCommands(owner, hostName, mac));
}

export function removeSpoofCheck(machine: Machine, owner: Attachment): void {
  removeChain(machine, chainOf(owner), commentOf(owner));
}

function removeChain(machine: Machine, chain: string, comment: string): void {
  const handles = ruleHandles(machine, { ...TABLE, chain: BASE }, (text) => text === comment);
  const chains = [chain, chain + MAC_SUFFIX].filter((name) => queryHasChain(machine.netfilter(), { ...TABLE, name }));
  const commands = [
    ...handles.map((handle) => ({ delete: { rule: { ...TABLE, chain: BASE, handle } } })),
    ...chains.map((name) => ({ flush: { chain: { ...TABLE, name } } })),
    ...chains.map((name) => ({ delete: { chain: { ...TABLE, name } } })),
  ];
  if (commands.length === 0) return;
  try {
    machine.nftables().run(commands);
  } catch (error) {
    // Another DEL for the same attachment was quicker.
    if (!isNotFound(error)) throw error;
  }
}

/** Removes the chains of a network that are of no valid attachment. */
export function collectSpoofChecks(machine: Machine, network: string, valid: readonly Attachment[]): void {
  const kept = new Set(valid.map(chainOf));
  const mark = networkComment(network);
  for (const { chain, comment } of queryRules(machine.netfilter(), TABLE)) {
    if (comment !== mark || !chain.endsWith(MAC_SUFFIX)) continue;
    const name = chain.slice(0, -MAC_SUFFIX.length);
    if (!name.startsWith(CHAIN_PREFIX) || kept.has(name)) continue;
    removeChain(machine, name, `macspoofchk-${name.slice(CHAIN_PREFIX.length)}`.slice(0, COMMENT_LIMIT));
  }
}
