// The first frames of a connection: which are kept back, what is taken out, and the repair of etcdctl's :authority.
import { describe, expect, test } from "vitest";
import { FirstFrames } from "../../../daemon/store/embedded/first-frames.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const EMPTY_SETTINGS = Buffer.from("000000040000000000", "hex");
const ACK = Buffer.from("000000040100000000", "hex");
const WINDOW_UPDATE = Buffer.from("00000408000000000000010000", "hex");
const PING = Buffer.from("0000080600000000000102030405060708", "hex");

function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(1, 5);
  return Buffer.concat([head, payload]);
}

/** A header block: :method POST and :scheme http by index, then :authority as a literal with indexing, then :path "/". */
function block(value: Buffer, huffman: boolean): Buffer {
  const length = Buffer.from([(huffman ? 0x80 : 0) | value.length]);
  return Buffer.concat([Buffer.from([0x83, 0x86, 0x41]), length, value, Buffer.from([0x84])]);
}

const PLAIN = Buffer.from("http://127.0.0.1:2379");
const REPAIRED = Buffer.from("http:--127.0.0.1:2379");
/** "http://" and "http:--" in RFC 7541's Huffman code, then one more letter: 0x9d29aee3 0c and what follows. */
const HUFFMAN_URL = bitsToBytes("100111 01001 01001 101011 1011100 011000 011000 00001");
const HUFFMAN_REPAIRED = bitsToBytes("100111 01001 01001 101011 1011100 010110 010110 00001");

/** Filled up with ones, as the code demands. */
function bitsToBytes(spaced: string): Buffer {
  const bits = spaced.replaceAll(" ", "");
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from(padded.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

/** What is forwarded when all comes at once. */
function forwarded(...parts: Buffer[]): Buffer {
  const { forward } = new FirstFrames().push(Buffer.concat([PREFACE, EMPTY_SETTINGS, ...parts]));
  if (forward === undefined) throw new Error("nothing was forwarded");
  return Buffer.from(forward);
}

test("a preface is answered with settings, whose acknowledgement is taken out, however the bytes come", () => {
  const request = frame(1, 4, block(Buffer.from("store:2379"), false));
  const all = Buffer.concat([PREFACE, EMPTY_SETTINGS, WINDOW_UPDATE, ACK, request]);
  for (const size of [1, 7, 30, 1000]) {
    const first = new FirstFrames();
    const replies: Uint8Array[] = [];
    let forward: Uint8Array | undefined;
    let at = 0;
    for (; forward === undefined && at < all.length; at += size) {
      const step = first.push(all.subarray(at, at + size));
      if (step.reply !== undefined) replies.push(step.reply);
      ({ forward } = step);
    }
    expect(replies.map((reply) => Buffer.from(reply))).toEqual([EMPTY_SETTINGS]);
    expect(at).toBeGreaterThanOrEqual(all.length);
    expect(Buffer.from(forward ?? [])).toEqual(Buffer.concat([PREFACE, EMPTY_SETTINGS, WINDOW_UPDATE, request]));
  }
});

test("a request that comes before the acknowledgement waits for it; only the first one is taken out", () => {
  const request = frame(1, 4, block(Buffer.from("store"), false));
  const first = new FirstFrames();
  expect(first.push(Buffer.concat([PREFACE, EMPTY_SETTINGS, request])).forward).toBeUndefined();
  expect(first.push(Buffer.from("data")).forward).toBeUndefined();
  const begin = Buffer.concat([PREFACE, EMPTY_SETTINGS, request]);
  const data = frame(0, 1, Buffer.from("body"));
  const next = new FirstFrames();
  next.push(begin);
  const { forward } = next.push(Buffer.concat([data, ACK, ACK]));
  expect(Buffer.from(forward ?? [])).toEqual(Buffer.concat([begin, data, ACK]));
});

test("a client that wants an answer before it asks is handed over", () => {
  expect(forwarded(ACK, PING)).toEqual(Buffer.concat([PREFACE, EMPTY_SETTINGS, PING]));
});

test("another protocol is handed over as it came, a client that floods is refused", () => {
  const http1 = Buffer.from("GET /health HTTP/1.1\r\n\r\n");
  expect(new FirstFrames().push(http1)).toEqual({ forward: http1 });
  expect(new FirstFrames().push(Buffer.alloc(0))).toEqual({});
  const first = new FirstFrames();
  first.push(PREFACE);
  const settings = frame(4, 0, Buffer.alloc(16_380));
  let refused = false;
  for (let count = 0; count < 20 && !refused; count++) refused = first.push(settings).refused === true;
  expect(refused).toBe(true);
});

describe("the authority", () => {
  test.each([
    ["written out", PLAIN, REPAIRED, false],
    ["in Huffman code", HUFFMAN_URL, HUFFMAN_REPAIRED, true],
    ["of TLS", Buffer.from("https://a:1"), Buffer.from("https:--a:1"), false],
    ["that is right", Buffer.from("127.0.0.1:2379"), Buffer.from("127.0.0.1:2379"), false],
    ["that is right, in Huffman code", bitsToBytes("00001 010111 00010"), bitsToBytes("00001 010111 00010"), true],
    ["that is empty", Buffer.alloc(0), Buffer.alloc(0), true],
  ])("%s", (_, value, expected, huffman) => {
    expect(forwarded(ACK, frame(1, 4, block(value, huffman)))).toEqual(
      Buffer.concat([PREFACE, EMPTY_SETTINGS, frame(1, 4, block(expected, huffman))]),
    );
  });

  test("behind padding, priority, a change of the table's size and a name that is written out", () => {
    const before = Buffer.from([0x3f, 0xe1, 0x1f, 0x40, 0x01, 0x61, 0x01, 0x62, 0x0f, 0x2f, 0x01, 0x63]);
    const payload = (value: Buffer): Buffer =>
      Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 16]), before, block(value, false), Buffer.alloc(2)]);
    const flags = 0x2c;
    expect(forwarded(ACK, frame(1, flags, payload(PLAIN)))).toEqual(
      Buffer.concat([PREFACE, EMPTY_SETTINGS, frame(1, flags, payload(REPAIRED))]),
    );
  });
});
