// The decoders of netlink's framing on arbitrary and on damaged bytes: a value or ERR_NETLINK_DECODE, nothing else; and
// what was written is what is read.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAnswer } from "#kernel/icmp";
import { AttrWriter, listAttrs, readAttrs } from "#kernel/netlink/attr";
import { decodeAck, decodeDone } from "#kernel/netlink/error";
import { decodeMessages, encodeMessages } from "#kernel/netlink/wire";
import { LodenError } from "#spec/errors";

const RUNS = { numRuns: 2000 };
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const bytes = (maxLength = 64) => fc.uint8Array({ maxLength });
const message = fc.record({ type: u16, flags: u16, payload: bytes() });

/** Runs a decoder: undefined when it refuses in the way it may, else what it gives; throws for any other error. */
function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof LodenError && error.code === "ERR_NETLINK_DECODE") return undefined;
    throw error;
  }
}

/** Valid bytes with some of them changed and perhaps the end cut off. */
function damaged(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(), fc.nat(255));
  return fc.tuple(valid, fc.array(change, { maxLength: 4 }), fc.nat()).map(([data, changes, cut]) => {
    const copy = data.slice(0, cut % 3 === 0 ? cut % (data.length + 1) : data.length);
    for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
    return copy;
  });
}

const encodedMessages = fc
  .tuple(fc.array(message, { maxLength: 5 }), u32, u32)
  .map(([messages, sequence, port]) => encodeMessages(messages, sequence, port));

const attr = fc.record({ type: fc.nat(0x3fff), value: bytes() });
const encodedAttrs = fc.array(attr, { maxLength: 6 }).map((attrs) => {
  const writer = new AttrWriter();
  for (const { type, value } of attrs) writer.bytes(type, value);
  return writer.nest(7, (inner) => inner.u32(1, 2).string(2, "x")).finish();
});

describe("messages", () => {
  test("come back as they were written", () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.integer({ min: 1, max: 0xffff_0000 }),
        u32,
        (messages, first, portId) => {
          const expected = messages.map((one, i) => ({ ...one, sequence: first + i, portId }));
          expect(decodeMessages(encodeMessages(messages, first, portId))).toEqual(expected);
        },
      ),
    );
  });

  test.each([
    ["arbitrary", bytes(256)],
    ["damaged", damaged(encodedMessages)],
  ])("%s bytes give messages within them, or are refused", (_, data) => {
    fc.assert(
      fc.property(data, (datagram) => {
        for (const { payload } of decoded(() => decodeMessages(datagram)) ?? []) {
          expect(payload.buffer).toBe(datagram.buffer);
          expect(payload.byteOffset + payload.length).toBeLessThanOrEqual(datagram.byteOffset + datagram.length);
        }
      }),
      RUNS,
    );
  });
});

describe("attributes", () => {
  test("come back as they were written, in order", () => {
    fc.assert(
      fc.property(fc.array(attr, { maxLength: 20 }), bytes(16), (attrs, header) => {
        const writer = new AttrWriter(header);
        const start = writer.length;
        for (const { type, value } of attrs) writer.bytes(type, value);
        expect(listAttrs(writer.finish(), start)).toEqual(attrs);
        const byType = new Map(attrs.map(({ type, value }) => [type, value]));
        expect([...readAttrs(writer.finish(), start)]).toEqual([...byType]);
      }),
    );
  });

  test("numbers and text come back", () => {
    const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0"));
    fc.assert(
      fc.property(
        fc.nat(255),
        u16,
        u32,
        fc.integer(),
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        text,
        (a, b, c, d, e, f) => {
          const write = (w: AttrWriter): AttrWriter =>
            w.u8(1, a).u16(2, b).u16be(3, b).u32(4, c).u32be(5, c).i32(6, d).u64(7, e).string(8, f);
          for (const attrs of [
            readAttrs(write(new AttrWriter()).finish()),
            readAttrs(new AttrWriter().nest(9, write).finish()).nested(9)!,
          ]) {
            expect([
              attrs.u8(1),
              attrs.u16(2),
              attrs.u16be(3),
              attrs.u32(4),
              attrs.u32be(5),
              attrs.i32(6),
              attrs.u64(7),
              attrs.string(8),
            ]).toEqual([a, b, b, c, c, d, e, f]);
          }
        },
      ),
    );
  });

  test.each([
    ["arbitrary", bytes(256)],
    ["damaged", damaged(encodedAttrs)],
  ])("%s bytes never do more than be refused", (_, data) => {
    fc.assert(
      fc.property(data, fc.nat(32), (payload, offset) => {
        const attrs = decoded(() => readAttrs(payload, offset));
        for (const type of attrs?.keys() ?? []) {
          for (const get of ["u8", "u16", "u16be", "u32", "u32be", "i32", "u64", "string", "nested"] as const) {
            decoded(() => attrs?.[get](type));
          }
        }
      }),
      RUNS,
    );
  });
});

describe("acknowledgements", () => {
  test("any message gives an outcome or is refused", () => {
    const head = fc.tuple(fc.integer(), u32, damaged(encodedAttrs)).map(([errno, length, attrs]) => {
      const start = new Uint8Array(20);
      new DataView(start.buffer).setInt32(0, errno, true);
      new DataView(start.buffer).setUint32(4, length, true);
      return Uint8Array.from(Buffer.concat([start, attrs]));
    });
    fc.assert(
      fc.property(u16, u16, fc.oneof(bytes(64), head), (type, flags, payload) => {
        for (const decode of [decodeAck, decodeDone]) {
          const outcome = decoded(() => decode({ type, flags, payload }));
          if (outcome !== undefined) expect(outcome.errno).not.toBe(0);
        }
      }),
      RUNS,
    );
  });
});

test("no packet harms the decoder of echo answers", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(4 as const, 6 as const),
      bytes(128),
      fc.constantFrom(0, 1, 3, 11, 129, 0x45),
      (family, packet, type) => {
        if (packet.length > 20) packet[family === 4 ? 20 : 0] = type;
        if (family === 4 && packet.length > 0) packet[0] = 0x45;
        const answer = decodeAnswer(family, packet);
        if (answer !== undefined) expect(answer.echo.identifier).toBeLessThanOrEqual(0xffff);
      },
    ),
    RUNS,
  );
});
