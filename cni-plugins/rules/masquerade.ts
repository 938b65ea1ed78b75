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
import { baseComment, changedChains, isNotFound, ruleHandles, type BaseRule } from "./nft-rules.ts";
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

function isMulticast(protocol: string, addr: string, len: number): object {
  return match(protocol, "daddr", "==", { prefix: { addr, len } });
}

/** The rules of the chain that the kernel calls, as JSON. */
const BASE_RULES: readonly BaseRule[] = [
  [isMulticast("ip", "224.0.0.0", 4), { return: null }],
  [isMulticast("ip6", "ff00::", 8), { return: null }],
  [{ goto: { target: RULES } }],
].map((expr) => ({ chain: BASE, text: JSON.stringify(expr) }));

/** The table and what is the same for every container. Said again it changes nothing, and repairs what was changed. */
function baseCommands(): object[] {
  const hook = { type: "nat", hook: "postrouting", prio: PRIORITY_SRCNAT, policy: "accept" };
  return [
    { add: { table: { family: TABLE.family, name: TABLE.table } } },
    { add: { chain: { ...TABLE, name: RULES } } },
    { add: { chain: { ...TABLE, name: BASE, ...hook } } },
    { flush: { chain: { ...TABLE, name: BASE } } },
    ...BASE_RULES.map((rule) => {
      const expr = JSON.parse(rule.text) as object[];
      return { add: { rule: { ...TABLE, chain: BASE, expr, comment: baseComment(rule) } } };
    }),
  ];
}

/** A rule for each address. */
function addressCommands(owner: NetworkAttachment, addresses: readonly Prefix[]): object[] {
  const comment = ownerComment(owner);
  return addresses.map((prefix) => {
    const protocol = prefix.family === 4 ? "ip" : "ip6";
    const expr = [
      match(protocol, "saddr", "==", prefix.address.toString()),
      match(protocol, "daddr", "!=", prefixExpression(prefix)),
      { masquerade: null },
    ];
    return { add: { rule: { ...TABLE, chain: RULES, expr, comment } } };
  });
}

/** One transaction. */
function addRules(machine: Machine, nft: Nftables, owner: NetworkAttachment, addresses: readonly Prefix[]): void {
  const own = addressCommands(owner, addresses);
  if (changedChains(machine, TABLE, BASE_RULES).length === 0) {
    try {
      nft.run(own);
      return;
    } catch (error) {
      // The table was taken away since.
      if (!isNotFound(error)) throw error;
    }
  }
  nft.run([...baseCommands(), ...own]);
}

function removeRules(machine: Machine, isToGo: (comment: string) => boolean): void {
  const handles = ruleHandles(machine, { ...TABLE, chain: RULES }, isToGo);
  if (handles.length === 0) return;
  machine.nftables().run(handles.map((handle) => ({ delete: { rule: { ...TABLE, chain: RULES, handle } } })));
}

/** Who calls: the machine, and the variables for programs. */
type Caller = Pick<Call, "machine" | "environment">;

function xtablesOf({ machine, environment }: Caller): Xtables {
  return new Xtables(machine, environment.variables);
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
    else addRules(machine, nft, owner, addresses);
  } catch (error) {
    throw inContext("failed to set up ipMasq", error);
  }
}

/** Removes an attachment's rules, whichever plugin and backend made them, and however often it is called. */
export function removeMasquerade(caller: Caller, owner: NetworkAttachment): void {
  const mark = ownerMark(owner);
  runAll([
    () => removeRules(caller.machine, (comment) => comment.startsWith(mark)),
    () => removeIptablesMasquerade(xtablesOf(caller), owner),
  ]);
}

/** Whether an attachment's nftables rules are there. Undefined where there is no nftables. */
export function hasMasquerade(machine: Machine, owner: NetworkAttachment): boolean | undefined {
  if (nftablesIfThere(machine) === undefined) return undefined;
  const mark = ownerMark(owner);
  return ruleHandles(machine, { ...TABLE, chain: RULES }, (comment) => comment.startsWith(mark)).length > 0;
}

/** Removes the rules of a network that are of no valid attachment. `backend`: what the network's configuration says. */
export function collectMasquerade(
  caller: Caller,
  backend: unknown,
  network: string,
  valid: readonly Attachment[],
): void {
  const isToGo = staleMarks(network, valid);
  runAll([
    () => removeRules(caller.machine, isToGo),
    () => {
      // Its chains cannot be told without a program, which is started only where they may be.
      const mayHaveChains = backend === "iptables" || nftablesIfThere(caller.machine) === undefined;
      if (mayHaveChains) collectIptablesMasquerade(xtablesOf(caller), network, valid);
    },
  ]);
}
