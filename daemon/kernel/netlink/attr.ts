// Netlink attributes, the type-length-value items behind a message's header: RFC 3549 section 2.3.2 and
// include/uapi/linux/netlink.h (struct nlattr). Pure. Numbers are little-endian unless a name ends in `be`.
import { LodenError } from "#spec/errors";
import { align, decodeError } from "./wire.ts";

/** sizeof(struct nlattr): u16 length, u16 type. */
const NLA_HDRLEN = 4;
/** The value holds attributes. */
export const NLA_F_NESTED = 0x8000;
/** The type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff;
const MAX_LENGTH = 0xffff;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes a message's payload: first the family's header, then attributes. Every method returns the writer. */
export class AttrWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  /** `header`: what stands before the attributes (struct ifinfomsg, say), padded to four bytes. */
  constructor(header?: Uint8Array) {
    this.#bytes = new Uint8Array(256);
    this.#view = new DataView(this.#bytes.buffer);
    if (header !== undefined) this.raw(header);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** An attribute without a value, whose presence says it all. */
  flag(type: number): this {
    this.#open(type, 0);
    return this;
  }

  u8(type: number, value: number): this {
    const at = this.#open(type, 1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(type: number, value: number): this {
    const at = this.#open(type, 2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u16be(type: number, value: number): this {
    const at = this.#open(type, 2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(type: number, value: number): this {
    const at = this.#open(type, 4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u32be(type: number, value: number): this {
    const at = this.#open(type, 4);
    this.#view.setUint32(at, value);
    return this;
  }

  i32(type: number, value: number): this {
    const at = this.#open(type, 4);
    this.#view.setInt32(at, value, true);
    return this;
  }

  u64(type: number, value: bigint): this {
    const at = this.#open(type, 8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  /** UTF-8 with the NUL at the end that the kernel's NLA_NUL_STRING wants. */
  string(type: number, value: string): this {
    const text = encoder.encode(value);
    if (text.includes(0))
      throw new LodenError("ERR_NETLINK", `netlink attribute ${type}: ${JSON.stringify(value)} contains a NUL`);
    const at = this.#open(type, text.length + 1);
    this.#bytes.set(text, at);
    return this;
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.#open(type, value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** An attribute that holds what `fill` writes. */
  nest(type: number, fill: (inner: this) => void): this {
    return this.#nest(type | NLA_F_NESTED, fill);
  }

  /** As `nest`, without NLA_F_NESTED: for families older than the flag, which compare types as they stand. */
  nestPlain(type: number, fill: (inner: this) => void): this {
    return this.#nest(type, fill);
  }

  /** Bytes that are no attribute, padded to four: a struct at the start of a payload or of a nest. */
  raw(value: Uint8Array): this {
    const at = this.#grow(align(value.length));
    this.#bytes.set(value, at);
    return this;
  }

  /** The payload: a copy of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #nest(type: number, fill: (inner: this) => void): this {
    const header = this.#open(type, 0) - NLA_HDRLEN;
    fill(this);
    this.#setLength(header, type, this.#length - header);
    return this;
  }

  /**
   * Writes the header of an attribute and makes room for its value; where the value starts. Called before the buffer is
   * looked at: it may put a larger one in its place.
   */
  #open(type: number, length: number): number {
    const header = this.#grow(align(NLA_HDRLEN + length));
    this.#setLength(header, type, NLA_HDRLEN + length);
    this.#view.setUint16(header + 2, type, true);
    return header + NLA_HDRLEN;
  }

  #setLength(header: number, type: number, length: number): void {
    if (length > MAX_LENGTH) {
      throw new LodenError(
        "ERR_NETLINK",
        `netlink attribute ${type & NLA_TYPE_MASK} would have ${length} bytes; an attribute holds ${MAX_LENGTH} at most`,
      );
    }
    this.#view.setUint16(header, length, true);
  }

  /** Room for `size` zero bytes at the end; where they start. */
  #grow(size: number): number {
    const at = this.#length;
    const needed = at + size;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return at;
  }
}

/** One attribute as it stands, for lists in which a type comes many times. */
export interface Attr {
  /** Without flag bits. */
  readonly type: number;
  readonly value: Uint8Array;
}

/**
 * The attributes from `offset` to the end, in order. Values are views.
 * @throws LodenError ERR_NETLINK_DECODE when a length points outside.
 */
export function listAttrs(bytes: Uint8Array, offset = 0): Attr[] {
  const attrs: Attr[] = [];
  eachAttr(bytes, offset, (type, value) => attrs.push({ type, value }));
  return attrs;
}

function eachAttr(bytes: Uint8Array, offset: number, visit: (type: number, value: Uint8Array) => void): void {
  let at = offset;
  if (at > bytes.length) throw decodeError(`${bytes.length} bytes where a header takes ${offset}`);
  while (at + NLA_HDRLEN <= bytes.length) {
    const length = bytes[at]! | (bytes[at + 1]! << 8);
    if (length < NLA_HDRLEN || length > bytes.length - at) {
      throw decodeError(`an attribute of ${length} bytes at byte ${at} of ${bytes.length}`);
    }
    const type = (bytes[at + 2]! | (bytes[at + 3]! << 8)) & NLA_TYPE_MASK;
    visit(type, bytes.subarray(at + NLA_HDRLEN, at + length));
    at += align(length);
  }
}

/** The attributes from `offset` to the end by type. Of a type that comes twice the last counts, as in the kernel. */
export function readAttrs(bytes: Uint8Array, offset = 0): Attrs {
  const attrs = new Attrs();
  eachAttr(bytes, offset, (type, value) => attrs.set(type, value));
  return attrs;
}

/** Attributes by type. The typed getters give undefined for one that is absent and throw on one that is too short. */
export class Attrs extends Map<number, Uint8Array> {
  u8(type: number): number | undefined {
    return this.#view(type, 1)?.getUint8(0);
  }

  u16(type: number): number | undefined {
    return this.#view(type, 2)?.getUint16(0, true);
  }

  u16be(type: number): number | undefined {
    return this.#view(type, 2)?.getUint16(0);
  }

  u32(type: number): number | undefined {
    return this.#view(type, 4)?.getUint32(0, true);
  }

  u32be(type: number): number | undefined {
    return this.#view(type, 4)?.getUint32(0);
  }

  i32(type: number): number | undefined {
    return this.#view(type, 4)?.getInt32(0, true);
  }

  u64(type: number): bigint | undefined {
    return this.#view(type, 8)?.getBigUint64(0, true);
  }

  /** Text up to the first NUL or the end. What is not UTF-8 becomes U+FFFD. */
  string(type: number): string | undefined {
    const value = this.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return decoder.decode(end < 0 ? value : value.subarray(0, end));
  }

  nested(type: number): Attrs | undefined {
    const value = this.get(type);
    return value === undefined ? undefined : readAttrs(value);
  }

  #view(type: number, size: number): DataView | undefined {
    const value = this.get(type);
    if (value === undefined) return undefined;
    if (value.length < size) throw decodeError(`attribute ${type} with ${value.length} bytes where ${size} are due`);
    return new DataView(value.buffer, value.byteOffset, value.byteLength);
  }
}
