// The internet checksum (RFC 1071) over memory, as sums of little-endian words: ones' complement sums do not care about the
// order of bytes as long as they are stored as they were loaded. Pure.

/** Sum of the 16-bit words of up to 65,535 bytes, not quite folded: below 2^17. */
export function sumOf(view: DataView, at: number, length: number): number {
  // Both halves of 32-bit words, kept apart: 16,384 words of 65,535 stay below 2^31.
  let low = 0;
  let high = 0;
  const end = at + length;
  const unrolled = end - 15;
  let here = at;
  for (; here < unrolled; here += 16) {
    const a = view.getInt32(here, true);
    const b = view.getInt32(here + 4, true);
    const c = view.getInt32(here + 8, true);
    const d = view.getInt32(here + 12, true);
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
  }
  for (; here < end - 1; here += 2) low = (low + view.getUint16(here, true)) | 0;
  if (here < end) low = (low + view.getUint8(here)) | 0;
  return fold(low) + fold(high);
}

/** To 16 bits. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** A 16-bit number as it is summed up when it stands in network order. */
export function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

const PROTOCOL_AT = { 4: 9, 6: 6 } as const;
const ADDRESSES = { 4: { at: 12, length: 8 }, 6: { at: 8, length: 32 } } as const;

/** Sum over the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1). */
export function pseudoSum(view: DataView, packet: number, family: 4 | 6, protocol: number, length: number): number {
  const { at, length: size } = ADDRESSES[family];
  return fold(sumOf(view, packet + at, size)) + swapped(protocol) + swapped(length);
}

/** The protocol behind an IP header without extension headers. */
export function protocolOf(view: DataView, packet: number, family: 4 | 6): number {
  return view.getUint8(packet + PROTOCOL_AT[family]);
}

/** Fills in the checksum of an IPv4 header. */
export function sealHeader(view: DataView, packet: number, length: number): void {
  view.setUint16(packet + 10, 0, true);
  view.setUint16(packet + 10, ~fold(sumOf(view, packet, length)) & 0xffff, true);
}

/** Where TCP and UDP have their checksums, and the least that their headers take. */
const TRANSPORT: Readonly<Record<number, { readonly at: number; readonly least: number } | undefined>> = {
  6: { at: 16, least: 20 },
  17: { at: 6, least: 8 },
};

/**
 * Whether the TCP or UDP checksum of a packet without IP options is right. One that its sender left to a network card, and
 * that no card has made on the way (veth, virtio), holds the sum over the pseudo header alone: it is made here.
 */
export function makeSound(view: DataView, packet: number, length: number, family: 4 | 6): boolean {
  const protocol = protocolOf(view, packet, family);
  const transport = TRANSPORT[protocol];
  const start = packet + (family === 4 ? 20 : 40);
  const size = packet + length - start;
  if (transport === undefined || size < transport.least) return false;
  if (family === 4 && (view.getUint8(packet) !== 0x45 || (view.getUint16(packet + 6) & 0x3fff) !== 0)) return false;
  const at = start + transport.at;
  const field = view.getUint16(at, true);
  // UDP over IPv4 without a checksum: RFC 768.
  if (field === 0 && protocol === 17) return family === 4;
  const pseudo = fold(pseudoSum(view, packet, family, protocol, size));
  const sum = fold(pseudo + sumOf(view, start, size));
  if (sum === 0xffff) return true;
  if (field !== pseudo) return false;
  // What is left when the pseudo header is taken out of the sum once.
  const made = ~fold(sum + (~pseudo & 0xffff)) & 0xffff;
  view.setUint16(at, made === 0 ? 0xffff : made, true);
  return true;
}
