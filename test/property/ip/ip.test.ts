// Addresses, prefixes and ranges against plain bigint arithmetic, Node's own address parser and the URL standard's
// printer.
import net from "node:net";
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { AddressRange } from "#kernel/ip/range";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/** Values with long runs of zeros and ones are the interesting ones: all bits, then a mask over them. */
const addresses = fc.constantFrom(...FAMILIES).chain((family) => {
  const top = (1n << BigInt(bitsOf(family))) - 1n;
  const any = fc.bigInt({ min: 0n, max: top });
  return fc
    .oneof(
      any,
      fc.tuple(any, any).map(([a, b]) => a & b & (a >> 1n)),
      fc.constantFrom(0n, 1n, top, top - 1n),
    )
    .map((value) => Address.fromBigInt(family, value));
});

const prefixes = addresses.chain((address) =>
  fc.integer({ min: 0, max: address.bits }).map((length) => Prefix.of(address, length)),
);

/** Two of one family, near each other often enough to touch. */
const pairs = prefixes.chain((one) =>
  fc.oneof(
    prefixes.map((two) => [one, two] as const),
    fc.integer({ min: 0, max: one.address.bits }).map((length) => [one, Prefix.of(one.address, length)] as const),
    fc.integer({ min: 0, max: one.address.bits }).map((length) => [one, Prefix.of(one.last, length)] as const),
  ),
);

/** Text that looks like an address more often than not. */
const addressLike = fc.oneof(
  fc.stringMatching(/^[0-9a-f:.]{0,24}$/),
  fc
    .array(fc.oneof(fc.stringMatching(/^[0-9a-fA-F]{0,5}$/), fc.constant("")), { minLength: 2, maxLength: 10 })
    .map((groups) => groups.join(":")),
  fc.array(fc.integer({ min: -1, max: 300 }), { minLength: 3, maxLength: 5 }).map((octets) => octets.join(".")),
  fc.string(),
);

describe("addresses", () => {
  test("bytes and text make the round trip", () => {
    fc.assert(
      fc.property(addresses, (address) => {
        expect(Address.fromBytes(address.toBytes())).toEqual(address);
        expect(Address.parse(address.toString())).toEqual(address);
        expect(Address.parse(address.toString().toUpperCase())).toEqual(address);
        expect(address.toBytes().reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)).toBe(address.value);
      }),
    );
  });

  test("IPv6 is printed as the URL standard prints it, but for mapped IPv4", () => {
    fc.assert(
      fc.property(addresses, (address) => {
        if (address.family === 4) return;
        const host = new URL(`http://[${address.toString()}]/`).hostname.slice(1, -1);
        expect(address.value >> 32n === 0xffffn ? address.toString().includes(".") : address.toString() === host).toBe(
          true,
        );
        expect(Address.parse(host)).toEqual(address);
      }),
    );
  });

  test("text is accepted exactly when Node takes it for an address without a zone", () => {
    fc.assert(
      fc.property(addressLike, (text) => {
        const family = text.includes("%") ? 0 : net.isIP(text);
        expect(Address.tryParse(text)?.family ?? 0).toBe(family);
      }),
      { numRuns: 5000 },
    );
  });

  test("add is addition, compare is order", () => {
    fc.assert(
      fc.property(addresses, addresses, fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }), (a, b, count) => {
        const sum = a.value + count;
        if (sum >= 0n && sum < 1n << BigInt(a.bits)) expect(a.add(count).value).toBe(sum);
        else expect(() => a.add(count)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS" }));
        expect(Math.sign(a.compare(b))).toBe(-Math.sign(b.compare(a)) + 0);
        expect(a.compare(b) === 0).toBe(a.equals(b));
      }),
    );
  });
});

describe("prefixes", () => {
  test("first and last are the value with its host bits cleared and set", () => {
    fc.assert(
      fc.property(prefixes, (prefix) => {
        const size = 1n << BigInt(prefix.address.bits - prefix.length);
        expect(prefix.size).toBe(size);
        expect(prefix.first.value).toBe((prefix.address.value / size) * size);
        expect(prefix.last.value).toBe(prefix.first.value + size - 1n);
        expect(prefix.masked.address).toEqual(prefix.first);
        expect(prefix.masked.masked).toEqual(prefix.masked);
        expect(prefix.isMasked).toBe(prefix.equals(prefix.masked));
        expect(Prefix.parse(prefix.toString())).toEqual(prefix);
      }),
    );
  });

  test("contains and overlaps agree with the bounds", () => {
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        const sameFamily = a.family === b.family;
        const holds = sameFamily && a.first.value <= b.first.value && b.last.value <= a.last.value;
        expect(a.contains(b)).toBe(holds);
        expect(a.contains(b.address)).toBe(
          sameFamily && a.first.value <= b.address.value && b.address.value <= a.last.value,
        );
        const touch = sameFamily && a.first.value <= b.last.value && b.first.value <= a.last.value;
        expect(a.overlaps(b)).toBe(touch);
        expect(b.overlaps(a)).toBe(touch);
        expect(AddressRange.ofPrefix(a).overlaps(AddressRange.ofPrefix(b))).toBe(touch);
      }),
    );
  });
});

test("next visits every address of a small range once before it comes back", () => {
  fc.assert(
    fc.property(addresses, fc.integer({ min: 0, max: 40 }), (start, extra) => {
      const top = (1n << BigInt(start.bits)) - 1n;
      const last = Address.fromBigInt(
        start.family,
        start.value + BigInt(extra) > top ? top : start.value + BigInt(extra),
      );
      const range = AddressRange.of(start, last);
      const seen = new Set<bigint>();
      let at = last;
      for (let step = 0n; step < range.size; step++) {
        at = range.next(at);
        seen.add(at.value);
      }
      expect(BigInt(seen.size)).toBe(range.size);
      expect(at).toEqual(last);
    }),
  );
});

test("no text and no bytes crash a parser", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.uint8Array({ maxLength: 20 }), (text, bytes) => {
      Address.tryParse(text);
      Prefix.tryParse(text);
      Mac.tryParse(text);
      if (bytes.length !== 6)
        expect(() => Mac.fromBytes(bytes)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS" }));
      else expect(Mac.parse(Mac.fromBytes(bytes).toString()).toBytes()).toEqual(bytes);
    }),
  );
});
