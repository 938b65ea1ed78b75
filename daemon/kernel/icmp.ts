// ICMP echo messages as bytes: RFC 792 (IPv4), RFC 4443 (IPv6). Pure; raw.ts carries them.
import type { Address, Family } from "./ip/address.ts";

/** Numbers that differ between the two versions of ICMP. */
export interface IcmpVersion {
  readonly echoRequest: number;
  readonly echoReply: number;
  /** Error types whose body quotes the packet in question, with what each means. */
  readonly errors: ReadonlyMap<number, IcmpFailure>;
}

export type IcmpFailure = "unreachable" | "packet-too-big" | "time-exceeded" | "parameter-problem";

export const ICMP: Readonly<Record<Family, IcmpVersion>> = {
  4: {
    echoRequest: 8,
    echoReply: 0,
    errors: new Map([
      [3, "unreachable"],
      [11, "time-exceeded"],
      [12, "parameter-problem"],
    ]),
  },
  6: {
    echoRequest: 128,
    echoReply: 129,
    errors: new Map([
      [1, "unreachable"],
      [2, "packet-too-big"],
      [3, "time-exceeded"],
      [4, "parameter-problem"],
    ]),
  },
};

/** Type, code, checksum, identifier, sequence number. */
export const ICMP_HEADER = 8;
const IPV6_HEADER = 40;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
/** IPv4 "fragmentation needed": of type 3, but what it says is the size. */
const CODE_FRAGMENTATION_NEEDED = 4;

export interface Echo {
  readonly identifier: number;
  readonly sequence: number;
}

/** An echo request. The checksum is filled in for IPv4; for IPv6 the kernel does it, who knows both addresses. */
export function encodeEchoRequest(family: Family, echo: Echo, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ICMP_HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = ICMP[family].echoRequest;
  view.setUint16(4, echo.identifier);
  view.setUint16(6, echo.sequence);
  bytes.set(payload, ICMP_HEADER);
  if (family === 4) view.setUint16(2, internetChecksum(bytes));
  return bytes;
}

export type IcmpAnswer =
  | { readonly kind: "reply"; readonly echo: Echo; readonly payload: Uint8Array }
  /** An error about an echo request that somebody on this host sent. */
  | { readonly kind: "error"; readonly echo: Echo; readonly failure: IcmpFailure; readonly code: number };

/**
 * What a raw ICMP socket received: with its IP header for IPv4, without for IPv6. Undefined for everything that answers no
 * echo request, malformed packets among it. An error's echo may lack the payload, so only identifier and sequence tell.
 */
export function decodeAnswer(family: Family, packet: Uint8Array): IcmpAnswer | undefined {
  const message = family === 4 ? packet.subarray(ipv4HeaderLength(packet)) : packet;
  if (message.length < ICMP_HEADER) return undefined;
  const { echoReply, errors } = ICMP[family];
  const type = message[0]!;
  const code = message[1]!;
  if (type === echoReply) return { kind: "reply", echo: readEcho(message), payload: message.subarray(ICMP_HEADER) };
  const failure = errors.get(type);
  const quoted = failure === undefined ? undefined : quotedRequest(family, message.subarray(ICMP_HEADER));
  if (failure === undefined || quoted === undefined) return undefined;
  const isTooBig = family === 4 && failure === "unreachable" && code === CODE_FRAGMENTATION_NEEDED;
  return { kind: "error", echo: quoted, failure: isTooBig ? "packet-too-big" : failure, code };
}

/** The echo request within the packet that an error quotes. */
function quotedRequest(family: Family, packet: Uint8Array): Echo | undefined {
  const headerLength = family === 4 ? ipv4HeaderLength(packet) : IPV6_HEADER;
  const protocol = family === 4 ? packet[9] : packet[6];
  const message = packet.subarray(headerLength);
  if (protocol !== (family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) return undefined;
  if (message.length < ICMP_HEADER || message[0] !== ICMP[family].echoRequest) return undefined;
  return readEcho(message);
}

function ipv4HeaderLength(packet: Uint8Array): number {
  return ((packet[0] ?? 0) & 0x0f) * 4;
}

function readEcho(message: Uint8Array): Echo {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return { identifier: view.getUint16(4), sequence: view.getUint16(6) };
}

/** RFC 1071. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** Text for a failure: "10.0.0.1 says: unreachable (code 1)". */
export function failureText(failure: IcmpFailure, code: number, from: Address | undefined): string {
  return `${from === undefined ? "a router" : from.toString()} says: ${failure.replaceAll("-", " ")} (code ${code})`;
}
