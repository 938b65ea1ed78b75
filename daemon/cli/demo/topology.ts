// The demo's network: one switch namespace with the underlay bridge, and a namespace per host with an eth0 on it.
// The namespaces have no names: they are held by this process's descriptors alone, so that nothing can stay behind.
import type { Address, Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { anonymousNetns, withNetns } from "#kernel/netns";
import { ADDRESS_FLAG, addrNew } from "#kernel/netlink/addr";
import { linkGet, linkNew, linkSet } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import type { Sys } from "#kernel/sys";
import { writeSysctl } from "#kernel/sysctl";

/** Addresses for documentation (RFC 5737, RFC 3849): no real host of the user's can be meant. */
const UNDERLAY: Readonly<Record<Family, Prefix>> = {
  4: Prefix.parse("192.0.2.0/24"),
  6: Prefix.parse("2001:db8::/64"),
};

/** Of the switch, behind all hosts' numbers. */
const SWITCH_NUMBER = 254;

export interface Namespace {
  readonly name: string;
  readonly fd: number;
  /** A path that other processes may open while this process lives. */
  readonly path: string;
}

export interface Topology {
  readonly switch: Namespace;
  readonly switchAddress: Address;
  readonly hosts: readonly Namespace[];
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

export function makeTopology(sys: Sys, hostCount: number, families: readonly Family[]): Topology {
  const underlay = makeNamespace(sys, "underlay");
  const hosts = Array.from({ length: hostCount }, (_, i) => makeNamespace(sys, `host${i + 1}`));
  const [first] = families;
  withNetns(sys, underlay.fd, () => {
    using socket = NetlinkSocket.open(sys);
    socket.request(linkNew({ name: "underlay", up: true, kind: { kind: "bridge" } }));
    const bridge = indexOf(socket, "underlay");
    for (const family of families) socket.request(addressOf(family, SWITCH_NUMBER, bridge));
    for (const host of hosts) {
      const peer = { name: "eth0", netnsFd: host.fd };
      socket.request(linkNew({ name: host.name, master: bridge, up: true, kind: { kind: "veth", peer } }));
    }
  });
  for (const [i, host] of hosts.entries()) {
    withNetns(sys, host.fd, () => {
      using socket = NetlinkSocket.open(sys);
      const eth0 = indexOf(socket, "eth0");
      for (const family of families) socket.request(addressOf(family, i + 1, eth0));
      // Neighbours are asked for from the link-local address, which would wait a second for its duplicate to answer.
      if (families.includes(6)) writeSysctl("net/ipv6/conf/eth0/accept_dad", "0");
      socket.request(linkSet(eth0, { up: true }));
    });
  }
  return { switch: underlay, switchAddress: UNDERLAY[first ?? 4].first.add(SWITCH_NUMBER), hosts };
}

function addressOf(family: Family, number: number, index: number): Message {
  const { first, length } = UNDERLAY[family];
  // Nobody else is there to have the same.
  const flags = family === 6 ? { flags: ADDRESS_FLAG.noDad } : {};
  return addrNew({ index, address: Prefix.of(first.add(number), length), ...flags });
}

function indexOf(socket: NetlinkSocket, name: string): number {
  const link = linkGet(socket, { name });
  if (link === undefined) throw new Error(`the link ${name} has just been made and is not there`);
  return link.index;
}
