// Packets with any source address, made by hand and sent through a raw socket: what somebody on the underlay may do who is
// no peer. IPv4 (RFC 791) or IPv6 (RFC 8200), UDP (RFC 768), and VXLAN (RFC 7348) around an Ethernet frame.
import { sys } from "#sys";
import type { Address } from "#kernel/ip/address";
import type { Mac } from "#kernel/ip/mac";

const AF = { 4: 2, 6: 10 } as const;
const SOCK_RAW = 3;
/** The packet brings its own IP header (raw(7), ipv6(7)). */
const IPPROTO_RAW = 255;
const UDP = 17;
/** IPv6's extension header of fragments, and of options for the destination. */
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const ETHERTYPE = { 4: [0x08, 0x00], 6: [0x86, 0xdd] } as const;
const TTL = 64;

export interface UdpPacket {
  readonly source: Address;
  readonly destination: Address;
  readonly port: number;
  readonly payload: Uint8Array;
}

/** An IP packet with UDP in it; the source port is 4321. */
export function udpPacket({ source, destination, port, payload }: UdpPacket): Uint8Array {
  const udp = new Uint8Array(8 + payload.length);
  const view = new DataView(udp.buffer);
  view.setUint16(0, 4321);
  view.setUint16(2, port);
  view.setUint16(4, udp.length);
  udp.set(payload, 8);
  const pseudo = join(source.toBytes(), destination.toBytes(), Uint8Array.of(0, UDP), udp.subarray(4, 6), udp);
  view.setUint16(6, checksum(pseudo) || 0xffff);
  return join(ipHeader(source, destination, udp.length), udp);
}

/** A VXLAN payload: the header with a VNI, and a frame with an IP packet. */
export function vxlanFrame(vni: number, to: Mac, from: Mac, packet: Uint8Array): Uint8Array {
  const header = Uint8Array.of(0x08, 0, 0, 0, vni >> 16, (vni >> 8) & 0xff, vni & 0xff, 0);
  const type = ETHERTYPE[packet[0]! >> 4 === 4 ? 4 : 6];
  return join(header, to.toBytes(), from.toBytes(), Uint8Array.from(type), packet);
}

/** An IPv6 packet with an extension header of options for the destination (RFC 8200 §4.6), which are padding. */
export function withDestinationOptions(packet: Uint8Array): Uint8Array {
  const header = Uint8Array.from(packet.subarray(0, 40));
  new DataView(header.buffer).setUint16(4, packet.length - 40 + 8);
  header[6] = DESTINATION_OPTIONS;
  return join(header, Uint8Array.of(packet[6]!, 0, 1, 4, 0, 0, 0, 0), packet.subarray(40));
}

/**
 * A packet in two fragments (RFC 791 §3.2, RFC 8200 §4.5), the first with `bytes` behind the IP header, a multiple of 8.
 */
export function fragments(packet: Uint8Array, bytes: number): [Uint8Array, Uint8Array] {
  const isV6 = packet[0]! >> 4 === 6;
  const size = isV6 ? 40 : 20;
  const [header, body] = [packet.subarray(0, size), packet.subarray(size)];
  return [
    fragment(header, body.subarray(0, bytes), 0, true),
    fragment(header, body.subarray(bytes), bytes, false),
  ] as const satisfies [Uint8Array, Uint8Array];
}

function fragment(header: Uint8Array, body: Uint8Array, offset: number, more: boolean): Uint8Array {
  const own = Uint8Array.from(header);
  const view = new DataView(own.buffer);
  if (header.length === 40) {
    own[6] = FRAGMENT;
    view.setUint16(4, 8 + body.length);
    return join(own, Uint8Array.of(UDP, 0, offset >> 8, (offset & 0xf8) | (more ? 1 : 0), 0, 0, 0, 1), body);
  }
  view.setUint16(2, own.length + body.length);
  view.setUint16(6, (offset >> 3) | (more ? 0x2000 : 0));
  view.setUint16(10, 0);
  view.setUint16(10, checksum(own));
  return join(own, body);
}

/** Sends a packet as it is, from the calling thread's network namespace. */
export function sendRaw(packet: Uint8Array, destination: Address): void {
  const { family } = destination;
  const fd = sys.socket(AF[family], SOCK_RAW, IPPROTO_RAW);
  try {
    sys.sendTo(fd, packet, 0, socketAddress(destination));
  } finally {
    sys.close(fd);
  }
}

/** struct sockaddr_in, struct sockaddr_in6. */
function socketAddress(address: Address): Uint8Array {
  const bytes = address.toBytes();
  const family = Uint8Array.of(AF[address.family], 0);
  if (address.family === 4) return join(family, new Uint8Array(2), bytes, new Uint8Array(8));
  return join(family, new Uint8Array(2), new Uint8Array(4), bytes, new Uint8Array(4));
}

function ipHeader(source: Address, destination: Address, length: number): Uint8Array {
  if (source.family === 6) {
    const fixed = Uint8Array.of(0x60, 0, 0, 0, length >> 8, length & 0xff, UDP, TTL);
    return join(fixed, source.toBytes(), destination.toBytes());
  }
  const total = 20 + length;
  const header = join(
    Uint8Array.of(0x45, 0, total >> 8, total & 0xff, 0, 1, 0, 0, TTL, UDP, 0, 0),
    source.toBytes(),
    destination.toBytes(),
  );
  new DataView(header.buffer).setUint16(10, checksum(header));
  return header;
}

/** RFC 1071. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
