// The first frames of a client's HTTP/2 connection, seen before Node's server sees them. etcdctl 3.4 asks for the status
// of an endpoint with the whole URL as :authority ("http://127.0.0.1:2379"), which Go's server takes and nghttp2 refuses
// as the protocol error it is (RFC 9113 section 8.3.1). Here the slashes in it become dashes. HPACK (RFC 7541) stays
// intact: the text keeps its length, and later requests refer to it by index.
//
// A Go client sends no request before the server's SETTINGS, so an empty SETTINGS frame is sent at once, and its
// acknowledgement, which Node's server would not expect, is taken out.

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME_HEADER = 9;
const HEADERS = 1;
const PRIORITY = 2;
const SETTINGS = 4;
const WINDOW_UPDATE = 8;
const FLAG_ACK = 1;
const FLAG_PADDED = 8;
const FLAG_PRIORITY = 0x20;
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]);

/** No client may send more before it has settled: its window is 64 KiB, its first frames are small. */
const MAX_BYTES = 256 * 1024;

/** Index of ":authority" in HPACK's static table (RFC 7541 appendix A). */
const AUTHORITY = 1;

export interface Step {
  /** To be sent to the client now. */
  readonly reply?: Uint8Array;
  /** The connection's bytes so far for the HTTP/2 server; what follows goes there directly. */
  readonly forward?: Uint8Array;
  /** The client is not to be served. */
  readonly refused?: boolean;
}

export class FirstFrames {
  #bytes = Buffer.alloc(0);
  /** Where the next frame begins. */
  #at = 0;
  #isAcknowledged = false;
  /** Enough has been seen but for the acknowledgement. */
  #isComplete = false;

  /** Takes what came from the client. After `forward` or `refused` it must not be called again. */
  push(chunk: Uint8Array): Step {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    let reply = {};
    if (this.#at === 0) {
      const begin = this.#bytes.subarray(0, PREFACE.length);
      // Another protocol: Node's server knows what to answer.
      if (!begin.equals(PREFACE.subarray(0, begin.length))) return { forward: this.#bytes };
      if (begin.length < PREFACE.length) return {};
      this.#at = PREFACE.length;
      reply = { reply: EMPTY_SETTINGS };
    }
    while (this.#takeFrame());
    if (this.#isComplete && this.#isAcknowledged) return { ...reply, forward: this.#bytes };
    return this.#bytes.length > MAX_BYTES ? { refused: true } : reply;
  }

  /** @returns whether there was a whole frame */
  #takeFrame(): boolean {
    const rest = this.#bytes.length - this.#at;
    if (rest < FRAME_HEADER) return false;
    const length = this.#bytes.readUIntBE(this.#at, 3);
    const type = this.#bytes.readUInt8(this.#at + 3);
    const flags = this.#bytes.readUInt8(this.#at + 4);
    const end = this.#at + FRAME_HEADER + length;
    if (end > this.#bytes.length) return false;
    if (type === SETTINGS && (flags & FLAG_ACK) !== 0 && !this.#isAcknowledged) {
      this.#isAcknowledged = true;
      this.#bytes = Buffer.concat([this.#bytes.subarray(0, this.#at), this.#bytes.subarray(end)]);
      return true;
    }
    if (type === HEADERS && !this.#isComplete) repairHeaders(this.#bytes.subarray(this.#at + FRAME_HEADER, end), flags);
    // A request, or something that wants an answer (PING): it is the server's turn.
    if (type !== SETTINGS && type !== WINDOW_UPDATE && type !== PRIORITY) this.#isComplete = true;
    this.#at = end;
    return true;
  }
}

/** Repairs the :authority in a HEADERS payload, in place. What it cannot read it leaves to the server. */
function repairHeaders(payload: Buffer, flags: number): void {
  const isPadded = (flags & FLAG_PADDED) !== 0;
  const start = (isPadded ? 1 : 0) + ((flags & FLAG_PRIORITY) === 0 ? 0 : 5);
  const reader = new HpackReader(payload, start);
  for (;;) {
    const field = reader.field();
    if (field === undefined) return;
    if (field.name === AUTHORITY && field.value !== undefined) {
      repairAuthority(field.value, field.isHuffman);
      return;
    }
  }
}

interface Field {
  /** Index of the name, 0 for one that is written out. */
  readonly name: number;
  /** Absent for a field that is an index as a whole. */
  readonly value?: Buffer;
  readonly isHuffman: boolean;
}

/** Walks over the fields of a header block without a dynamic table: names are needed as indices only. */
class HpackReader {
  readonly #block: Buffer;
  #at: number;

  constructor(block: Buffer, start: number) {
    this.#block = block;
    this.#at = start;
  }

  /** The next field, or undefined at the end and for what is no header block. */
  field(): Field | undefined {
    const first = this.#block[this.#at];
    if (first === undefined) return undefined;
    if ((first & 0x80) !== 0) return this.#wholeIndex(7);
    if ((first & 0xe0) === 0x20) return this.#wholeIndex(5);
    const name = this.#integer((first & 0x40) === 0 ? 4 : 6);
    if (name === undefined) return undefined;
    if (name === 0 && this.#string() === undefined) return undefined;
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const value = this.#string();
    return value === undefined ? undefined : { name, value, isHuffman };
  }

  /** An indexed field, or a change of the table's size, which is as long. */
  #wholeIndex(prefixBits: number): Field | undefined {
    const name = this.#integer(prefixBits);
    return name === undefined ? undefined : { name, isHuffman: false };
  }

  #string(): Buffer | undefined {
    const length = this.#integer(7);
    if (length === undefined || this.#at + length > this.#block.length) return undefined;
    const value = this.#block.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** RFC 7541 section 5.1; nothing here needs more than two bytes after the prefix. */
  #integer(prefixBits: number): number | undefined {
    const max = 2 ** prefixBits - 1;
    let value = (this.#block[this.#at++] ?? 0) & max;
    if (value < max) return value;
    for (let shift = 0; shift <= 7; shift += 7) {
      const byte = this.#block[this.#at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    return undefined;
  }
}

const SCHEMES = ["http://", "https://"] as const;

/** The same in the Huffman code of RFC 7541 appendix B, as bits; and that of "-", which is as long as that of "/". */
const CODED_SCHEMES = [
  ["100111", "01001", "01001", "101011", "1011100", "011000", "011000"].join(""),
  ["100111", "01001", "01001", "101011", "01000", "1011100", "011000", "011000"].join(""),
] as const;
const CODED_DASH = "010110";

function repairAuthority(value: Buffer, isHuffman: boolean): void {
  if (isHuffman) {
    const scheme = CODED_SCHEMES.find((bits) => bitsAt(value, 0, bits.length) === bits);
    if (scheme !== undefined) writeBits(value, scheme.length - 2 * CODED_DASH.length, CODED_DASH + CODED_DASH);
    return;
  }
  const scheme = SCHEMES.find((text) => value.subarray(0, text.length).toString("latin1") === text);
  if (scheme !== undefined) value.write("--", scheme.length - 2, "latin1");
}

/** Bits as a text of 0 and 1; shorter where the value ends before. */
function bitsAt(value: Buffer, from: number, count: number): string {
  const last = (from + count + 7) >> 3;
  const bits = Array.from(value.subarray(from >> 3, last), (byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.slice(from & 7, (from & 7) + count);
}

function writeBits(value: Buffer, from: number, bits: string): void {
  for (let index = 0; index < bits.length; index++) {
    const at = from + index;
    const mask = 1 << (7 - (at & 7));
    const byte = value[at >> 3] ?? 0;
    value[at >> 3] = bits[index] === "1" ? byte | mask : byte & ~mask;
  }
}
