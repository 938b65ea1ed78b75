// IPv4 and UDP around a DHCP message, for a client that has no address yet: RFC 791, RFC 768.
import { Address } from "#kernel/ip/address";

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;
export const BROADCAST = Address.parse("255.255.255.255");

const UDP = 17;
const IP_HEADER = 20;
const UDP_HEADER = 8;
const TTL = 64;
/** Fragment offset and "more fragments". */
const FRAGMENT_BITS = 0x3fff;

/** The ones' complement sum of RFC 1071. */
function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += (part[at]! << 8) | (part[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** From the client's port to the server's. */
export function wrap(payload: Uint8Array, source: Address, destination: Address): Uint8Array {
  const packet = new Uint8Array(IP_HEADER + UDP_HEADER + payload.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, packet.length);
  view.setUint8(8, TTL);
  view.setUint8(9, UDP);
  packet.set(source.toBytes(), 12);
  packet.set(destination.toBytes(), 16);
  view.setUint16(10, checksum(packet.subarray(0, IP_HEADER)));
  const length = UDP_HEADER + payload.length;
  view.setUint16(IP_HEADER, CLIENT_PORT);
  view.setUint16(IP_HEADER + 2, SERVER_PORT);
  view.setUint16(IP_HEADER + 4, length);
  packet.set(payload, IP_HEADER + UDP_HEADER);
  const pseudo = Uint8Array.of(0, UDP, length >>> 8, length & 0xff);
  // Zero means "none", so that a sum of zero is sent as its other form.
  view.setUint16(IP_HEADER + 6, checksum(packet.subarray(12, IP_HEADER), pseudo, packet.subarray(IP_HEADER)) || 0xffff);
  return packet;
}

/**
 * The payload of a packet from a server's port to the client's; undefined for any other packet. The sum of UDP is not
 * looked at: between interfaces of one machine the kernel leaves it to hardware that is never met.
 */
export function unwrap(packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < IP_HEADER + UDP_HEADER) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const header = (view.getUint8(0) & 0xf) * 4;
  const total = view.getUint16(2);
  if (view.getUint8(0) >>> 4 !== 4 || header < IP_HEADER || total > packet.length || total < header + UDP_HEADER) {
    return undefined;
  }
  if (view.getUint8(9) !== UDP || (view.getUint16(6) & FRAGMENT_BITS) !== 0) return undefined;
  if (checksum(packet.subarray(0, header)) !== 0) return undefined;
  const length = view.getUint16(header + 4);
  if (view.getUint16(header) !== SERVER_PORT || view.getUint16(header + 2) !== CLIENT_PORT) return undefined;
  if (length < UDP_HEADER || header + length > total) return undefined;
  return packet.subarray(header + UDP_HEADER, header + length);
}
