// CHECK of a plugin that makes one interface in the container: it is there, of its kind, with what the result lists.
import { linkGet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { ipamType, previousResult } from "../config.ts";
import { failure } from "../error.ts";
import type { Call } from "../plugin.ts";
import type { Result } from "../result/types.ts";
import { checkAddresses, checkMac, checkRoutes } from "./check.ts";

export interface Inspected {
  readonly link: Link;
  readonly result: Result;
  /** In the container's namespace. */
  readonly socket: NetlinkSocket;
}

/**
 * Calls IPAM's CHECK and compares the interface with the previous result.
 * @param kind of the link, undefined for any
 * @param more what else the plugin knows of it
 */
export function inspectInterface(call: Call, kind: string | undefined, more: (inspected: Inspected) => void): void {
  const { config, environment, machine, netns } = call;
  const type = ipamType(config);
  if (type !== undefined) call.delegates.check(type, config.document);
  const result = previousResult(config);
  if (result === undefined) throw failure("Required prevResult missing");
  const { ifname } = environment;
  const expected = result.interfaces.find((item) => item.name === ifname && item.sandbox === environment.netns);
  if (expected === undefined) {
    throw failure(`Sandbox in prevResult doesn't match configured netns: ${environment.netns} has no ${ifname} there`);
  }
  using socket = withNetns(machine.sys, netns!, () => NetlinkSocket.open(machine.sys));
  const link = linkGet(socket, { name: ifname });
  if (link === undefined) throw failure(`Container Interface name in prevResult: ${ifname} not found`);
  if (kind !== undefined && link.kind?.kind !== kind)
    throw failure(`Container interface ${ifname} not of type ${kind}`);
  checkMac(link, expected, `Interface ${ifname} Mac ${expected.mac ?? ""} doesn't match container Mac`);
  if (!link.up) throw failure(`Interface ${ifname} is down`);
  const index = result.interfaces.indexOf(expected);
  const ips = result.ips.filter((ip) => ip.interface === undefined || ip.interface === index);
  checkAddresses(socket, link, { ...result, ips });
  checkRoutes(socket, link, result.routes);
  more({ link, result, socket });
}
