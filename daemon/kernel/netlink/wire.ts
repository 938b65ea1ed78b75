// The framing of netlink messages: RFC 3549 section 2 and include/uapi/linux/netlink.h. Pure: bytes in, bytes out, no
// socket. Numbers are in host order, which is little-endian on every platform Loden runs on.
import { LodenError } from "#spec/errors";

/** sizeof(struct nlmsghdr): u32 length, u16 type, u16 flags, u32 sequence, u32 port id. */
export const NLMSG_HDRLEN = 16;
/** Messages start on multiples of this (NLMSG_ALIGNTO). */
const ALIGN = 4;

/** A message as a caller gives it. The payload is the family's header and its attributes. */
export interface Message {
  readonly type: number;
  /** NLM_F_…; the socket adds NLM_F_REQUEST and, where it waits for one, NLM_F_ACK. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** A message as it came in. `payload` is a view of the bytes it was read from. */
export interface ReceivedMessage extends Message {
  readonly sequence: number;
  /** The socket it answers; 0 for a notification. */
  readonly portId: number;
}

/** A length rounded up to where the next message or attribute starts. */
export function align(length: number): number {
  return (length + ALIGN - 1) & ~(ALIGN - 1);
}

/** Bytes that a message takes on the wire with its padding. */
export function messageSize(message: Message): number {
  return align(NLMSG_HDRLEN + message.payload.length);
}

/** Messages one behind the other for one send; sequence numbers count up from the first, with 32 bits. */
export function encodeMessages(messages: readonly Message[], firstSequence: number, portId: number): Uint8Array {
  let size = 0;
  for (const message of messages) size += messageSize(message);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  let sequence = firstSequence;
  for (const message of messages) {
    view.setUint32(at, NLMSG_HDRLEN + message.payload.length, true);
    view.setUint16(at + 4, message.type, true);
    view.setUint16(at + 6, message.flags, true);
    view.setUint32(at + 8, sequence, true);
    view.setUint32(at + 12, portId, true);
    bytes.set(message.payload, at + NLMSG_HDRLEN);
    at += messageSize(message);
    sequence = nextSequence(sequence);
  }
  return bytes;
}

/** Skips 0, which the kernel's notifications bear. */
export function nextSequence(sequence: number): number {
  return sequence >= 0xffff_ffff ? 1 : sequence + 1;
}

/**
 * The messages of one datagram. Fewer than 16 bytes after the last one are padding.
 * @throws LodenError ERR_NETLINK_DECODE when a length points outside the datagram.
 */
export function decodeMessages(bytes: Uint8Array): ReceivedMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: ReceivedMessage[] = [];
  let at = 0;
  while (at + NLMSG_HDRLEN <= bytes.length) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > bytes.length - at) {
      throw decodeError(`a message of ${length} bytes at byte ${at} of a datagram of ${bytes.length}`);
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      portId: view.getUint32(at + 12, true),
      payload: bytes.subarray(at + NLMSG_HDRLEN, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** The error of every netlink decoder. `what` completes "the kernel sent …". */
export function decodeError(what: string, cause?: unknown): LodenError {
  return new LodenError(
    "ERR_NETLINK_DECODE",
    `malformed netlink data: the kernel sent ${what}`,
    cause === undefined ? {} : { cause },
  );
}
