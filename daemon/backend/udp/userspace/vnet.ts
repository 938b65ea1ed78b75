// struct virtio_net_hdr in front of packets of a TUN device with IFF_VNET_HDR (linux/virtio_net.h): 10 bytes in the machine's
// order, and what is done with packets that bear one: checksums that are still to be made, and trains of TCP segments to be
// cut. Pure.
import { fold, pseudoSum, sealHeader, sumOf } from "./checksum.ts";
import { HEADER } from "./fabric-table.ts";

export const VNET_HEADER = 10;
const NEEDS_CHECKSUM = 1;
const GSO = { none: 0, tcp4: 1, tcp6: 4, udp: 5, ecn: 0x80 } as const;
const CHECKSUM_AT_TCP = 16;
const CHECKSUM_AT_UDP = 6;
const UDP_HEADER = 8;

const AT = { flags: 0, gso: 1, headerLength: 2, segmentSize: 4, checksumStart: 6, checksumOffset: 8 } as const;

/** What is in front of a packet that needs nothing. */
export const PLAIN = new Uint8Array(VNET_HEADER);

const IPPROTO_TCP = 6;
const FLAGS_AT = 13;
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const;

/** A train of TCP segments, as the device gives it. */
export interface Train {
  /** Bytes of IP header, and of both. */
  readonly ip: number;
  readonly headers: number;
  /** Bytes of payload in each segment but the last, and how many there are. */
  readonly size: number;
  readonly segments: number;
}

/** Makes the checksum that is still to be made. False for a header that makes no sense. */
export function completeChecksum(view: DataView, vnet: number, length: number): boolean {
  if ((view.getUint8(vnet + AT.flags) & NEEDS_CHECKSUM) === 0) return true;
  const start = view.getUint16(vnet + AT.checksumStart, true);
  const at = start + view.getUint16(vnet + AT.checksumOffset, true);
  if (start >= length || at + 2 > length) return false;
  const packet = vnet + VNET_HEADER;
  // The field holds the sum over the pseudo header.
  const sum = ~fold(sumOf(view, packet + start, length - start)) & 0xffff;
  // 0 would say that there is none, for UDP (RFC 768); for others it is the same.
  view.setUint16(packet + at, sum === 0 ? 0xffff : sum, true);
  return true;
}

/** Undefined for a single packet; false for what is neither that nor a train of TCP that can be cut. */
export function readTrain(view: DataView, vnet: number, length: number, family: 4 | 6): Train | undefined | false {
  const gso = view.getUint8(vnet + AT.gso) & ~GSO.ecn;
  if (gso === GSO.none) return undefined;
  if (gso !== (family === 4 ? GSO.tcp4 : GSO.tcp6)) return false;
  const ip = view.getUint16(vnet + AT.checksumStart, true);
  const size = view.getUint16(vnet + AT.segmentSize, true);
  if (size === 0 || ip < HEADER[family] || ip + 20 > length) return false;
  const headers = ip + (view.getUint8(vnet + VNET_HEADER + ip + 12) >>> 4) * 4;
  if (headers < ip + 20 || headers > length) return false;
  return { ip, headers, size, segments: Math.max(1, Math.ceil((length - headers) / size)) };
}

/**
 * Writes at `out` the headers of segment `index` of the train of `length` bytes at `packet`: all numbers and checksums as if
 * the sender had sent it by itself (tcp_gso_segment of net/ipv4/tcp_offload.c).
 */
export function cutSegment(
  bytes: Uint8Array,
  view: DataView,
  { packet, length, family }: { readonly packet: number; readonly length: number; readonly family: 4 | 6 },
  { ip, headers, size, segments }: Train,
  index: number,
  out: number,
): void {
  bytes.copyWithin(out, packet, packet + headers);
  const payload = packet + headers + index * size;
  const carried = Math.min(size, packet + length - payload);
  const tcp = out + ip;
  const tcpLength = headers - ip + carried;
  if (family === 4) {
    view.setUint16(out + 2, headers + carried);
    view.setUint16(out + 4, (view.getUint16(packet + 4) + index) & 0xffff);
    sealHeader(view, out, ip);
  } else {
    view.setUint16(out + 4, headers - HEADER[6] + carried);
  }
  view.setUint32(tcp + 4, (view.getUint32(packet + ip + 4) + index * size) >>> 0);
  let flags = view.getUint8(tcp + FLAGS_AT);
  if (index < segments - 1) flags &= ~(TCP_FLAG.fin | TCP_FLAG.psh);
  // RFC 3168 section 6.1.2: said once.
  if (index > 0) flags &= ~TCP_FLAG.cwr;
  view.setUint8(tcp + FLAGS_AT, flags);
  view.setUint16(tcp + CHECKSUM_AT_TCP, 0);
  const sum =
    pseudoSum(view, out, family, IPPROTO_TCP, tcpLength) +
    sumOf(view, tcp, headers - ip) +
    sumOf(view, payload, carried);
  view.setUint16(tcp + CHECKSUM_AT_TCP, ~fold(sum) & 0xffff, true);
}

/** Writes the header of a train of TCP at `vnet`, whose checksum the kernel makes when it needs it. */
export function writeTrain(view: DataView, vnet: number, family: 4 | 6, { ip, headers, size }: Train): void {
  view.setUint8(vnet + AT.flags, NEEDS_CHECKSUM);
  view.setUint8(vnet + AT.gso, family === 4 ? GSO.tcp4 : GSO.tcp6);
  view.setUint16(vnet + AT.headerLength, headers, true);
  view.setUint16(vnet + AT.segmentSize, size, true);
  view.setUint16(vnet + AT.checksumStart, ip, true);
  view.setUint16(vnet + AT.checksumOffset, CHECKSUM_AT_TCP, true);
}

/** The same for a train of UDP: `size` is of a datagram's payload. Kernels before 6.2 refuse it. */
export function writeUdpTrain(view: DataView, vnet: number, ip: number, size: number): void {
  view.setUint8(vnet + AT.flags, NEEDS_CHECKSUM);
  view.setUint8(vnet + AT.gso, GSO.udp);
  view.setUint16(vnet + AT.headerLength, ip + UDP_HEADER, true);
  view.setUint16(vnet + AT.segmentSize, size, true);
  view.setUint16(vnet + AT.checksumStart, ip, true);
  view.setUint16(vnet + AT.checksumOffset, CHECKSUM_AT_UDP, true);
}
