// portmap: makes ports of the host the container's. The reference plugin's counterpart; README.md tells what differs.
import { FAMILIES, type Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { linkGet } from "#kernel/netlink/link";
import { routeGet } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Nftables } from "#kernel/nft/nftables";
import type { Sys } from "#kernel/sys";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { attachmentOf, validAttachments, type NetworkAttachment } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { failure, inContext, runAll } from "../../error.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { nftablesIfThere, requireAvailable } from "../../rules/backend.ts";
import { ownerMark, staleMarks } from "../../rules/owner.ts";
import { Xtables } from "../../rules/xtables.ts";
import { containerAddresses, mappingsOf, portmapConfig, type PortmapConfig } from "./config.ts";
import {
  addIptablesMappings,
  checkIptablesMappings,
  collectIptablesMappings,
  removeIptablesMappings,
} from "./iptables.ts";
import type { Element } from "./nft-elements.ts";
import { addMappings, checkMappings, removeMappings, removeReferenceRules } from "./nftables.ts";
import { forgetAfterMapping, forgetBeforeMapping, type RemovedMapping } from "./stale-connections.ts";

export const portmap: Plugin = { name: "portmap", usesNetns: false, add, del, check, gc, status };

function programs({ environment, machine }: Call): Xtables {
  return new Xtables(machine, environment.variables);
}

/** nftables where the configuration wants it, or leaves it open and the host has it. */
function nftablesFor({ machine }: Call, { backend }: PortmapConfig): Nftables | undefined {
  if (backend === "iptables") return undefined;
  return backend === "nftables" ? machine.nftables() : nftablesIfThere(machine);
}

/** The container's addresses that a mapping is for. */
function mappedAddresses(config: PortmapConfig, result: Result, ifname: string): Prefix[] {
  const addresses = containerAddresses(result, ifname);
  return FAMILIES.flatMap((family) =>
    mappingsOf(config.mappings, family).length > 0 ? (addresses[family] ?? []) : [],
  );
}

function add(call: Call): Result {
  const config = portmapConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("must be called as chained plugin");
  const addresses = mappedAddresses(config, result, call.environment.ifname);
  if (addresses.length === 0) return result;
  const { sys } = call.machine;
  const v4 = addresses.find(({ family }) => family === 4);
  if (v4 !== undefined && config.snat) allowLoopbackSources(sys, v4);
  const nft = nftablesFor(call, config);
  const owner = attachmentOf(call);
  if (nft !== undefined) addMappings(call.machine, nft, owner, config, addresses);
  else addWithIptables(call, owner, config, addresses);
  const families = addresses.map(({ family }): Family => family);
  // Only stale entries are at stake, and they time out.
  ignoreFailure(() => forgetBeforeMapping(call.machine, config.mappings, families));
  return result;
}

/** One family may be done when the other fails. */
function addWithIptables(
  call: Call,
  owner: NetworkAttachment,
  config: PortmapConfig,
  addresses: readonly Prefix[],
): void {
  const xtables = programs(call);
  try {
    addIptablesMappings(xtables, owner, config, addresses);
  } catch (error) {
    ignoreFailure(() => void removeIptablesMappings(xtables, owner));
    throw error;
  }
}

function ignoreFailure(step: () => void): void {
  try {
    step();
  } catch {
    return;
  }
}

/**
 * Lets packets from 127.0.0.0/8 out by the link that leads to the container (ip-sysctl.rst, route_localnet), for the host's own
 * connections to its mapped ports.
 */
function allowLoopbackSources(sys: Sys, address: Prefix): void {
  const name = linkTowards(sys, address);
  if (name === undefined) return;
  const sysctl = `net/ipv4/conf/${name}/route_localnet`;
  try {
    if (readSysctl(sysctl) !== "1") writeSysctl(sysctl, "1");
  } catch (error) {
    throw inContext("unable to enable route_localnet", error);
  }
}

function linkTowards(sys: Sys, address: Prefix): string | undefined {
  using socket = NetlinkSocket.open(sys);
  try {
    const { oif } = routeGet(socket, address.address);
    return oif === undefined ? undefined : linkGet(socket, { index: oif })?.name;
  } catch {
    // No route: nothing on this host reaches the container anyway.
    return undefined;
  }
}

function del(call: Call): void {
  const { environment, machine } = call;
  const owner = attachmentOf(call);
  const mark = ownerMark(owner);
  const removed: RemovedMapping[] = [];
  runAll([
    () => removed.push(...udpMappings(removeMappings(machine, (comment) => comment.startsWith(mark)))),
    () => removeReferenceRules(machine, environment.containerId),
    () => removed.push(...removeIptablesMappings(programs(call), owner)),
  ]);
  ignoreFailure(() => forgetAfterMapping(machine, removed));
}

/** `[address .] udp . port` → `address . port` */
function udpMappings(elements: readonly Element[]): RemovedMapping[] {
  return elements.flatMap(({ key, value }) => {
    const [port, protocol] = key.split(" . ").toReversed();
    const container = value?.split(" . ")[0];
    if (protocol !== "udp" || container === undefined) return [];
    return [{ family: container.includes(":") ? 6 : 4, hostPort: Number(port), container } satisfies RemovedMapping];
  });
}

function check(call: Call): void {
  const config = portmapConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("Required prevResult missing");
  const addresses = mappedAddresses(config, result, call.environment.ifname);
  if (addresses.length === 0) return;
  const nft = nftablesFor(call, config);
  if (nft !== undefined) checkMappings(call.machine, attachmentOf(call), config, addresses);
  else checkIptablesMappings(programs(call), attachmentOf(call), config, addresses);
}

function gc(call: Call): void {
  const valid = validAttachments(call.config);
  if (valid === undefined) return;
  const { config, machine } = call;
  runAll([
    () => {
      const removed = udpMappings(removeMappings(machine, staleMarks(config.name, valid)));
      ignoreFailure(() => forgetAfterMapping(machine, removed));
    },
    () => collectIptablesMappings(programs(call), config.name, valid),
  ]);
}

function status(call: Call): void {
  const config = portmapConfig(call.config);
  requireAvailable(() => {
    if (nftablesFor(call, config) === undefined) programs(call).requirePrograms([4]);
  });
}
