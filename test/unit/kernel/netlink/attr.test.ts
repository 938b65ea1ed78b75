// Attributes held against bytes written by hand from <linux/netlink.h>.
import { describe, expect, test } from "vitest";
import { AttrWriter, listAttrs, readAttrs } from "#kernel/netlink/attr";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");

describe("AttrWriter", () => {
  test("writes every kind of value, padded to four bytes", () => {
    const payload = new AttrWriter(bytes("0102"))
      .u8(1, 0xab)
      .u16(2, 0x1234)
      .u16be(3, 0x1234)
      .u32(4, 0x12345678)
      .u32be(5, 0x12345678)
      .i32(6, -2)
      .u64(7, 0x0102030405060708n)
      .string(8, "lo")
      .bytes(9, bytes("aabbccddee"))
      .flag(10)
      .finish();
    expect(hex(payload)).toBe(
      [
        "01020000",
        "05000100 ab000000",
        "06000200 34120000",
        "06000300 12340000",
        "08000400 78563412",
        "08000500 12345678",
        "08000600 feffffff",
        "0c000700 0807060504030201",
        "07000800 6c6f0000",
        "09000900 aabbccddee000000",
        "04000a00",
      ]
        .join("")
        .replaceAll(" ", ""),
    );
  });

  test("nests, with the flag and without", () => {
    const payload = new AttrWriter()
      .nest(18, (info) => info.string(1, "vxlan").nest(2, (data) => data.u32(1, 1)))
      .nestPlain(3, (inner) => inner.raw(bytes("0a")).flag(1))
      .finish();
    expect(hex(payload)).toBe(
      "1c001280" +
        "0a000100" +
        "76786c616e000000" +
        "0c000280" +
        "08000100" +
        "01000000" +
        "0c000300" +
        "0a000000" +
        "04000100",
    );
  });

  test.each([
    ["u8", (writer: AttrWriter) => writer.u8(1, 7)],
    ["u16", (writer: AttrWriter) => writer.u16(1, 7)],
    ["u16be", (writer: AttrWriter) => writer.u16be(1, 7)],
    ["u32", (writer: AttrWriter) => writer.u32(1, 7)],
    ["u32be", (writer: AttrWriter) => writer.u32be(1, 7)],
    ["i32", (writer: AttrWriter) => writer.i32(1, 7)],
    ["u64", (writer: AttrWriter) => writer.u64(1, 7n)],
    ["string", (writer: AttrWriter) => writer.string(1, "seven")],
    ["bytes", (writer: AttrWriter) => writer.bytes(1, Uint8Array.of(7))],
    ["nest", (writer: AttrWriter) => writer.nest(1, (inner) => inner.u8(2, 7))],
  ])("%s is written where it makes the buffer grow", (_, write) => {
    const alone = hex(write(new AttrWriter()).finish());
    for (let before = 200; before <= 260; before += 4) {
      expect(hex(write(new AttrWriter(new Uint8Array(before))).finish())).toBe("00".repeat(before) + alone);
    }
  });

  test("grows, and what it finished stays as it was", () => {
    const writer = new AttrWriter().u32(1, 7);
    const early = writer.finish();
    for (let i = 0; i < 1000; i++) writer.bytes(2, new Uint8Array(99).fill(i));
    expect(hex(early)).toBe("0800010007000000");
    const attrs = listAttrs(writer.finish());
    expect(attrs).toHaveLength(1001);
    expect(attrs[1000]?.value).toEqual(new Uint8Array(99).fill(999));
    expect(writer.length).toBe(8 + 1000 * 104);
  });

  test("refuses what an attribute cannot hold", () => {
    const refusal = expect.objectContaining({ code: "ERR_NETLINK" });
    expect(() => new AttrWriter().bytes(1, new Uint8Array(0xfffc))).toThrow(refusal);
    expect(new AttrWriter().bytes(1, new Uint8Array(0xfffb)).length).toBe(0x10000);
    expect(() =>
      new AttrWriter().nest(5, (inner) => void inner.bytes(1, new Uint8Array(0x8000)).bytes(2, new Uint8Array(0x8000))),
    ).toThrow(/attribute 5 would have 65548 bytes/);
    expect(() => new AttrWriter().string(1, "a\0b")).toThrow(refusal);
  });
});

describe("reading", () => {
  test("gives values by type, the last where a type comes twice", () => {
    const attrs = readAttrs(bytes("00000000 0800 0100 01000000 0800 0100 02000000 0600 0280 0100 0000"), 4);
    expect([...attrs.keys()]).toEqual([1, 2]);
    expect(attrs.u32(1)).toBe(2);
    expect(attrs.u16(2)).toBe(1);
    expect(attrs.u32(3)).toBeUndefined();
    expect(listAttrs(bytes("0800 0100 01000000 0800 0100 02000000")).map((attr) => attr.type)).toEqual([1, 1]);
  });

  test("reads text up to its NUL or its end", () => {
    const attrs = readAttrs(bytes("0700 0100 6c6f00 00 0600 0200 6c6f 0000 0400 0300"));
    expect([attrs.string(1), attrs.string(2), attrs.string(3), attrs.string(4)]).toEqual(["lo", "lo", "", undefined]);
  });

  test("reads nests", () => {
    const attrs = readAttrs(new AttrWriter().nest(18, (inner) => inner.string(1, "veth")).finish());
    expect(attrs.nested(18)?.string(1)).toBe("veth");
    expect(attrs.nested(19)).toBeUndefined();
  });

  test.each([
    ["shorter than its header", "0300 0100"],
    ["of no length", "0000 0100 00000000"],
    ["longer than what is there", "0900 0100 00000000"],
  ])("refuses an attribute %s", (_, data) => {
    expect(() => readAttrs(bytes(data))).toThrow(expect.objectContaining({ code: "ERR_NETLINK_DECODE" }));
  });

  test("refuses a header that is not all there, and a value that is too short", () => {
    const refusal = expect.objectContaining({ code: "ERR_NETLINK_DECODE" });
    expect(() => readAttrs(bytes("0000"), 16)).toThrow(refusal);
    const short = readAttrs(bytes("0500 0100 01000000"));
    expect(short.u8(1)).toBe(1);
    for (const read of ["u16", "u16be", "u32", "u32be", "i32", "u64"] as const) {
      expect(() => short[read](1)).toThrow(refusal);
    }
  });
});
