// firewall: lets through what containers send and what answers it, and keeps bridges apart. The reference plugin's counterpart;
// README.md tells what differs.
import type { Prefix } from "#kernel/ip/prefix";
import { linkGet } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { attachmentOf, validAttachments } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { failure, runAll } from "../../error.ts";
import { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { nftablesIfThere, requireAvailable } from "../../rules/backend.ts";
import { ownerMark, staleMarks } from "../../rules/owner.ts";
import { Xtables } from "../../rules/xtables.ts";
import { addressesOf, bridgeOf, firewallConfig, type Backend, type FirewallConfig } from "./config.ts";
import { Firewalld } from "./firewalld.ts";
import { addIptablesRules, checkIptablesRules, isolateWithIptables, removeIptablesRules } from "./iptables.ts";
import {
  checkAddresses,
  checkIsolation,
  enterAddresses,
  forgetBridges,
  isolateBridge,
  removeAddresses,
  type MarkedAddress,
} from "./nftables.ts";

export const firewall: Plugin = { name: "firewall", usesNetns: false, add, del, check, gc, status };

/** Where the rules of iptables are that could drop what we accept elsewhere. */
const FORWARD = "FORWARD";

function programs({ environment, machine }: Call): Xtables {
  return new Xtables(machine, environment.variables);
}

/** A source of a zone: the address alone, whatever its network. */
function sourceOf({ address }: Prefix): string {
  return `${address.toString()}/${address.bits}`;
}

/**
 * firewalld where it runs. iptables where its FORWARD chain is in use, as what another table accepts that chain may still drop.
 * Else nftables.
 */
function chooseBackend(call: Call, { backend }: FirewallConfig): Backend {
  if (backend !== undefined) return backend;
  const { environment, machine } = call;
  using firewalld = Firewalld.find(machine.sys, environment.variables);
  if (firewalld !== undefined) return "firewalld";
  const nft = nftablesIfThere(machine);
  const isInUse = programs(call).variantsWith(4, "filter", FORWARD).length > 0;
  return nft === undefined || isInUse ? "iptables" : "nftables";
}

function add(call: Call): Result {
  const config = firewallConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("missing prevResult from earlier plugin");
  const bridge = config.ingressPolicy === "open" ? undefined : bridgeOf(result, config.ingressPolicy);
  const addresses = addressesOf(result);
  if (addresses.length === 0) return result;
  const undo = new Undo();
  undo.add(() => remove(call, addresses));
  try {
    addRules(call, chooseBackend(call, config), config, addresses, bridge);
  } catch (error) {
    undo.run();
    throw error;
  }
  return result;
}

function addRules(
  call: Call,
  backend: Backend,
  config: FirewallConfig,
  addresses: readonly Prefix[],
  bridge: string | undefined,
): void {
  const owner = attachmentOf(call);
  const { environment, machine } = call;
  if (backend === "iptables") {
    const xtables = programs(call);
    addIptablesRules(xtables, owner, config, addresses);
    if (bridge !== undefined) isolateWithIptables(xtables, bridge, config.ingressPolicy, addresses);
    return;
  }
  if (backend === "firewalld") {
    using firewalld = Firewalld.require(machine.sys, environment.variables);
    // Entered first: what firewalld was told of can be found again, whatever happens.
    enterAddresses(machine, owner, "trusted", addresses);
    for (const address of addresses) firewalld.addSource(config.zone, sourceOf(address));
  } else {
    enterAddresses(machine, owner, "accepted", addresses);
  }
  if (bridge !== undefined) isolateBridge(machine, bridge, config.ingressPolicy);
}

function del(call: Call): void {
  let addresses: readonly Prefix[] = [];
  try {
    const result = previousResult(call.config);
    if (result !== undefined) addresses = addressesOf(result);
  } catch {
    // Of use for what the reference plugin made alone; ours is found without.
  }
  remove(call, addresses);
}

/** Removes what an attachment has, whichever backend it is in. `addresses`: for what bears no mark. */
function remove(call: Call, addresses: readonly Prefix[]): void {
  const mark = ownerMark(attachmentOf(call));
  const isOwn = (comment: string): boolean => comment.startsWith(mark);
  const asked = call.config.fields.raw("backend");
  const unmarked = asked === "firewalld" ? addresses.map(sourceOf) : [];
  runAll([() => forgetAddresses(call, isOwn, unmarked), () => removeIptablesRules(programs(call), isOwn, addresses)]);
}

/** Removes elements, and from firewalld those it was told of. */
function forgetAddresses(call: Call, isToGo: (comment: string) => boolean, unmarked: readonly string[] = []): void {
  const removed = removeAddresses(call.machine, isToGo);
  const trusted = removed.filter(({ set }) => set === "trusted").map(zoneSource);
  const sources = [...new Set([...trusted, ...unmarked])];
  if (sources.length === 0) return;
  const { zone } = { zone: "trusted", ...zoneOf(call) };
  using firewalld = Firewalld.find(call.machine.sys, call.environment.variables);
  // Stopped, it has forgotten its sources by itself.
  if (firewalld === undefined) return;
  runAll(sources.map((source) => () => firewalld.removeSource(zone, source)));
}

function zoneSource({ family, address }: MarkedAddress): string {
  return `${address}/${family === 4 ? 32 : 128}`;
}

/** The zone as far as the configuration can be read: DEL goes on without. */
function zoneOf({ config }: Call): { readonly zone?: string } {
  const zone = config.fields.raw("firewalldZone");
  return typeof zone === "string" && zone !== "" ? { zone } : {};
}

function check(call: Call): void {
  const config = firewallConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("missing prevResult from earlier plugin");
  const addresses = addressesOf(result);
  if (addresses.length === 0) return;
  const { environment, machine } = call;
  const bridge = config.ingressPolicy === "open" ? undefined : bridgeOf(result, config.ingressPolicy);
  const backend = chooseBackend(call, config);
  if (backend === "iptables") {
    checkIptablesRules(programs(call), config, addresses, bridge);
    return;
  }
  checkAddresses(machine, attachmentOf(call), backend === "firewalld" ? "trusted" : "accepted", addresses);
  if (bridge !== undefined) checkIsolation(machine, bridge, config.ingressPolicy);
  if (backend !== "firewalld") return;
  using firewalld = Firewalld.require(machine.sys, environment.variables);
  const missing = addresses.map(sourceOf).find((source) => !firewalld.hasSource(config.zone, source));
  if (missing !== undefined) throw failure(`failed to find the address ${missing} in ${config.zone} zone`);
}

function gc(call: Call): void {
  const valid = validAttachments(call.config);
  if (valid === undefined) return;
  const isStale = staleMarks(call.config.name, valid);
  runAll([
    () => forgetAddresses(call, isStale),
    () => removeIptablesRules(programs(call), isStale),
    () => {
      using socket = NetlinkSocket.open(call.machine.sys);
      forgetBridges(call.machine, (name) => linkGet(socket, { name }) !== undefined);
    },
  ]);
}

function status(call: Call): void {
  const config = firewallConfig(call.config);
  requireAvailable(() => {
    const backend = chooseBackend(call, config);
    if (backend === "iptables") programs(call).requirePrograms([4]);
    else call.machine.nftables();
    if (backend === "firewalld") Firewalld.require(call.machine.sys, call.environment.variables)[Symbol.dispose]();
  });
}
