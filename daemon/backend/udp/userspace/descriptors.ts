// What the worker reads and writes, opened on the daemon's thread: the TUN device, and for each family a socket at the port and
// one that is only asked for path MTUs.
import type { Address, Family } from "#kernel/ip/address";
import { tunOpen } from "#kernel/netlink/kind/tun";
import { SOL_UDP, UDP_GRO, UDP_SEGMENT } from "#kernel/packets/io";
import type { Sys } from "#kernel/sys";
import type { Offloads, SocketPair } from "./messages.ts";

const AF = { 4: 2, 6: 10 } as const;
const SOCK_DGRAM = 2;
/** IP_MTU_DISCOVER and IPV6_MTU_DISCOVER of linux/in.h and in6.h: always "don't fragment", and EMSGSIZE for what is longer. */
const MTU_DISCOVER = { 4: { level: 0, option: 10 }, 6: { level: 41, option: 23 } } as const;
const PMTUDISC_DO = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** linux/udp.h: datagrams without a checksum are taken. */
const UDP_NO_CHECK6_RX = 102;
/** asm-generic/socket.h */
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_SNDTIMEO = 21;
/** Some milliseconds of a fast network while the worker waits for a processor. */
const BUFFER_BYTES = 8 * 1024 * 1024;
/** A full way out is waited for, so that the device's queue fills and senders slow down; but never for long. */
const SEND_WAIT_US = 100_000n;

/** _IOW('T', 208, unsigned int) of linux/if_tun.h, and what the device may leave to us. */
const TUNSETOFFLOAD = 0x4004_54d0;
const TUN_F = { checksum: 1, tcp4: 2, tcp6: 4, ecn: 8 } as const;

/** sockaddr_in, sockaddr_in6. */
export function socketName(address: Address, port: number): Uint8Array {
  const { family } = address;
  const name = new Uint8Array(family === 4 ? 16 : 28);
  const view = new DataView(name.buffer);
  view.setUint16(0, AF[family], true);
  view.setUint16(2, port);
  name.set(address.toBytes(), family === 4 ? 4 : 8);
  return name;
}

/** @throws Errno; EADDRINUSE where somebody else has the port */
export function openSockets(sys: Sys, local: Address, port: number, offloads: Offloads): SocketPair {
  const { family } = local;
  const fds: number[] = [];
  try {
    for (const own of [port, 0]) {
      const fd = sys.socket(AF[family], SOCK_DGRAM, 0);
      fds.push(fd);
      sys.setsockopt(fd, MTU_DISCOVER[family].level, MTU_DISCOVER[family].option, PMTUDISC_DO);
      if (family === 6) {
        sys.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        // RFC 6935: peers' kernels send none.
        sys.setsockopt(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1);
      }
      sys.bind(fd, socketName(local, own));
    }
    const [data, ask] = fds as [number, number];
    sys.setsockopt(data, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES);
    sys.setsockopt(data, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES);
    sys.setsockopt(data, SOL_SOCKET, SO_SNDTIMEO, new Uint8Array(new BigInt64Array([0n, SEND_WAIT_US]).buffer));
    if (offloads.receive) sys.setsockopt(data, SOL_UDP, UDP_GRO, 1);
    return { data, ask };
  } catch (error) {
    for (const fd of fds) sys.close(fd);
    throw error;
  }
}

/** Attaches to the device, which must be there. @throws Errno; EBUSY where another process is attached */
export function openDevice(sys: Sys, name: string, offloads: Offloads): number {
  const { fd } = tunOpen(sys, { name, mode: "tun", persist: true, vnetHdr: offloads.device });
  try {
    // Also where nothing is left to us: the device remembers what another process took.
    sys.ioctl(fd, TUNSETOFFLOAD, offloads.device ? TUN_F.checksum | TUN_F.tcp4 | TUN_F.tcp6 | TUN_F.ecn : 0);
  } catch (error) {
    sys.close(fd);
    throw error;
  }
  return fd;
}

/** What this kernel has of what is wanted: an option that it does not know is not there. */
export function supportedOffloads(sys: Sys, wanted: Offloads): Offloads {
  const fd = sys.socket(AF[4], SOCK_DGRAM, 0);
  const has = (option: number): boolean => {
    try {
      sys.setsockopt(fd, SOL_UDP, option, 0);
      return true;
    } catch {
      return false;
    }
  };
  try {
    return {
      ...wanted,
      segment: wanted.segment && has(UDP_SEGMENT),
      receive: wanted.receive && has(UDP_GRO),
    };
  } finally {
    sys.close(fd);
  }
}

export function familiesIn<T>(values: { readonly [F in Family]?: T }): [Family, T][] {
  return ([4, 6] as const).flatMap((family) => {
    const value = values[family];
    return value === undefined ? [] : [[family, value] as [Family, T]];
  });
}
