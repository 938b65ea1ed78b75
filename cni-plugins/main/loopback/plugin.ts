// loopback: brings up `lo` in the container's namespace. The interface name of the call is not used.
import { withNetns } from "#kernel/netns";
import { addrDump } from "#kernel/netlink/addr";
import { linkGet, linkSet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { FAMILIES } from "#kernel/ip/address";
import type { Sys } from "#kernel/sys";
import { previousResult } from "../../config.ts";
import { failure } from "../../error.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";

const NAME = "lo";
/** What the kernel shows for `lo`, and the reference plugin prints. */
const NO_MAC = "00:00:00:00:00:00";

export const loopback: Plugin = { name: "loopback", usesNetns: true, add, del, check, gc: nothing, status: nothing };

/** Nothing of ours outlives the namespace, and nothing can be missing for ADD. */
function nothing(): void {}

/** A socket in the container's namespace, with its `lo`. */
function inContainer<T>(sys: Sys, netns: number, use: (socket: NetlinkSocket, link: Link) => T): T {
  using socket = withNetns(sys, netns, () => NetlinkSocket.open(sys));
  const link = linkGet(socket, { name: NAME });
  if (link === undefined) throw failure("the network namespace has no lo");
  return use(socket, link);
}

function add({ config, environment, machine, netns }: Call): Result {
  const previous = previousResult(config);
  const addresses = inContainer(machine.sys, netns!, (socket, link) => {
    socket.request(linkSet(link.index, { up: true }));
    return addrDump(socket, { index: link.index });
  });
  const foreign = addresses.find(({ address }) => !address.address.isLoopback);
  if (foreign !== undefined) {
    throw failure(`loopback interface found with non-loopback address "${foreign.address.address.toString()}"`);
  }
  if (previous !== undefined) return previous;
  const ips = FAMILIES.flatMap((family) => {
    const first = addresses.find(({ address }) => address.family === family);
    return first === undefined ? [] : [{ interface: 0, address: first.address }];
  });
  return { interfaces: [{ name: NAME, mac: NO_MAC, sandbox: environment.netns }], ips, routes: [], dns: {} };
}

function del({ machine, netns }: Call): void {
  if (netns === undefined) return;
  inContainer(machine.sys, netns, (socket, link) => socket.request(linkSet(link.index, { up: false })));
}

function check({ machine, netns }: Call): void {
  const isUp = inContainer(machine.sys, netns!, (_, link) => link.up);
  if (!isUp) throw failure("loopback interface is down");
}
