// ICMP echo messages against bytes from RFC 792 and RFC 4443.
import { describe, expect, test } from "vitest";
import { decodeAnswer, encodeEchoRequest, failureText, internetChecksum } from "#kernel/icmp";
import { Address } from "#kernel/ip/address";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
const echo = { identifier: 0x1234, sequence: 0x0001 };
const IPV4 = "45000000 00000000 40010000 0a000001 0a000002";
const IPV6 = "60000000 00083a40 fd000000000000000000000000000001 fd000000000000000000000000000002";

describe("encodeEchoRequest", () => {
  test("fills in the checksum for IPv4 and leaves it to the kernel for IPv6", () => {
    const four = encodeEchoRequest(4, echo, bytes("616263"));
    expect(Buffer.from(four).toString("hex")).toBe("0800216812340001616263");
    expect(internetChecksum(four)).toBe(0);
    expect(Buffer.from(encodeEchoRequest(6, echo, bytes("61"))).toString("hex")).toBe("800000001234000161");
  });

  test("the checksum of RFC 1071's example", () => {
    expect(internetChecksum(bytes("0001f203f4f5f6f7"))).toBe(~0xddf2 & 0xffff);
  });
});

describe("decodeAnswer", () => {
  test.each([
    [4, `${IPV4} 0000 0000 12340001 616263`],
    [4, `46000000 00000000 40010000 0a000001 0a000002 94040000 0000 0000 12340001 616263`],
    [6, `8100 0000 12340001 616263`],
  ] as const)("a reply of IPv%i", (family, packet) => {
    expect(decodeAnswer(family, bytes(packet))).toEqual({ kind: "reply", echo, payload: bytes("616263") });
  });

  test.each([
    [4, "0301", "unreachable", 1],
    [4, "0304", "packet-too-big", 4],
    [4, "0b00", "time-exceeded", 0],
    [6, "0103", "unreachable", 3],
    [6, "0200", "packet-too-big", 0],
    [6, "0300", "time-exceeded", 0],
    [6, "0401", "parameter-problem", 1],
  ] as const)("an error of IPv%i: %s", (family, type, failure, code) => {
    const packet =
      family === 4
        ? `${IPV4} ${type} 0000 00000000 ${IPV4} 0800 0000 12340001`
        : `${type} 0000 00000000 ${IPV6} 8000 0000 12340001`;
    expect(decodeAnswer(family, bytes(packet))).toEqual({ kind: "error", echo, failure, code });
  });

  test.each([
    [4, ""],
    [4, IPV4],
    [4, `${IPV4} 0800 0000 12340001`],
    [4, `${IPV4} 0300 0000 00000000`],
    [4, `${IPV4} 0300 0000 00000000 ${IPV4} 0000 0000 12340001`],
    [4, `${IPV4} 0300 0000 00000000 ${IPV4.replace("4001", "4011")} 0800 0000 12340001`],
    [6, ""],
    [6, "8000 0000 12340001"],
    [6, `0100 0000 00000000 ${IPV6.replace("3a40", "1140")} 8000 0000 12340001`],
    [6, `0100 0000 00000000 ${IPV6} 8000`],
  ] as const)("IPv%i %j answers nothing", (family, packet) => {
    expect(decodeAnswer(family, bytes(packet))).toBeUndefined();
  });
});

test("failureText says who said what", () => {
  expect(failureText("time-exceeded", 0, Address.parse("10.0.0.1"))).toBe("10.0.0.1 says: time exceeded (code 0)");
  expect(failureText("unreachable", 1, undefined)).toBe("a router says: unreachable (code 1)");
});
