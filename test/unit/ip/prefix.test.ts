// Prefixes and ranges: bounds, containment, overlap, order, and what is refused.
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { AddressRange } from "#kernel/ip/range";
import { describe, expect, test } from "vitest";

describe("prefix", () => {
  test("keeps host bits until it is masked", () => {
    const prefix = Prefix.parse("10.1.2.3/16");
    expect(prefix.toString()).toBe("10.1.2.3/16");
    expect(prefix.isMasked).toBe(false);
    expect(prefix.masked.toString()).toBe("10.1.0.0/16");
    expect(prefix.masked.isMasked).toBe(true);
    expect(prefix.first.toString()).toBe("10.1.0.0");
    expect(prefix.last.toString()).toBe("10.1.255.255");
    expect(prefix.size).toBe(65536n);
    expect(JSON.stringify({ prefix })).toBe('{"prefix":"10.1.2.3/16"}');
  });

  test.each([
    ["0.0.0.0/0", "0.0.0.0", "255.255.255.255"],
    ["10.0.0.1/32", "10.0.0.1", "10.0.0.1"],
    ["10.0.0.3/31", "10.0.0.2", "10.0.0.3"],
    ["::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["FD00:12:13::1/56", "fd00:12:13::", "fd00:12:13:ff:ffff:ffff:ffff:ffff"],
    ["fd00::5/128", "fd00::5", "fd00::5"],
  ])("%s spans %s to %s", (text, first, last) => {
    expect(Prefix.parse(text).first.toString()).toBe(first);
    expect(Prefix.parse(text).last.toString()).toBe(last);
  });

  test("a length with leading zeros is read, as Go's ParseCIDR does", () => {
    expect(Prefix.parse("10.0.0.0/08").toString()).toBe("10.0.0.0/8");
  });

  test.each([
    "",
    "/",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0/8",
    "::/129",
    "::/",
    "10.0.0.0/255.0.0.0",
    "fe80::%eth0/64",
    "10.0.0.0/ 8",
  ])("%j is refused", (text) => {
    expect(Prefix.tryParse(text)).toBeUndefined();
    expect(() => Prefix.parse(text)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS" }));
  });

  test("a length must fit the address", () => {
    expect(Prefix.of(Address.parse("::1"), 128).toString()).toBe("::1/128");
    for (const length of [33, -1, 1.5, Number.NaN]) {
      expect(() => Prefix.of(Address.parse("10.0.0.1"), length)).toThrow(/between 0 and 32/);
    }
  });

  test("contains addresses and prefixes of its own family alone", () => {
    const network = Prefix.parse("10.3.0.0/16");
    expect(network.contains(Address.parse("10.3.255.255"))).toBe(true);
    expect(network.contains(Address.parse("10.4.0.0"))).toBe(false);
    expect(network.contains(Prefix.parse("10.3.4.0/24"))).toBe(true);
    expect(network.contains(Prefix.parse("10.3.0.0/16"))).toBe(true);
    expect(network.contains(Prefix.parse("10.3.0.0/15"))).toBe(false);
    expect(Prefix.parse("::/0").contains(Address.parse("10.0.0.1"))).toBe(false);
    expect(Prefix.parse("0.0.0.0/0").contains(Prefix.parse("::/0"))).toBe(false);
  });

  test("overlaps in either direction, host bits or not", () => {
    expect(Prefix.parse("10.3.0.0/16").overlaps(Prefix.parse("10.3.4.7/24"))).toBe(true);
    expect(Prefix.parse("10.3.4.7/24").overlaps(Prefix.parse("10.3.0.0/16"))).toBe(true);
    expect(Prefix.parse("10.3.4.0/24").overlaps(Prefix.parse("10.3.5.0/24"))).toBe(false);
  });

  test("equality counts host bits; order is by address, then length", () => {
    expect(Prefix.parse("10.0.0.1/24").equals(Prefix.parse("10.0.0.1/24"))).toBe(true);
    expect(Prefix.parse("10.0.0.1/24").equals(Prefix.parse("10.0.0.0/24"))).toBe(false);
    expect(Prefix.parse("10.0.0.0/24").equals(Prefix.parse("10.0.0.0/16"))).toBe(false);
    const sorted = ["10.0.0.0/24", "::/0", "10.0.0.0/16", "9.0.0.0/8"]
      .map((text) => Prefix.parse(text))
      .toSorted((a, b) => a.compare(b));
    expect(sorted.map(String)).toEqual(["9.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "::/0"]);
  });
});

describe("range", () => {
  const range = AddressRange.of(Address.parse("10.0.0.250"), Address.parse("10.0.1.5"));

  test("counts and contains both ends", () => {
    expect(range.size).toBe(12n);
    expect(range.contains(range.first) && range.contains(range.last)).toBe(true);
    expect(range.contains(Address.parse("10.0.0.249"))).toBe(false);
    expect(range.contains(Address.parse("10.0.1.6"))).toBe(false);
    expect(range.contains(Address.parse("::a00:fa"))).toBe(false);
    expect(range.toString()).toBe("10.0.0.250-10.0.1.5");
  });

  test("next goes round once and enters at the first address", () => {
    expect(range.next(Address.parse("10.0.0.255")).toString()).toBe("10.0.1.0");
    expect(range.next(range.last)).toEqual(range.first);
    expect(range.next(Address.parse("192.168.0.1"))).toEqual(range.first);
    expect(range.next(Address.parse("fd00::"))).toEqual(range.first);
  });

  test("overlap is symmetric and needs one family", () => {
    const other = AddressRange.of(Address.parse("10.0.1.5"), Address.parse("10.0.1.9"));
    expect(range.overlaps(other) && other.overlaps(range)).toBe(true);
    expect(range.overlaps(AddressRange.of(Address.parse("10.0.1.6"), Address.parse("10.0.1.9")))).toBe(false);
    expect(range.overlaps(AddressRange.ofPrefix(Prefix.parse("::/0")))).toBe(false);
    expect(AddressRange.ofPrefix(Prefix.parse("10.0.0.7/30")).toString()).toBe("10.0.0.4-10.0.0.7");
    expect(range.equals(AddressRange.of(range.first, range.last))).toBe(true);
    expect(range.equals(other)).toBe(false);
  });

  test("refuses mixed families and a range that ends before it begins", () => {
    expect(() => AddressRange.of(range.last, range.first)).toThrow(/ends before it begins/);
    expect(() => AddressRange.of(range.first, Address.parse("::1"))).toThrow(/different address families/);
  });
});
