// The demo's network: one switch namespace with the underlay bridge, and a namespace per host with an eth0 on it.
// The namespaces have no names: they are held by this process's descriptors alone, so that nothing can stay behind.
import type { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { anonymousNetns, withNetns } from "#kernel/netns";
import { addrNew } from "#kernel/netlink/addr";
import { linkGet, linkNew, linkSet } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";

/** Addresses for documentation (RFC 5737): no real host of the user's can be meant. */
const UNDERLAY = Prefix.parse("192.0.2.0/24");
const SWITCH_ADDRESS = UNDERLAY.last.add(-1n);

export interface Namespace {
  readonly name: string;
  readonly fd: number;
  /** A path that other processes may open while this process lives. */
  readonly path: string;
}

export interface DemoHost extends Namespace {
  readonly address: Address;
}

export interface Topology {
  readonly switch: Namespace;
  readonly switchAddress: Address;
  readonly hosts: readonly DemoHost[];
}

export function makeNamespace(sys: Sys, name: string): Namespace {
  const fd = anonymousNetns(sys);
  withNetns(sys, fd, () => {
    using socket = NetlinkSocket.open(sys);
    const lo = linkGet(socket, { name: "lo" });
    if (lo) socket.request(linkSet(lo.index, { up: true }));
  });
  return { name, fd, path: `/proc/${process.pid}/fd/${fd}` };
}

export function makeTopology(sys: Sys, hostCount: number): Topology {
  const underlay = makeNamespace(sys, "underlay");
  const hosts = Array.from({ length: hostCount }, (_, i) => ({
    ...makeNamespace(sys, `host${i + 1}`),
    address: UNDERLAY.first.add(i + 1),
  }));
  withNetns(sys, underlay.fd, () => {
    using socket = NetlinkSocket.open(sys);
    socket.request(linkNew({ name: "underlay", up: true, kind: { kind: "bridge" } }));
    const bridge = indexOf(socket, "underlay");
    socket.request(addrNew({ index: bridge, address: Prefix.of(SWITCH_ADDRESS, UNDERLAY.length) }));
    for (const host of hosts) {
      const peer = { name: "eth0", netnsFd: host.fd };
      socket.request(linkNew({ name: host.name, master: bridge, up: true, kind: { kind: "veth", peer } }));
    }
  });
  for (const host of hosts) {
    withNetns(sys, host.fd, () => {
      using socket = NetlinkSocket.open(sys);
      const eth0 = indexOf(socket, "eth0");
      socket.request(addrNew({ index: eth0, address: Prefix.of(host.address, UNDERLAY.length) }));
      socket.request(linkSet(eth0, { up: true }));
    });
  }
  return { switch: underlay, switchAddress: SWITCH_ADDRESS, hosts };
}

function indexOf(socket: NetlinkSocket, name: string): number {
  const link = linkGet(socket, { name });
  if (link === undefined) throw new Error(`the link ${name} has just been made and is not there`);
  return link.index;
}
