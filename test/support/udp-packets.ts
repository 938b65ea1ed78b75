// Packets as flannel's udp backend puts them on the wire, made by hand, and sockets to send and catch them with: of UDP, of
// IP, and of whole frames.
import { sys } from "#sys";
import type { Address, Family } from "#kernel/ip/address";
import type { ThrowAwayNetns } from "./netns.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const IPPROTO_UDP = 17;
const UDP_NO_CHECK6_TX = 101;
const UDP_NO_CHECK6_RX = 102;
const POLLIN = 1;

export const PORT = 8285;

/** Of the Internet (RFC 1071), of bytes whose field for it is 0; of bytes that have theirs, 0 where it is right. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const bytes of parts) {
    for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** In front of what TCP, UDP and ICMPv6 sum up (RFC 8200 section 8.1); IPv4's adds up to the same. */
export function pseudoHeader(from: Address, to: Address, protocol: number, length: number): Uint8Array {
  return Uint8Array.from([...from.toBytes(), ...to.toBytes(), length >> 8, length & 0xff, 0, protocol]);
}

export interface InnerPacket {
  readonly from: Address;
  readonly to: Address;
  readonly protocol?: number;
  /** Behind the header. */
  readonly payload: Uint8Array;
  /** Of IPv4: multiples of four bytes. Of IPv6: an extension header whose first byte names what follows. */
  readonly options?: Uint8Array;
  /** Of IPv6: the type of the extension header. */
  readonly extension?: number;
  /** Of IPv4: the field of flags and offset. */
  readonly fragment?: number;
}

/** A packet of the addresses' family. */
export function ipPacket(packet: InnerPacket): Uint8Array {
  return packet.from.family === 4 ? ip4Packet(packet) : ip6Packet(packet);
}

function ip4Packet({
  from,
  to,
  protocol = 1,
  payload,
  options = new Uint8Array(0),
  fragment = 0,
}: InnerPacket): Uint8Array {
  const length = 20 + options.length;
  const bytes = new Uint8Array(length + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x40 | (length / 4);
  view.setUint16(2, bytes.length);
  view.setUint16(6, fragment);
  bytes[8] = 64;
  bytes[9] = protocol;
  bytes.set(from.toBytes(), 12);
  bytes.set(to.toBytes(), 16);
  bytes.set(options, 20);
  view.setUint16(10, checksum(bytes.subarray(0, length)));
  bytes.set(payload, length);
  return bytes;
}

function ip6Packet({
  from,
  to,
  protocol = 58,
  payload,
  options = new Uint8Array(0),
  extension = 60,
}: InnerPacket): Uint8Array {
  const bytes = new Uint8Array(40 + options.length + payload.length);
  bytes[0] = 0x60;
  new DataView(bytes.buffer).setUint16(4, bytes.length - 40);
  bytes[6] = options.length === 0 ? protocol : extension;
  bytes[7] = 64;
  bytes.set(from.toBytes(), 8);
  bytes.set(to.toBytes(), 24);
  bytes.set(options, 40);
  bytes.set(payload, 40 + options.length);
  return bytes;
}

/** An ICMP echo request. */
export function echoRequest(sequence: number, size = 8): Uint8Array {
  const bytes = new Uint8Array(8 + size);
  const view = new DataView(bytes.buffer);
  bytes[0] = 8;
  view.setUint16(4, 0x4c4f);
  view.setUint16(6, sequence);
  view.setUint16(2, checksum(bytes));
  return bytes;
}

/** An echo request of either family, from and to somebody. */
export function pingPacket(
  from: Address,
  to: Address,
  sequence: number,
  more: Partial<InnerPacket> & { size?: number } = {},
): Uint8Array {
  const payload = echoRequest(sequence, more.size);
  if (from.family === 6) {
    payload.set([128, 0, 0, 0]);
    new DataView(payload.buffer).setUint16(2, checksum(pseudoHeader(from, to, 58, payload.length), payload));
  }
  return ipPacket({ from, to, payload, ...more });
}

/** struct sockaddr_in or sockaddr_in6. */
export function socketName(address: Address, port: number): Uint8Array {
  const is4 = address.family === 4;
  const bytes = new Uint8Array(is4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, is4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address.toBytes(), is4 ? 4 : 8);
  return bytes;
}

export interface UdpEnd extends Disposable {
  send(datagram: Uint8Array, to: Address, port?: number): void;
  /** The next datagram, undefined when none comes within so many milliseconds. */
  receive(timeout: number): Uint8Array | undefined;
}

/** A UDP socket in a namespace, or one that shows IP and UDP headers of all that comes in (of IPv4; of IPv6 UDP's alone). */
export function udpEnd(netns: ThrowAwayNetns, local: Address, kind: "plain" | "raw" = "plain", port = PORT): UdpEnd {
  const domain = local.family === 4 ? AF_INET : AF_INET6;
  const fd = netns.run(() =>
    sys.socket(domain, kind === "raw" ? SOCK_RAW : SOCK_DGRAM, kind === "raw" ? IPPROTO_UDP : 0),
  );
  // RFC 6935: as tunnels over IPv6 do, no checksum of its own.
  if (local.family === 6 && kind === "plain") {
    for (const option of [UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX]) sys.setsockopt(fd, IPPROTO_UDP, option, 1);
  }
  sys.bind(fd, socketName(local, kind === "raw" ? 0 : port));
  const buffer = new Uint8Array(65_536);
  return {
    send: (datagram, to, port = PORT) => {
      const sent = sys.sendTo(fd, datagram, 0, socketName(to, port));
      if (sent < 0) throw new Error(`sendto: errno ${-sent}`);
    },
    receive: (timeout) => {
      if (sys.poll([{ fd, events: POLLIN, revents: 0 }], timeout) === 0) return undefined;
      const length = sys.receive(fd, buffer, 0);
      return length < 0 ? undefined : buffer.slice(0, length);
    },
    [Symbol.dispose]: () => sys.close(fd),
  };
}

export interface OuterDatagram {
  readonly from: Address;
  readonly to: Address;
  readonly payload: Uint8Array;
  /** Of the port that it comes from and that it goes to. */
  readonly port?: number;
  /** What the UDP header says to be its length. */
  readonly length?: number;
  /** As in InnerPacket. */
  readonly options?: Uint8Array;
}

/** IP and UDP headers and what is in them, as a sender that does not leave it to its kernel may make them. */
export function outerPacket({ from, to, payload, port = PORT, length, options }: OuterDatagram): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, port);
  view.setUint16(2, port);
  view.setUint16(4, length ?? bytes.length);
  bytes.set(payload, 8);
  return ipPacket({ from, to, protocol: IPPROTO_UDP, payload: bytes, ...(options === undefined ? {} : { options }) });
}

/** A frame, with a tag of IEEE 802.1Q where there is one. */
export function ethernet(to: string, from: string, packet: Uint8Array, tag?: number): Uint8Array {
  const mac = (text: string): number[] => text.split(":").map((part) => Number.parseInt(part, 16));
  const type = packet[0]! >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  const tagging = tag === undefined ? [] : [0x81, 0x00, tag >> 8, tag & 0xff];
  return Uint8Array.from([...mac(to), ...mac(from), ...tagging, ...type, ...packet]);
}

const AF_PACKET = 17;
const ETH_P_ALL = 3;
/** Of struct sockaddr_ll: index of the link, and type of the packet. */
const LINK_INDEX_AT = 4;
const PACKET_TYPE_AT = 10;
const PACKET_OUTGOING = 4;

export interface FrameEnd extends Disposable {
  send(frame: Uint8Array): void;
  /** The next frame that came in and fits, undefined when none comes within so many milliseconds. */
  receive(timeout: number, fits: (frame: Uint8Array) => boolean): Uint8Array | undefined;
}

/**
 * All frames of a link, also those that the host drops, and any that one likes to send.
 * @param family of the packets that are sent, where the link has frames without headers
 */
export function frameEnd(netns: ThrowAwayNetns, index: number, family?: Family): FrameEnd {
  const fd = netns.run(() => sys.socket(AF_PACKET, SOCK_RAW, 0));
  const name = new Uint8Array(20);
  const view = new DataView(name.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL);
  view.setInt32(LINK_INDEX_AT, index, true);
  sys.bind(fd, name);
  const destination = name.slice();
  if (family !== undefined) new DataView(destination.buffer).setUint16(2, family === 4 ? 0x0800 : 0x86dd);
  const buffer = new Uint8Array(65_536);
  return {
    send: (frame) => {
      const sent = sys.sendTo(fd, frame, 0, destination);
      // ENOBUFS: a program at the link has dropped it.
      if (sent < 0 && sent !== -105) throw new Error(`sendto: errno ${-sent}`);
    },
    receive: (timeout, fits) => {
      const end = performance.now() + timeout;
      for (;;) {
        const left = end - performance.now();
        if (sys.poll([{ fd, events: POLLIN, revents: 0 }], Math.max(left, 0)) === 0) return undefined;
        const { length, from } = sys.receiveFrom(fd, buffer, 0);
        if (length > 0 && from[PACKET_TYPE_AT] !== PACKET_OUTGOING && fits(buffer.subarray(0, length)))
          return buffer.slice(0, length);
        if (left <= 0) return undefined;
      }
    },
    [Symbol.dispose]: () => sys.close(fd),
  };
}
