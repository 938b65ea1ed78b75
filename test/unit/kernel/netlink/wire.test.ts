// Message framing held against bytes written by hand from RFC 3549 and <linux/netlink.h>.
import { describe, expect, test } from "vitest";
import { decodeMessages, encodeMessages, nextSequence } from "#kernel/netlink/wire";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

describe("encodeMessages", () => {
  test("writes header and payload and pads to four bytes", () => {
    const encoded = encodeMessages(
      [
        { type: 0x10, flags: 0x605, payload: bytes("aabbccddee") },
        { type: 0x12, flags: 0x301, payload: new Uint8Array(0) },
      ],
      0x01020304,
      0xa0b0c0d0,
    );
    expect(Buffer.from(encoded).toString("hex")).toBe(
      "15000000" +
        "1000" +
        "0506" +
        "04030201" +
        "d0c0b0a0" +
        "aabbccddee000000" +
        "10000000" +
        "1200" +
        "0103" +
        "05030201" +
        "d0c0b0a0",
    );
  });

  test("counts sequence numbers past 32 bits and past 0, which notifications bear", () => {
    expect(nextSequence(0xffff_fffe)).toBe(0xffff_ffff);
    expect(nextSequence(0xffff_ffff)).toBe(1);
    const [, second] = decodeMessages(
      encodeMessages(
        [1, 2].map((type) => ({ type, flags: 0, payload: new Uint8Array(0) })),
        0xffff_ffff,
        0,
      ),
    );
    expect(second?.sequence).toBe(1);
  });
});

describe("decodeMessages", () => {
  test("reads messages one behind the other", () => {
    const messages = decodeMessages(
      bytes("12000000 1000 0200 07000000 2a000000 0102 0000 10000000 0300 0000 07000000 2a000000"),
    );
    expect(messages).toEqual([
      { type: 16, flags: 2, sequence: 7, portId: 42, payload: bytes("0102") },
      { type: 3, flags: 0, sequence: 7, portId: 42, payload: bytes("") },
    ]);
  });

  test("reads a view into a larger buffer, where the last padding may be missing", () => {
    const large = bytes("ffffff 11000000 1000 0000 00000000 00000000 99 ff");
    expect(decodeMessages(large.subarray(3, 20))).toEqual([
      { type: 16, flags: 0, sequence: 0, portId: 0, payload: bytes("99") },
    ]);
  });

  test.each([
    ["shorter than a header", "0f000000 1000 0000 00000000 00000000"],
    ["of no length", "00000000 1000 0000 00000000 00000000"],
    ["longer than the datagram", "11000000 1000 0000 00000000 00000000"],
    ["longer than memory", "ffffffff 1000 0000 00000000 00000000"],
  ])("refuses a message %s", (_, hex) => {
    expect(() => decodeMessages(bytes(hex))).toThrow(expect.objectContaining({ code: "ERR_NETLINK_DECODE" }));
  });

  test("has nothing to say about a few bytes too many", () => {
    expect(decodeMessages(bytes("10000000 1000 0000 00000000 00000000 0000"))).toHaveLength(1);
    expect(decodeMessages(bytes(""))).toEqual([]);
  });
});
