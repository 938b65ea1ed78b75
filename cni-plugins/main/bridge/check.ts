// CHECK: what ADD made is still there. Order and texts of the findings follow the reference plugin.
import { linkGet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { attachmentOf } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { failure } from "../../error.ts";
import type { Call } from "../../plugin.ts";
import type { Result, ResultInterface } from "../../result/types.ts";
import { checkAddresses, checkMac, checkRoutes } from "../../interface/check.ts";
import { bridgeConfig, type BridgeConfig } from "./config.ts";
import { hasMasquerade } from "../../rules/masquerade.ts";

export function checkAttachment(call: Call): void {
  const { environment, machine } = call;
  const config = bridgeConfig(call.config, environment.args);
  if (config.ipam !== undefined) call.delegates.check(config.ipam, call.config.document);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("Required prevResult missing");

  using host = NetlinkSocket.open(machine.sys);
  using inside = withNetns(machine.sys, call.netns!, () => NetlinkSocket.open(machine.sys));
  const { ifname, netns } = environment;
  const bridge = checkBridge(host, result, config);
  const expected = result.interfaces.find((item) => item.name === ifname && item.sandbox === netns);
  if (expected === undefined) {
    throw failure(`Sandbox in prevResult doesn't match configured netns: ${netns} has no ${ifname} there`);
  }
  const container = checkContainer(inside, expected);
  checkPort(host, result, bridge, container);
  if (!config.disableContainerInterface && !container.up) throw failure(`Interface ${ifname} is down`);
  checkAddresses(inside, container, result);
  checkRoutes(inside, container, result.routes);
  checkMasquerade(call, config, result);
}

function checkBridge(socket: NetlinkSocket, result: Result, config: BridgeConfig): Link {
  const { bridge: name, promiscMode } = config;
  const expected = result.interfaces.find((item) => item.name === name);
  const link = linkGet(socket, { name });
  if (expected === undefined || link === undefined) {
    throw failure(`CNI created bridge ${name} in host namespace was not found`);
  }
  if (expected.sandbox !== undefined) throw failure(`Interface ${name} should not be in sandbox`);
  if (link.kind?.kind !== "bridge") throw failure(`Interface ${name} does not have link type of bridge`);
  checkMac(link, expected, `Bridge interface ${name} Mac doesn't match: ${expected.mac ?? ""}`);
  const isPromiscuous = (link.promiscuity ?? 0) !== 0;
  // Ports and captures make a bridge promiscuous too: only a mode that is wanted and missing is a fault.
  if (promiscMode && !isPromiscuous) {
    throw failure(`Bridge interface ${name} configured Promisc Mode true doesn't match current state: false`);
  }
  return link;
}

function checkContainer(socket: NetlinkSocket, expected: ResultInterface): Link {
  const { name } = expected;
  const link = linkGet(socket, { name });
  if (link === undefined) throw failure(`CNI created interface in container ${name} not found`);
  if (link.kind?.kind !== "veth") throw failure(`Error: Container interface ${name} not of type veth`);
  checkMac(link, expected, `Interface ${name} Mac ${expected.mac ?? ""} doesn't match container Mac`);
  return link;
}

/** The host's end: among the interfaces of the result, the one that is the container's peer and the bridge's port. */
function checkPort(socket: NetlinkSocket, result: Result, bridge: Link, container: Link): void {
  for (const item of result.interfaces) {
    if (item.sandbox !== undefined || item.name === bridge.name) continue;
    const link = linkGet(socket, { name: item.name });
    if (link === undefined) throw failure(`Interface name ${item.name} not found`);
    const isPort = link.index === container.parent && link.parent === container.index && link.master === bridge.index;
    if (!isPort) continue;
    checkMac(link, item, `Interface ${item.name} Mac doesn't match: ${item.mac ?? ""}`);
    return;
  }
  throw failure(`CNI veth created for bridge ${bridge.name} was not found`);
}

/** The rules of the iptables backend are not looked at: that would take a process for every CHECK. */
function checkMasquerade(call: Call, config: BridgeConfig, result: Result): void {
  if (!config.ipMasq || config.ipMasqBackend === "iptables" || result.ips.length === 0) return;
  const found = hasMasquerade(call.machine, attachmentOf(call));
  if (found === false)
    throw failure(`the ipMasq rules of container ${call.environment.containerId} were not found in nftables`);
}
