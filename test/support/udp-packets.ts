// Packets as flannel's udp backend puts them on the wire, made by hand, and sockets to send and catch them with: of UDP, of
// IP, and of whole frames.
import { sys } from "#sys";
import type { Address } from "#kernel/ip/address";
import type { ThrowAwayNetns } from "./netns.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const IPPROTO_UDP = 17;
const POLLIN = 1;

export const PORT = 8285;

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface InnerPacket {
  readonly from: Address;
  readonly to: Address;
  readonly protocol?: number;
  /** Behind the header. */
  readonly payload: Uint8Array;
  /** Multiples of four bytes. */
  readonly options?: Uint8Array;
}

/** An IPv4 packet. */
export function ipPacket({ from, to, protocol = 1, payload, options = new Uint8Array(0) }: InnerPacket): Uint8Array {
  const length = 20 + options.length;
  const bytes = new Uint8Array(length + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x40 | (length / 4);
  view.setUint16(2, bytes.length);
  bytes[8] = 64;
  bytes[9] = protocol;
  bytes.set(from.toBytes(), 12);
  bytes.set(to.toBytes(), 16);
  bytes.set(options, 20);
  view.setUint16(10, checksum(bytes.subarray(0, length)));
  bytes.set(payload, length);
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

function socketAddress(address: Address, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(address.toBytes(), 4);
  return bytes;
}

export interface UdpEnd extends Disposable {
  send(datagram: Uint8Array, to: Address, port?: number): void;
  /** The next datagram, undefined when none comes within so many milliseconds. */
  receive(timeout: number): Uint8Array | undefined;
}

/** A UDP socket in a namespace, or one that shows IP and UDP headers of all that comes in. */
export function udpEnd(netns: ThrowAwayNetns, local: Address, kind: "plain" | "raw" = "plain", port = PORT): UdpEnd {
  const fd = netns.run(() =>
    sys.socket(AF_INET, kind === "raw" ? SOCK_RAW : SOCK_DGRAM, kind === "raw" ? IPPROTO_UDP : 0),
  );
  sys.bind(fd, socketAddress(local, kind === "raw" ? 0 : port));
  const buffer = new Uint8Array(65_536);
  return {
    send: (datagram, to, port = PORT) => {
      const sent = sys.sendTo(fd, datagram, 0, socketAddress(to, port));
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

/** All frames of a link, also those that the host drops, and any that one likes to send. */
export function frameEnd(netns: ThrowAwayNetns, index: number): FrameEnd {
  const fd = netns.run(() => sys.socket(AF_PACKET, SOCK_RAW, 0));
  const name = new Uint8Array(20);
  const view = new DataView(name.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL);
  view.setInt32(LINK_INDEX_AT, index, true);
  sys.bind(fd, name);
  const buffer = new Uint8Array(65_536);
  return {
    send: (frame) => {
      const sent = sys.sendTo(fd, frame, 0, name);
      if (sent < 0) throw new Error(`sendto: errno ${-sent}`);
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
