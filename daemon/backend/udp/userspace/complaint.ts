// ICMP errors to the sender of a packet that does not leave: RFC 792, RFC 1191, RFC 4443, with what RFC 1122 section 3.2.2 and
// RFC 4443 section 2.4 forbid. As the BPF programs send them. Pure.
import { fold, protocolOf, pseudoSum, sealHeader, sumOf } from "./checksum.ts";
import { HEADER } from "./fabric-table.ts";

/** The network cannot be reached, or packets may have no more than `mtu` bytes. */
export type Complaint = "unreachable" | { readonly mtu: number };

const TTL = 64;
const ICMP_HEADER = 8;
/** Of the packet in question, behind its header. */
const QUOTED = 8;
const PROTOCOL = { tcp: 6, udp: 17, icmp: 1, icmpv6: 58 } as const;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;

/** The answer, or undefined where none may be given. */
export function complain(
  view: DataView,
  at: number,
  length: number,
  family: 4 | 6,
  complaint: Complaint,
): Uint8Array | undefined {
  if (length < HEADER[family]) return undefined;
  const header = family === 4 ? (view.getUint8(at) & 0x0f) * 4 : HEADER[6];
  if (length < header + QUOTED || header < HEADER[family]) return undefined;
  if (!(family === 4 ? mayAnswer4(view, at, header) : mayAnswer6(view, at))) return undefined;
  const quoted = header + QUOTED;
  const answer = new Uint8Array(HEADER[family] + ICMP_HEADER + quoted);
  const out = new DataView(answer.buffer);
  const icmp = HEADER[family];
  answer.set(new Uint8Array(view.buffer, view.byteOffset + at, quoted), icmp + ICMP_HEADER);
  if (family === 4) {
    out.setUint8(0, 0x45);
    out.setUint16(2, answer.length);
    out.setUint8(8, TTL);
    out.setUint8(9, PROTOCOL.icmp);
    // From the address that was asked for: one of this host's own would be a martian on its way in.
    out.setUint32(12, view.getUint32(at + 16));
    out.setUint32(16, view.getUint32(at + 12));
    sealHeader(out, 0, HEADER[4]);
    out.setUint8(icmp, 3);
    if (complaint !== "unreachable") {
      out.setUint8(icmp + 1, 4);
      out.setUint16(icmp + 6, complaint.mtu);
    }
    out.setUint16(icmp + 2, ~fold(sumOf(out, icmp, answer.length - icmp)) & 0xffff, true);
    return answer;
  }
  out.setUint8(0, 0x60);
  out.setUint16(4, answer.length - HEADER[6]);
  out.setUint8(6, PROTOCOL.icmpv6);
  out.setUint8(7, TTL);
  for (let word = 0; word < 16; word += 4) {
    out.setUint32(8 + word, view.getUint32(at + 24 + word));
    out.setUint32(24 + word, view.getUint32(at + 8 + word));
  }
  out.setUint8(icmp, complaint === "unreachable" ? 1 : 2);
  if (complaint !== "unreachable") out.setUint32(icmp + 4, complaint.mtu);
  const pseudo = pseudoSum(out, 0, 6, PROTOCOL.icmpv6, answer.length - HEADER[6]);
  out.setUint16(icmp + 2, ~fold(pseudo + fold(sumOf(out, icmp, answer.length - icmp))) & 0xffff, true);
  return answer;
}

/** Not for errors, not for later fragments, not to what is no single host. */
function mayAnswer4(view: DataView, at: number, header: number): boolean {
  if ((view.getUint16(at + 6) & 0x1fff) !== 0) return false;
  if (protocolOf(view, at, 4) === PROTOCOL.icmp && view.getUint8(at + header) !== ECHO_REQUEST[4]) return false;
  const first = view.getUint8(at + 12);
  return first !== 0 && first !== 127 && first < 224;
}

function mayAnswer6(view: DataView, at: number): boolean {
  const isMulticast = view.getUint8(at + 8) === 0xff || view.getUint8(at + 24) === 0xff;
  const protocol = protocolOf(view, at, 6);
  if (isMulticast || isLinkLocal(view, at + 24)) return false;
  if (protocol === PROTOCOL.icmpv6) return view.getUint8(at + HEADER[6]) === ECHO_REQUEST[6];
  return protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp;
}

/** Neighbour discovery and its like, which each device sends: for nobody behind a tunnel, and no loss. */
export function staysOnLink(view: DataView, at: number): boolean {
  return view.getUint8(at + 24) === 0xff || isLinkLocal(view, at + 24);
}

function isLinkLocal(view: DataView, at: number): boolean {
  return (view.getUint16(at) & 0xffc0) === 0xfe80;
}
