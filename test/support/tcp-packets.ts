// TCP segments made and read by hand (RFC 9293), for a node whose data path is a plain socket.
import type { Address } from "#kernel/ip/address";
import { checksum, ipPacket, pseudoHeader } from "./udp-packets.ts";

const TCP = 6;
const UDP = 17;
const FLAGS = { fin: 1, syn: 2, ack: 16 } as const;
/** Where the header behind IP's begins: no options, no extension headers. */
const HEADER = { 4: 20, 6: 40 } as const;

export interface Segment {
  readonly from: Address;
  readonly to: Address;
  readonly fromPort: number;
  readonly toPort: number;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: readonly (keyof typeof FLAGS)[];
  /** Of a SYN: the largest segment that is wanted. */
  readonly mss?: number;
}

/** A packet with one segment, without data. */
export function tcpPacket({ from, to, fromPort, toPort, sequence, acknowledged, flags, mss }: Segment): Uint8Array {
  const bytes = new Uint8Array(mss === undefined ? 20 : 24);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, fromPort);
  view.setUint16(2, toPort);
  view.setUint32(4, sequence);
  view.setUint32(8, acknowledged);
  bytes[12] = (bytes.length / 4) << 4;
  bytes[13] = flags.reduce((sum, flag) => sum | FLAGS[flag], 0);
  view.setUint16(14, 0xffff);
  if (mss !== undefined) {
    bytes.set([2, 4], 20);
    view.setUint16(22, mss);
  }
  view.setUint16(16, checksum(pseudoHeader(from, to, TCP, bytes.length), bytes));
  return ipPacket({ from, to, protocol: TCP, payload: bytes });
}

export interface ReadSegment {
  readonly fromPort: number;
  readonly sequence: number;
  /** Bytes of data. */
  readonly length: number;
}

/** @throws Error for what is no TCP, or says to be of another length than it is */
export function readTcp(packet: Uint8Array): ReadSegment {
  const { header, protocol } = readIp(packet);
  if (protocol !== TCP) throw new Error(`protocol ${protocol} is not TCP`);
  const view = new DataView(packet.buffer, packet.byteOffset + header);
  const offset = (view.getUint8(12) >> 4) * 4;
  return {
    fromPort: view.getUint16(0),
    sequence: view.getUint32(4),
    length: packet.length - header - offset,
  };
}

/** Whether a packet's header and what it has of TCP or UDP bear the checksums that they should. */
export function isIntact(packet: Uint8Array): boolean {
  const { family, header, protocol, from, to } = readIp(packet);
  if (family === 4 && checksum(packet.subarray(0, header)) !== 0) return false;
  if (protocol !== TCP && protocol !== UDP) return true;
  const rest = packet.subarray(header);
  const pseudo = Uint8Array.from([...from, ...to, rest.length >> 8, rest.length & 0xff, 0, protocol]);
  return checksum(pseudo, rest) === 0;
}

function readIp(packet: Uint8Array): {
  family: 4 | 6;
  header: number;
  protocol: number;
  from: Uint8Array;
  to: Uint8Array;
} {
  const family = packet[0]! >> 4 === 4 ? 4 : 6;
  const header = HEADER[family];
  const view = new DataView(packet.buffer, packet.byteOffset);
  const length = family === 4 ? view.getUint16(2) : view.getUint16(4) + header;
  if (length !== packet.length) throw new Error(`a packet of ${packet.length} bytes says that it has ${length}`);
  const at = family === 4 ? 12 : 8;
  const size = family === 4 ? 4 : 16;
  return {
    family,
    header,
    protocol: packet[family === 4 ? 9 : 6]!,
    from: packet.subarray(at, at + size),
    to: packet.subarray(at + size, at + 2 * size),
  };
}
