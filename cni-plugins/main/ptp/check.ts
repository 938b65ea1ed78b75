// CHECK: both ends of the pair, the container's addresses and routes, the host's routes to them, the rules of ipMasq.
import { Prefix } from "#kernel/ip/prefix";
import { linkGet } from "#kernel/netlink/link";
import { routeDump } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { attachmentOf } from "../../attachments.ts";
import { failure } from "../../error.ts";
import { checkMac } from "../../interface/check.ts";
import { inspectInterface, type Inspected } from "../../interface/inspect.ts";
import type { Call } from "../../plugin.ts";
import { hasMasquerade } from "../../rules/masquerade.ts";
import { ptpConfig } from "./config.ts";

export function checkAttachment(call: Call): void {
  const config = ptpConfig(call.config);
  inspectInterface(call, "veth", (inspected) => {
    using host = NetlinkSocket.open(call.machine.sys);
    checkHost(host, inspected);
  });
  // The rules of the iptables backend are not looked at: that would take a process for every CHECK.
  if (!config.ipMasq || config.ipMasqBackend === "iptables") return;
  if (hasMasquerade(call.machine, attachmentOf(call)) !== false) return;
  throw failure(`the ipMasq rules of container ${call.environment.containerId} were not found in nftables`);
}

/** The host's end is the container's peer, and leads to the container's addresses. */
function checkHost(host: NetlinkSocket, { link, result }: Inspected): void {
  for (const item of result.interfaces) {
    if (item.sandbox !== undefined) continue;
    const end = linkGet(host, { name: item.name });
    if (end === undefined) throw failure(`Interface name ${item.name} not found`);
    if (end.index !== link.parent || end.parent !== link.index) continue;
    checkMac(end, item, `Interface ${item.name} Mac doesn't match: ${item.mac ?? ""}`);
    const index = result.interfaces.findIndex(({ sandbox, name }) => sandbox !== undefined && name === link.name);
    const routes = routeDump(host, { oif: end.index });
    for (const { address, interface: of } of result.ips) {
      if (of !== undefined && of !== index) continue;
      const { address: alone } = address;
      const wanted = Prefix.of(alone, alone.bits);
      if (routes.some(({ destination }) => destination.equals(wanted))) continue;
      throw failure(`the host has no route to ${alone.toString()} by ${end.name}`);
    }
    return;
  }
  throw failure(`the host's end of ${link.name} was not found`);
}
