// Masquerading of what containers send out of their network. The table, chains, rules and comments are those of the
// reference plugins' nftables backend (pkg/ip/ipmasq_nftables_linux.go), so that either can remove what the other made.
// iptables (iptables.ts) only where it is asked for, or where there is no nftables.
import type { Prefix } from "#kernel/ip/prefix";
import type { Nftables } from "#kernel/nft/nftables";
import { LodenError } from "#spec/errors";
import type { Attachment } from "../attachments.ts";
import { inContext, runAll } from "../error.ts";
import type { Call, Machine } from "../plugin.ts";
import { addIptablesMasquerade, collectIptablesMasquerade, removeIptablesMasquerade } from "./iptables.ts";
import { ruleHandles } from "./nft-rules.ts";
import { sha512Hex } from "./sha512.ts";
import { Xtables } from "./xtables.ts";

export const MASQUERADE_BACKENDS = ["nftables", "iptables"] as const;
export type MasqueradeBackend = (typeof MASQUERADE_BACKENDS)[number];

const TABLE = { family: "inet", table: "cni_plugins_masquerade" } as const;
const RULES = "masq_checks";
const BASE = "postrouting";
/** Hexadecimal digits of a hash in a comment. */
const HASH_LENGTH = 16;
/** NFTNL_UDATA_COMMENT_MAXLEN of libnftnl. */
const COMMENT_LIMIT = 128;
/** "srcnat" of nft(8). */
const PRIORITY_SRCNAT = 100;

export interface MasqueradeOwner extends Attachment {
  readonly network: string;
}

function networkHash(network: string): string {
  return sha512Hex(network).slice(0, HASH_LENGTH);
}

function ownerHash({ network, containerId, ifname }: MasqueradeOwner): string {
  return `${networkHash(network)}-${sha512Hex(`${ifname}:${containerId}`).slice(0, HASH_LENGTH)}`;
}

export function masqueradeComment(owner: MasqueradeOwner): string {
  const { network, containerId, ifname } = owner;
  return `${ownerHash(owner)}, net: ${network}, if: ${ifname}, id: ${containerId}`.slice(0, COMMENT_LIMIT);
}

function match(protocol: string, field: string, op: "==" | "!=", right: unknown): object {
  return { match: { op, left: { payload: { protocol, field } }, right } };
}

function prefixExpression(prefix: Prefix): object {
  return { prefix: { addr: prefix.first.toString(), len: prefix.length } };
}

/** One transaction that makes sure of table and chains, and adds a rule for each address. */
export function masqueradeCommands(owner: MasqueradeOwner, addresses: readonly Prefix[]): object[] {
  const comment = masqueradeComment(owner);
  const base = { ...TABLE, chain: BASE };
  const hook = { type: "nat", hook: "postrouting", prio: PRIORITY_SRCNAT, policy: "accept" };
  const isMulticast = (protocol: string, addr: string, len: number): object =>
    match(protocol, "daddr", "==", { prefix: { addr, len } });
  return [
    { add: { table: { family: TABLE.family, name: TABLE.table } } },
    { add: { chain: { ...TABLE, name: RULES } } },
    { add: { chain: { ...TABLE, name: BASE, ...hook } } },
    { flush: { chain: { ...TABLE, name: BASE } } },
    { add: { rule: { ...base, expr: [isMulticast("ip", "224.0.0.0", 4), { return: null }] } } },
    { add: { rule: { ...base, expr: [isMulticast("ip6", "ff00::", 8), { return: null }] } } },
    { add: { rule: { ...base, expr: [{ goto: { target: RULES } }] } } },
    ...addresses.map((prefix) => {
      const protocol = prefix.family === 4 ? "ip" : "ip6";
      const expr = [
        match(protocol, "saddr", "==", prefix.address.toString()),
        match(protocol, "daddr", "!=", prefixExpression(prefix)),
        { masquerade: null },
      ];
      return { add: { rule: { ...TABLE, chain: RULES, expr, comment } } };
    }),
  ];
}

function removeRules(nft: Nftables, isToGo: (comment: string) => boolean): void {
  const handles = ruleHandles(nft, { ...TABLE, chain: RULES }, isToGo);
  if (handles.length === 0) return;
  nft.run(handles.map((handle) => ({ delete: { rule: { ...TABLE, chain: RULES, handle } } })));
}

/** nftables where the host has it. */
function openNft(machine: Machine): Nftables | undefined {
  try {
    return machine.nftables();
  } catch (error) {
    if (error instanceof LodenError && (error.code === "ERR_MISSING_TOOL" || error.code === "ERR_NFT"))
      return undefined;
    throw error;
  }
}

/** Who calls: the machine, and the variables for programs. */
type Caller = Pick<Call, "machine" | "environment">;

function xtablesOf({ machine, environment }: Caller): Xtables {
  return new Xtables(machine.sys, environment.variables);
}

export function addMasquerade(
  caller: Caller,
  backend: MasqueradeBackend | undefined,
  owner: MasqueradeOwner,
  addresses: readonly Prefix[],
): void {
  const { machine } = caller;
  try {
    const nft = backend === "iptables" ? undefined : backend === undefined ? openNft(machine) : machine.nftables();
    if (nft === undefined) addIptablesMasquerade(xtablesOf(caller), owner, addresses);
    else nft.run(masqueradeCommands(owner, addresses));
  } catch (error) {
    throw inContext("failed to set up ipMasq", error);
  }
}

/** Removes an attachment's rules, whichever plugin and backend made them, and however often it is called. */
export function removeMasquerade(caller: Caller, owner: MasqueradeOwner): void {
  const nft = openNft(caller.machine);
  const hash = ownerHash(owner);
  runAll([
    () => nft && removeRules(nft, (comment) => comment.startsWith(hash)),
    () => removeIptablesMasquerade(xtablesOf(caller), nft, owner),
  ]);
}

/** Whether an attachment's nftables rules are there. Undefined where there is no nftables. */
export function hasMasquerade(machine: Machine, owner: MasqueradeOwner): boolean | undefined {
  const nft = openNft(machine);
  const hash = ownerHash(owner);
  return nft && ruleHandles(nft, { ...TABLE, chain: RULES }, (comment) => comment.startsWith(hash)).length > 0;
}

/** Removes the rules of a network that are of no valid attachment. `backend`: what the network's configuration says. */
export function collectMasquerade(
  caller: Caller,
  backend: unknown,
  network: string,
  valid: readonly Attachment[],
): void {
  const nft = openNft(caller.machine);
  const ofNetwork = `${networkHash(network)}-`;
  const kept = new Set(valid.map((attachment) => ownerHash({ network, ...attachment })));
  const hashLength = ofNetwork.length + HASH_LENGTH;
  const isToGo = (comment: string): boolean => comment.startsWith(ofNetwork) && !kept.has(comment.slice(0, hashLength));
  runAll([
    () => nft && removeRules(nft, isToGo),
    () => {
      // Its chains cannot be told without a program, which is started only where they may be.
      const mayHaveChains = backend === "iptables" || nft === undefined;
      if (mayHaveChains) collectIptablesMasquerade(xtablesOf(caller), nft, network, valid);
    },
  ]);
}
