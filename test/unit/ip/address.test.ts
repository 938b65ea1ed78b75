// IP addresses: text in and out, bytes, arithmetic, and the kinds that Go's net and netip packages tell apart.
import { Address } from "#kernel/ip/address";
import { describe, expect, test } from "vitest";

describe("text", () => {
  test.each([
    ["1.2.3.4", "1.2.3.4"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["FD00:12:13::", "fd00:12:13::"],
    ["fc00:0000:0000:0001::", "fc00:0:0:1::"],
    // RFC 5952 §4.2: the longest run of zeros, the first of equals, and never a single group.
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::102:304", "::102:304"],
    ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
    ["::ffff:a00:1", "::ffff:10.0.0.1"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ])("%s is read and printed as %s", (text, printed) => {
    expect(Address.parse(text).toString()).toBe(printed);
    expect(JSON.stringify(Address.parse(text))).toBe(`"${printed}"`);
  });

  test.each([
    "",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4\n",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.-4",
    "01.2.3.4",
    "1.2.3.04",
    "0x1.2.3.4",
    "1.2.3.4/24",
    "16909060",
    "fe80::1%eth0",
    "[::1]",
    "::1/64",
    "1::2::3",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "::ffff:01.2.3.4",
    "::1.2.3.4.5",
    "１.2.3.4",
    "1".repeat(100_000),
  ])("%j is refused", (text) => {
    expect(Address.tryParse(text)).toBeUndefined();
    expect(() => Address.parse(text)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS" }));
  });

  test("an error shows the text, however long, and what is wrong with a prefix", () => {
    expect(() => Address.parse("10.0.0.1/24")).toThrow(/"10\.0\.0\.1\/24".*prefix length/);
    expect(() => Address.parse("x".repeat(1000))).toThrow(/^"x{40,60}…" is not/);
  });
});

describe("bytes and numbers", () => {
  test("four bytes are IPv4, sixteen are IPv6, mapped or not", () => {
    expect(Address.fromBytes(Uint8Array.of(10, 5, 0, 255)).toString()).toBe("10.5.0.255");
    const mapped = Address.fromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 5, 0, 255));
    expect(mapped.family).toBe(6);
    expect(mapped.toString()).toBe("::ffff:10.5.0.255");
    expect(mapped.unmapped.toString()).toBe("10.5.0.255");
    expect(mapped.unmapped.family).toBe(4);
  });

  test.each([0, 3, 5, 15, 17])("%i bytes are refused", (length) => {
    expect(() => Address.fromBytes(new Uint8Array(length))).toThrow(/4 or 16 bytes/);
  });

  test("bytes are copies: changing them changes no address", () => {
    const bytes = Uint8Array.of(10, 0, 0, 1);
    const address = Address.fromBytes(bytes);
    bytes[0] = 11;
    address.toBytes()[1] = 99;
    expect(address.toString()).toBe("10.0.0.1");
    expect([...address.toBytes()]).toEqual([10, 0, 0, 1]);
  });

  test("adding carries over and stays in the address space", () => {
    expect(Address.parse("10.0.255.255").add(1).toString()).toBe("10.1.0.0");
    expect(Address.parse("10.1.0.0").add(-1n).toString()).toBe("10.0.255.255");
    expect(Address.parse("fd00::ffff:ffff:ffff:ffff").add(1).toString()).toBe("fd00:0:0:1::");
    expect(() => Address.parse("255.255.255.255").add(1)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS" }));
    expect(() => Address.parse("::").add(-1)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS" }));
    expect(() => Address.fromBigInt(4, 1n << 32n)).toThrow(/IPv4 address space/);
  });

  test("order is by family, then by number, not by text", () => {
    const sorted = ["10.0.0.10", "::1", "10.0.0.9", "9.0.0.0"]
      .map((text) => Address.parse(text))
      .toSorted((a, b) => a.compare(b));
    expect(sorted.map(String)).toEqual(["9.0.0.0", "10.0.0.9", "10.0.0.10", "::1"]);
    expect(Address.parse("::1").equals(Address.parse("0:0::1"))).toBe(true);
    expect(Address.parse("0.0.0.1").equals(Address.parse("::1"))).toBe(false);
    expect(Address.parse("0.0.0.1")).not.toEqual(Address.parse("0.0.0.2"));
  });
});

describe("kinds of address, as Go's net and netip have them", () => {
  type Kind = "isUnspecified" | "isLoopback" | "isLinkLocal" | "isMulticast" | "isGlobalUnicast" | "isPrivate";
  const cases: [string, Kind[]][] = [
    ["0.0.0.0", ["isUnspecified"]],
    ["::", ["isUnspecified"]],
    ["127.0.0.1", ["isLoopback"]],
    ["127.255.255.255", ["isLoopback"]],
    ["::1", ["isLoopback"]],
    ["::ffff:127.0.0.1", ["isLoopback"]],
    ["169.254.1.1", ["isLinkLocal"]],
    ["fe80::1", ["isLinkLocal"]],
    ["febf::1", ["isLinkLocal"]],
    ["fec0::1", ["isGlobalUnicast"]],
    ["224.0.0.1", ["isMulticast"]],
    ["239.255.255.255", ["isMulticast"]],
    ["ff02::1", ["isMulticast"]],
    ["255.255.255.255", []],
    ["8.8.8.8", ["isGlobalUnicast"]],
    ["10.255.0.1", ["isGlobalUnicast", "isPrivate"]],
    ["172.15.255.255", ["isGlobalUnicast"]],
    ["172.16.0.0", ["isGlobalUnicast", "isPrivate"]],
    ["172.31.255.255", ["isGlobalUnicast", "isPrivate"]],
    ["172.32.0.0", ["isGlobalUnicast"]],
    ["192.168.0.1", ["isGlobalUnicast", "isPrivate"]],
    ["192.169.0.1", ["isGlobalUnicast"]],
    ["fc00::1", ["isGlobalUnicast", "isPrivate"]],
    ["fdff::1", ["isGlobalUnicast", "isPrivate"]],
    ["fe00::1", ["isGlobalUnicast"]],
    ["2001:db8::1", ["isGlobalUnicast"]],
  ];
  const kinds: Kind[] = ["isUnspecified", "isLoopback", "isLinkLocal", "isMulticast", "isGlobalUnicast", "isPrivate"];

  test.each(cases)("%s is %j", (text, expected) => {
    const address = Address.parse(text);
    expect(kinds.filter((kind) => address[kind])).toEqual(expected);
  });
});
