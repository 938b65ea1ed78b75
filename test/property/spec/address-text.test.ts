// The address text that spec/address-text.ts and spec/ipv6-text.ts read and print themselves, against the ip-address package,
// which has all other.
import { Address4, Address6 } from "ip-address";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseAddressText, parsePrefixText, printAddress } from "#spec/address-text";
import { parsePlainIpv6, printPlainIpv6 } from "#spec/ipv6-text";

/** What the package says, without what Go refuses: prefix lengths, and octets with leading zeros. */
function byPackage(text: string): bigint | undefined {
  if (!/^[\d.]*$/.test(text) || /(?:^|\.)0\d/.test(text)) return undefined;
  try {
    const address = new Address4(text);
    return address.parsedAddress.length === 4 ? address.bigInt() : undefined;
  } catch {
    return undefined;
  }
}

const octet = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 255 }).map(String) },
  fc.integer({ min: 256, max: 99_999 }).map(String),
  fc.constantFrom("", "0", "00", "01", "007", "255", "256", "1e1", "0x1", "-1", "+1", " 1", "1 ", "٣", "1_0"),
);
const quadLike = fc.oneof(
  { weight: 4, arbitrary: fc.array(octet, { minLength: 4, maxLength: 4 }) },
  fc.array(octet, { minLength: 1, maxLength: 6 }),
);
const text = fc.oneof(
  { weight: 4, arbitrary: quadLike.map((octets) => octets.join(".")) },
  fc.stringMatching(/^[0-9.]{0,18}$/),
  fc.string().filter((any) => !any.includes(":")),
);
const words = fc.integer({ min: 0, max: 0xffff_ffff }).map(BigInt);

test("text without a colon is what the package takes it for", () => {
  fc.assert(
    fc.property(text, (any) => {
      const expected = byPackage(any);
      expect(parseAddressText(any)).toEqual(expected === undefined ? undefined : { family: 4, value: expected });
    }),
    { numRuns: 2000 },
  );
});

test("every quad is printed as the package prints it, and read back", () => {
  fc.assert(
    fc.property(words, (value) => {
      const printed = printAddress(4, value);
      expect(printed).toBe(Address4.fromBigInt(value).correctForm());
      expect(parseAddressText(printed)).toEqual({ family: 4, value });
    }),
  );
});

test("a prefix is an address, a slash, and up to three digits of at most the address's bits", () => {
  const lengths = fc.oneof(
    fc.integer({ min: 0, max: 140 }).map(String),
    fc.constantFrom("", "00", "032", "0032", "-1", "+8", " 8", "8 ", "1e1", "٣"),
  );
  fc.assert(
    fc.property(quadLike, lengths, (octets, length) => {
      const address = octets.join(".");
      const value = byPackage(address);
      const fits = /^\d{1,3}$/.test(length) && Number(length) <= 32;
      const expected = value === undefined || !fits ? undefined : { family: 4, value, length: Number(length) };
      expect(parsePrefixText(`${address}/${length}`)).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});

const group = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16)) },
  { weight: 3, arbitrary: fc.constantFrom("0", "0000", "1", "00ab", "FFFF") },
  fc.constantFrom("", "g", "12345", "00000", "-1", "0x1", " 1", "1.2.3.4", "٣"),
);
const groups = fc.oneof(
  { weight: 3, arbitrary: fc.array(group, { minLength: 8, maxLength: 8 }).map((parts) => parts.join(":")) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.array(group, { maxLength: 8 }), fc.array(group, { maxLength: 8 }))
      .map(([head, tail]) => `${head.join(":")}::${tail.join(":")}`),
  },
  fc.stringMatching(/^[0-9a-fA-F:.]{1,40}$/),
);
/** Long runs of zeros are what printing is about. */
const wide = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((parts) => parts.reduce((value, part) => (value << 16n) | BigInt(part), 0n));

test("plain IPv6 text is what the package takes it for, and nothing the package refuses is plain", () => {
  fc.assert(
    fc.property(groups, (any) => {
      const value = parsePlainIpv6(any);
      if (value !== undefined) expect(value).toBe(new Address6(any).bigInt());
    }),
    { numRuns: 2000 },
  );
});

test("every form without a dotted quad is plain", () => {
  fc.assert(
    fc.property(wide, (value) => {
      const address = Address6.fromBigInt(value);
      for (const form of [address.correctForm(), address.canonicalForm(), address.canonicalForm().toUpperCase()]) {
        expect(parsePlainIpv6(form)).toBe(value);
      }
    }),
  );
});

test("IPv6 is printed as the package prints it", () => {
  fc.assert(
    fc.property(wide, (value) => {
      expect(printPlainIpv6(value)).toBe(Address6.fromBigInt(value).correctForm());
    }),
    { numRuns: 1000 },
  );
});
