// Messages of D-Bus (D-Bus Specification 0.41, "Message Protocol" and "Type System"), as far as calls with text arguments and
// their answers need them. Pure; little-endian is written, both are read.
import { LodenError } from "#spec/errors";

/** A call of a method, whose arguments are all text. */
export interface DbusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly args: readonly string[];
}

/** What kind of message it is (message type). */
export const DBUS_TYPE = { call: 1, answer: 2, error: 3, signal: 4 } as const;

/** A message as it came. */
export interface DbusMessage {
  readonly type: number;
  readonly serial: number;
  /** Header fields by code: texts, and the serial of the call an answer is to. */
  readonly fields: ReadonlyMap<number, string | number>;
  /** Text and numbers at the start of the body, as far as they are of types known here; false and true are 0 and 1. */
  readonly body: readonly (string | number)[];
}

/** Header field codes. */
export const DBUS_FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  sender: 7,
  signature: 8,
} as const;

/** Bytes of the header before its fields: byte order, type, flags, version, body length, serial. */
const FIXED_LENGTH = 12;
/** The length of the fields follows. */
export const PREAMBLE_LENGTH = FIXED_LENGTH + 4;
/** Largest message of the specification. */
const MAX_LENGTH = 128 << 20;
const LITTLE = 0x6c;
const BIG = 0x42;
const VERSION = 1;

/** Types of the body's values by JavaScript's. */
const TYPES = { string: "s", boolean: "b", number: "u" } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function aligned(offset: number, to: number): number {
  return Math.ceil(offset / to) * to;
}

/** Appends values with the alignment of their types. */
class Marshal {
  readonly bytes: number[] = [];

  pad(to: number): this {
    while (this.bytes.length % to !== 0) this.bytes.push(0);
    return this;
  }

  byte(value: number): this {
    this.bytes.push(value);
    return this;
  }

  u32(value: number): this {
    this.pad(4);
    for (let shift = 0; shift < 32; shift += 8) this.bytes.push((value >>> shift) & 0xff);
    return this;
  }

  text(value: string): this {
    const text = encoder.encode(value);
    this.u32(text.length).bytes.push(...text, 0);
    return this;
  }

  /** A signature has its length in one byte. */
  signature(value: string): this {
    this.byte(value.length).bytes.push(...encoder.encode(value), 0);
    return this;
  }
}

export interface OutgoingMessage {
  readonly type: number;
  readonly serial: number;
  readonly fields: readonly (readonly [code: number, type: "s" | "o" | "u" | "g", value: string | number])[];
  readonly body: readonly (string | boolean | number)[];
}

export function encodeMessage({ type, serial, fields, body }: OutgoingMessage): Uint8Array {
  const content = new Marshal();
  for (const value of body) {
    if (typeof value === "string") content.text(value);
    else content.u32(Number(value));
  }
  const signature = body.map((value) => TYPES[typeof value as keyof typeof TYPES]).join("");
  const all = signature === "" ? fields : [...fields, [DBUS_FIELD.signature, "g", signature] as const];
  const header = new Marshal()
    .byte(LITTLE)
    .byte(type)
    .byte(0)
    .byte(VERSION)
    .u32(content.bytes.length)
    .u32(serial)
    .u32(0);
  for (const [code, fieldType, value] of all) {
    header.pad(8).byte(code).signature(fieldType);
    if (typeof value === "number") header.u32(value);
    else if (fieldType === "g") header.signature(value);
    else header.text(value);
  }
  const bytes = new Uint8Array(aligned(header.bytes.length, 8) + content.bytes.length);
  bytes.set(header.bytes);
  new DataView(bytes.buffer).setUint32(FIXED_LENGTH, header.bytes.length - PREAMBLE_LENGTH, true);
  bytes.set(content.bytes, bytes.length - content.bytes.length);
  return bytes;
}

export function encodeCall({ destination, path, member, args, ...call }: DbusCall, serial: number): Uint8Array {
  return encodeMessage({
    type: DBUS_TYPE.call,
    serial,
    fields: [
      [DBUS_FIELD.path, "o", path],
      [DBUS_FIELD.interface, "s", call.interface],
      [DBUS_FIELD.member, "s", member],
      [DBUS_FIELD.destination, "s", destination],
    ],
    body: args,
  });
}

/**
 * How many bytes the message has that begins with these, of which there are at least PREAMBLE_LENGTH.
 * @throws LodenError ERR_DBUS
 */
export function messageLength(bytes: Uint8Array): number {
  const { view, little } = orderOf(bytes);
  const fields = view.getUint32(FIXED_LENGTH, little);
  const body = view.getUint32(4, little);
  const length = aligned(PREAMBLE_LENGTH + fields, 8) + body;
  if (length > MAX_LENGTH) throw malformed(`a message of ${length} bytes`);
  return length;
}

function orderOf(bytes: Uint8Array): { readonly view: DataView; readonly little: boolean } {
  if (bytes.length < PREAMBLE_LENGTH) throw malformed(`${bytes.length} bytes where a header is due`);
  if (bytes[0] !== LITTLE && bytes[0] !== BIG) throw malformed(`byte order ${String(bytes[0])}`);
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), little: bytes[0] === LITTLE };
}

/** Takes values off a message. */
class Reader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array, view: DataView, little: boolean, at: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.#little = little;
    this.at = at;
  }

  #take(length: number, alignment: number): number {
    const at = aligned(this.at, alignment);
    if (length > this.#bytes.length - at) throw malformed(`${this.#bytes.length} bytes where more are due`);
    this.at = at + length;
    return at;
  }

  byte(): number {
    return this.#bytes[this.#take(1, 1)]!;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, 4), this.#little);
  }

  text(): string {
    return this.#string(this.u32());
  }

  signature(): string {
    return this.#string(this.byte());
  }

  /** A value of a simple type; undefined for another. */
  value(type: string): string | number | undefined {
    if (type === "s" || type === "o") return this.text();
    if (type === "g") return this.signature();
    return type === "u" || type === "b" || type === "i" ? this.u32() : undefined;
  }

  #string(length: number): string {
    const at = this.#take(length + 1, 1);
    return decoder.decode(this.#bytes.subarray(at, at + length));
  }
}

/**
 * Reads one whole message.
 * @throws LodenError ERR_DBUS
 */
export function decodeMessage(bytes: Uint8Array): DbusMessage {
  const { view, little } = orderOf(bytes);
  const end = PREAMBLE_LENGTH + view.getUint32(FIXED_LENGTH, little);
  const reader = new Reader(bytes, view, little, PREAMBLE_LENGTH);
  const fields = new Map<number, string | number>();
  while (reader.at < end) {
    reader.at = aligned(reader.at, 8);
    const code = reader.byte();
    const type = reader.signature();
    const value = reader.value(type);
    // What comes behind a value of unknown length cannot be found.
    if (value === undefined) throw malformed(`a header field of type ${JSON.stringify(type)}`);
    fields.set(code, value);
  }
  const signature = fields.get(DBUS_FIELD.signature);
  const body = new Reader(bytes, view, little, aligned(end, 8));
  const values: (string | number)[] = [];
  for (const type of typeof signature === "string" ? signature : "") {
    const value = body.value(type);
    if (value === undefined) break;
    values.push(value);
  }
  return { type: bytes[1]!, serial: view.getUint32(8, little), fields, body: values };
}

/** The error of everything that is wrong with D-Bus. */
export function dbusError(message: string, cause?: unknown): LodenError {
  return new LodenError("ERR_DBUS", message, cause === undefined ? {} : { cause });
}

function malformed(what: string): LodenError {
  return dbusError(`malformed D-Bus data: the bus sent ${what}`);
}
