// Sending and receiving on a container's interface: packet(7) as long as it has no address, udp(7) afterwards. A socket
// keeps its network namespace alive, so that one is open only while an answer is awaited.
import type { Address } from "#kernel/ip/address";
import { linkGet, linkSet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { isNetns, withNetns } from "#kernel/netns";
import { orThrow } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { BROADCAST, CLIENT_PORT, SERVER_PORT, unwrap, wrap } from "./datagram.ts";
import { NO_ADDRESS } from "./message.ts";

export interface Transport {
  /** To be polled for reading. */
  readonly fd: number;
  send(message: Uint8Array, to: Address): void;
  /** The next DHCP message that has come; undefined when there is none. */
  receive(): Uint8Array | undefined;
  /** Hardware address that the last message came from, where that is known. */
  readonly sender: Uint8Array | undefined;
  close(): void;
}

/** The interface of a lease, and how it is reached. */
export interface Port {
  /** Undefined when the namespace or the interface is gone. Sets it up when it is down. */
  find(): Link | undefined;
  /** Before there is an address. */
  openPacket(link: Link): Transport;
  /** With an address. */
  openUdp(address: Address): Transport;
  /** One message to a neighbour whose hardware address is known: it leaves at once, and asks for nobody's address. */
  sendPacket(link: Link, message: Uint8Array, path: PacketPath): void;
  takeDown(): void;
}

export interface PacketPath {
  readonly from: Address;
  readonly to: Address;
  readonly hardware: Uint8Array;
}

/** bits/socket.h, linux/if_ether.h, linux/if_packet.h */
const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const ETH_P_IP = 0x0800;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_BINDTODEVICE = 25;
const MSG_DONTWAIT = 0x40;
const LINK_ADDRESS_LENGTH = 20;
const MAC_LENGTH = 6;
/** More than any server sends: the interface's MTU bounds it. */
const BUFFER_SIZE = 9216;
/** Packets of others on the link, at most so many of which are looked at in one turn. */
const DRAIN_LIMIT = 256;

/** struct sockaddr_ll of linux/if_packet.h. */
function linkAddress(index: number, mac?: Uint8Array): Uint8Array {
  const address = new Uint8Array(LINK_ADDRESS_LENGTH);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_IP);
  view.setInt32(4, index, true);
  if (mac !== undefined) {
    view.setUint8(11, MAC_LENGTH);
    address.set(mac, 12);
  }
  return address;
}

/** The sender of a packet: struct sockaddr_ll, of other sockets nothing. */
function hardwareOf(from: Uint8Array): Uint8Array | undefined {
  return from.length >= LINK_ADDRESS_LENGTH - 2 && from[0] === AF_PACKET && from[11] === MAC_LENGTH
    ? from.slice(12, 18)
    : undefined;
}

/** struct sockaddr_in of linux/in.h. */
function internetAddress(address: Address, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(address.toBytes(), 4);
  return bytes;
}

abstract class SocketTransport implements Transport {
  readonly fd: number;
  protected readonly sys: Sys;
  sender: Uint8Array | undefined;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);

  constructor(sys: Sys, fd: number) {
    this.sys = sys;
    this.fd = fd;
  }

  abstract send(message: Uint8Array, to: Address): void;
  protected abstract open(packet: Uint8Array): Uint8Array | undefined;

  receive(): Uint8Array | undefined {
    for (let turn = 0; turn < DRAIN_LIMIT; turn++) {
      const { length, from } = this.sys.receiveFrom(this.fd, this.#buffer, MSG_DONTWAIT);
      if (length < 0) return undefined;
      const message = this.open(this.#buffer.subarray(0, length));
      if (message === undefined) continue;
      this.sender = hardwareOf(from);
      return message.slice();
    }
    return undefined;
  }

  close(): void {
    this.sys.close(this.fd);
  }
}

class PacketTransport extends SocketTransport {
  readonly #to: Uint8Array;

  constructor(sys: Sys, fd: number, index: number) {
    super(sys, fd);
    this.#to = linkAddress(index, new Uint8Array(MAC_LENGTH).fill(0xff));
  }

  send(message: Uint8Array): void {
    orThrow(this.sys.sendTo(this.fd, wrap(message, NO_ADDRESS, BROADCAST), MSG_DONTWAIT, this.#to), "sendto");
  }

  protected open(packet: Uint8Array): Uint8Array | undefined {
    return unwrap(packet);
  }
}

class UdpTransport extends SocketTransport {
  send(message: Uint8Array, to: Address): void {
    orThrow(this.sys.sendTo(this.fd, message, MSG_DONTWAIT, internetAddress(to, SERVER_PORT)), "sendto");
  }

  protected open(packet: Uint8Array): Uint8Array {
    return packet;
  }
}

/** The interface of a name in the namespace at a path. */
export function containerPort(sys: Sys, netns: string, ifname: string): Port {
  const inside = <T>(fn: () => T): T => withNetns(sys, netns, fn);
  const opened = <T extends Transport>(open: (fd: number) => T, domain: number, protocol: number): T => {
    const fd = inside(() => sys.socket(domain, SOCK_DGRAM, protocol));
    try {
      return open(fd);
    } catch (error) {
      sys.close(fd);
      throw error;
    }
  };
  return {
    find() {
      if (!isNetns(sys, netns)) return undefined;
      using socket = inside(() => NetlinkSocket.open(sys));
      const link = linkGet(socket, { name: ifname });
      if (link !== undefined && !link.up) socket.request(linkSet(link.index, { up: true }));
      return link;
    },
    openPacket: ({ index }) =>
      opened(
        (fd) => {
          sys.bind(fd, linkAddress(index));
          return new PacketTransport(sys, fd, index);
        },
        AF_PACKET,
        // In network order, as socket(2) wants it.
        ((ETH_P_IP & 0xff) << 8) | (ETH_P_IP >>> 8),
      ),
    openUdp: (address) =>
      opened(
        (fd) => {
          sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
          sys.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, 1);
          sys.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${ifname}\0`));
          sys.bind(fd, internetAddress(address, CLIENT_PORT));
          return new UdpTransport(sys, fd);
        },
        AF_INET,
        0,
      ),
    sendPacket({ index }, message, { from, to, hardware }) {
      // Sent only: a protocol of 0 receives nothing.
      const fd = inside(() => sys.socket(AF_PACKET, SOCK_DGRAM, 0));
      try {
        orThrow(sys.sendTo(fd, wrap(message, from, to), MSG_DONTWAIT, linkAddress(index, hardware)), "sendto");
      } finally {
        sys.close(fd);
      }
    },
    takeDown() {
      using socket = inside(() => NetlinkSocket.open(sys));
      socket.request(linkSet({ name: ifname }, { up: false }));
    },
  };
}
