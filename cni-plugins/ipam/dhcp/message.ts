// DHCPv4 messages: RFC 2131 §2, options of RFC 2132, RFC 3396 (long options in parts). Pure: bytes in, values out.
import { Address } from "#kernel/ip/address";

/** Option 53. */
export const MESSAGE_TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** The options that the client itself reads or writes. */
export const OPTION = {
  pad: 0,
  subnetMask: 1,
  routers: 3,
  domainNameServers: 6,
  hostName: 12,
  domainName: 15,
  staticRoutes: 33,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  message: 56,
  maximumSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientId: 61,
  userClass: 77,
  classlessRoutes: 121,
  end: 255,
} as const;

export type Options = ReadonlyMap<number, Uint8Array>;

export interface DhcpMessage {
  /** BOOTREQUEST or BOOTREPLY. */
  readonly op: 1 | 2;
  readonly transaction: number;
  readonly seconds: number;
  /** The server shall broadcast its answers. */
  readonly broadcast: boolean;
  /** The client's address, which it has. */
  readonly clientAddress: Address;
  /** "Your" address, which the server gives. */
  readonly yourAddress: Address;
  /** The client's hardware address. */
  readonly hardware: Uint8Array;
  readonly options: Options;
}

/** Bytes before the options, the magic cookie included. */
const HEADER_LENGTH = 240;
const COOKIE = 0x6382_5363;
const BROADCAST_FLAG = 0x8000;
const ETHERNET = 1;
const MAC_LENGTH = 6;
const HARDWARE_AT = 28;
const SNAME = { at: 44, length: 64 } as const;
const FILE = { at: 108, length: 128 } as const;
/** BOOTP's vendor area had 64 bytes: relays may drop shorter messages (RFC 1542 §2.1). */
const MINIMUM_LENGTH = 300;
/** What one part of an option holds. */
const PART_LIMIT = 255;
export const NO_ADDRESS = Address.parse("0.0.0.0");

export function encodeMessage(message: DhcpMessage): Uint8Array {
  const options: number[] = [];
  for (const [code, value] of message.options) {
    let rest = value;
    do {
      const part = rest.subarray(0, PART_LIMIT);
      options.push(code, part.length, ...part);
      rest = rest.subarray(PART_LIMIT);
    } while (rest.length > 0);
  }
  options.push(OPTION.end);
  const bytes = new Uint8Array(Math.max(HEADER_LENGTH + options.length, MINIMUM_LENGTH));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, message.op);
  view.setUint8(1, ETHERNET);
  view.setUint8(2, MAC_LENGTH);
  view.setUint32(4, message.transaction);
  view.setUint16(8, Math.min(message.seconds, 0xffff));
  view.setUint16(10, message.broadcast ? BROADCAST_FLAG : 0);
  bytes.set(message.clientAddress.toBytes(), 12);
  bytes.set(message.yourAddress.toBytes(), 16);
  bytes.set(message.hardware.subarray(0, MAC_LENGTH), HARDWARE_AT);
  view.setUint32(HEADER_LENGTH - 4, COOKIE);
  bytes.set(options, HEADER_LENGTH);
  return bytes;
}

/** Undefined for what is no DHCP message: anybody on the link can send anything. */
export function decodeMessage(bytes: Uint8Array): DhcpMessage | undefined {
  if (bytes.length < HEADER_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(0);
  if ((op !== 1 && op !== 2) || view.getUint32(HEADER_LENGTH - 4) !== COOKIE) return undefined;
  const options = new Map<number, Uint8Array>();
  if (!readOptions(bytes.subarray(HEADER_LENGTH), options)) return undefined;
  // Option 52: more options in the fields of the file's and the server's name.
  const overload = options.get(OPTION.overload)?.[0] ?? 0;
  for (const [bit, { at, length }] of [
    [1, FILE],
    [2, SNAME],
  ] as const) {
    if ((overload & bit) !== 0 && !readOptions(bytes.subarray(at, at + length), options)) return undefined;
  }
  return {
    op,
    transaction: view.getUint32(4),
    seconds: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST_FLAG) !== 0,
    clientAddress: Address.fromBytes(bytes.slice(12, 16)),
    yourAddress: Address.fromBytes(bytes.slice(16, 20)),
    hardware: bytes.slice(HARDWARE_AT, HARDWARE_AT + MAC_LENGTH),
    options,
  };
}

/** False when an option reaches over the end. An option that comes again goes on (RFC 3396). */
function readOptions(bytes: Uint8Array, options: Map<number, Uint8Array>): boolean {
  for (let at = 0; at < bytes.length;) {
    const code = bytes[at]!;
    if (code === OPTION.end) return true;
    if (code === OPTION.pad) {
      at++;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) return false;
    const part = bytes.slice(at + 2, at + 2 + length);
    const before = options.get(code);
    options.set(code, before === undefined ? part : Uint8Array.of(...before, ...part));
    at += 2 + length;
  }
  return true;
}

/** An option of four bytes as a number; undefined where it is absent or of another length. */
export function numberOption(options: Options, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 4 ? new DataView(value.buffer, value.byteOffset, 4).getUint32(0) : undefined;
}

/** An option that is a list of addresses. */
export function addressesOption(options: Options, code: number): Address[] {
  const value = options.get(code) ?? new Uint8Array(0);
  const addresses: Address[] = [];
  for (let at = 0; at + 4 <= value.length; at += 4) addresses.push(Address.fromBytes(value.slice(at, at + 4)));
  return addresses;
}

/** Text of a server goes into logs and results: printable characters alone. */
export function textOption(options: Options, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const text = new TextDecoder().decode(value).replaceAll(/[^\x20-\x7e]/g, "");
  return text === "" ? undefined : text;
}

export function messageType(message: DhcpMessage): number | undefined {
  const value = message.options.get(OPTION.messageType);
  return value?.length === 1 ? value[0] : undefined;
}
