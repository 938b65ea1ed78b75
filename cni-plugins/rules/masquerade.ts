// Masquerading of what containers send out of their network. The table, chains, rules and comments are those of the
// reference plugins' nftables backend (pkg/ip/ipmasq_nftables_linux.go), so that either can remove what the other made.
// iptables (iptables.ts) only where it is asked for, or where there is no nftables.
import type { Prefix } from "#kernel/ip/prefix";
import type { Nftables } from "#kernel/nft/nftables";
import type { NetworkAttachment, Attachment } from "../attachments.ts";
import { inContext, runAll } from "../error.ts";
import type { Call, Machine } from "../plugin.ts";
import { nftablesIfThere } from "./backend.ts";
import { addIptablesMasquerade, collectIptablesMasquerade, removeIptablesMasquerade } from "./iptables.ts";
import { ruleHandles } from "./nft-rules.ts";
import { ownerComment, ownerMark, staleMarks } from "./owner.ts";
import { Xtables } from "./xtables.ts";

export const MASQUERADE_BACKENDS = ["nftables", "iptables"] as const;
export type MasqueradeBackend = (typeof MASQUERADE_BACKENDS)[number];

const TABLE = { family: "inet", table: "cni_plugins_masquerade" } as const;
const RULES = "masq_checks";
const BASE = "postrouting";
/** "srcnat" of nft(8). */
const PRIORITY_SRCNAT = 100;

function match(protocol: string, field: string, op: "==" | "!=", right: unknown): object {
  return { match: { op, left: { payload: { protocol, field } }, right } };
}

function prefixExpression(prefix: Prefix): object {
  return { prefix: { addr: prefix.first.toString(), len: prefix.length } };
}

/** One transaction that makes sure of table and chains, and adds a rule for each address. */
export function masqueradeCommands(owner: NetworkAttachment, addresses: readonly Prefix[]): object[] {
  const comment = ownerComment(owner);
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

/** Who calls: the machine, and the variables for programs. */
type Caller = Pick<Call, "machine" | "environment">;

function xtablesOf({ machine, environment }: Caller): Xtables {
  return new Xtables(machine.sys, environment.variables);
}

export function addMasquerade(
  caller: Caller,
  backend: MasqueradeBackend | undefined,
  owner: NetworkAttachment,
  addresses: readonly Prefix[],
): void {
  const { machine } = caller;
  try {
    const nft =
      backend === "iptables" ? undefined : backend === undefined ? nftablesIfThere(machine) : machine.nftables();
    if (nft === undefined) addIptablesMasquerade(xtablesOf(caller), owner, addresses);
    else nft.run(masqueradeCommands(owner, addresses));
  } catch (error) {
    throw inContext("failed to set up ipMasq", error);
  }
}

/** Removes an attachment's rules, whichever plugin and backend made them, and however often it is called. */
export function removeMasquerade(caller: Caller, owner: NetworkAttachment): void {
  const nft = nftablesIfThere(caller.machine);
  const mark = ownerMark(owner);
  runAll([
    () => nft && removeRules(nft, (comment) => comment.startsWith(mark)),
    () => removeIptablesMasquerade(xtablesOf(caller), nft, owner),
  ]);
}

/** Whether an attachment's nftables rules are there. Undefined where there is no nftables. */
export function hasMasquerade(machine: Machine, owner: NetworkAttachment): boolean | undefined {
  const nft = nftablesIfThere(machine);
  const mark = ownerMark(owner);
  return nft && ruleHandles(nft, { ...TABLE, chain: RULES }, (comment) => comment.startsWith(mark)).length > 0;
}

/** Removes the rules of a network that are of no valid attachment. `backend`: what the network's configuration says. */
export function collectMasquerade(
  caller: Caller,
  backend: unknown,
  network: string,
  valid: readonly Attachment[],
): void {
  const nft = nftablesIfThere(caller.machine);
  const isToGo = staleMarks(network, valid);
  runAll([
    () => nft && removeRules(nft, isToGo),
    () => {
      // Its chains cannot be told without a program, which is started only where they may be.
      const mayHaveChains = backend === "iptables" || nft === undefined;
      if (mayHaveChains) collectIptablesMasquerade(xtablesOf(caller), nft, network, valid);
    },
  ]);
}
