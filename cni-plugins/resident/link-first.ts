// The host's end of a veth pair that a DEL will delete. The kernel takes 20 ms for that, most of them waiting for whoever
// may still read from the link and for its one lock, and many can wait at once: so the client deletes it, each its own, if
// it bears the attachment's mark, and then asks for the rest. A DEL may find anything gone already, so that nothing else
// changes. Asking here for the mark would take the lock.
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import { Fields, isObject } from "../fields.ts";
import { attachmentAlias, hostVethName } from "../interface/marks.ts";
import type { MarkedLink, Request } from "./protocol.ts";

/** The plugins whose attachment is a veth pair with our mark on the host's end. */
const VETH_PLUGINS = new Set(["bridge", "flannel", "ptp"]);

/** By name it is the attachment's; undefined where there is none, or the call is no DEL of one. */
export function linkToDeleteFirst(sys: Sys, { plugin, variables, input, isSecond }: Request): MarkedLink | undefined {
  if (isSecond || variables["CNI_COMMAND"] !== "DEL" || !VETH_PLUGINS.has(plugin)) return undefined;
  const network = networkOf(input);
  const { CNI_CONTAINERID: containerId = "", CNI_IFNAME: ifname = "" } = variables;
  if (network === undefined || containerId === "" || ifname === "") return undefined;
  using socket = NetlinkSocket.open(sys);
  const index = socket.linkIndex(hostVethName(network, containerId, ifname));
  return index === undefined ? undefined : { index, alias: attachmentAlias(network, containerId, ifname) };
}

function networkOf(input: string): string | undefined {
  try {
    const document: unknown = JSON.parse(input);
    const name = isObject(document) ? new Fields(document).raw("name") : undefined;
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
