// Traffic control and connection tracking: what was written is read, and no bytes whatever make a decoder throw anything but
// ERR_NETLINK_DECODE.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { AttrWriter } from "#kernel/netlink/attr";
import { conntrackDelete, decodeConntrack, type ConntrackEntry } from "#kernel/netlink/conntrack";
import { decodeFilter, filterNew, prefixKeys, type U32Filter } from "#kernel/netlink/tc/filter";
import { decodeClass, decodeQdisc, classNew, qdiscNew, type Discipline } from "#kernel/netlink/tc/qdisc";
import { LodenError } from "#spec/errors";
import { u32, u8 } from "../../../support/netlink-arbitraries.ts";

const u16 = fc.integer({ min: 0, max: 0xffff });
const index = fc.integer({ min: 1, max: 0x7fff_ffff });
const place = fc.record({ index, handle: u32, parent: u32 });
const rate = fc.bigInt({ min: 1n, max: 0xffff_ffff_ffffn });
const bytes32 = fc.bigInt({ min: 0n, max: 0xffff_ffffn });

const discipline: fc.Arbitrary<Discipline> = fc.oneof(
  fc.record({ kind: fc.constant("tbf" as const), rate, burst: bytes32, limit: bytes32 }),
  fc.record({ kind: fc.constant("htb" as const), defaultClass: u32 }),
  fc.constant({ kind: "ingress" as const }),
  fc.constantFrom("fq_codel", "noqueue", "pfifo_fast").map((name) => ({ kind: "other" as const, name })),
);
const qdisc = fc.record({ place, discipline }).map(({ place, discipline }) => ({ ...place, discipline }));
const trafficClass = fc
  .record({ place, htb: fc.record({ rate, ceil: rate, burst: bytes32 }) })
  .map(({ place, htb }) => ({ ...place, htb }));

const prefix = fc.oneof(
  fc.tuple(fc.bigInt({ min: 0n, max: 0xffff_ffffn }), fc.integer({ min: 0, max: 32 })).map(([value, length]) => ({
    family: 4 as Family,
    value,
    length,
  })),
  fc.tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 128 })).map(([value, length]) => ({
    family: 6 as Family,
    value,
    length,
  })),
);
const network = prefix.map(({ family, value, length }) => Prefix.of(Address.fromBigInt(family, value), length));
const filter: fc.Arbitrary<U32Filter> = fc
  .record({
    place,
    priority: u16,
    protocol: u16,
    keys: fc
      .tuple(network, fc.constantFrom("source" as const, "destination" as const))
      .map((given) => prefixKeys(...given)),
    more: fc.record({ classId: u32, redirect: u32 }, { requiredKeys: [] }),
  })
  .map(({ place, more, ...rest }) => ({ ...place, ...rest, ...more }));

const address = (family: Family): fc.Arbitrary<Address> =>
  fc
    .bigInt({ min: 0n, max: (1n << (family === 4 ? 32n : 128n)) - 1n })
    .map((value) => Address.fromBigInt(family, value));
const tuple = (family: Family) =>
  fc.record({ source: address(family), destination: address(family), sourcePort: u16, destinationPort: u16 });
const entry: fc.Arbitrary<ConntrackEntry> = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc.record({
    family: fc.constant(family),
    protocol: u8,
    original: tuple(family),
    reply: tuple(family),
    id: u32,
    zone: u16,
  }),
);

/** As the kernel lists an entry: a deletion has no reply direction. */
function listed(given: ConntrackEntry): Uint8Array {
  const both = [given.original, given.reply].map((original) => conntrackDelete({ ...given, original }).payload);
  const reply = both[1]!.slice(4);
  // The second message's CTA_TUPLE_ORIG becomes CTA_TUPLE_REPLY.
  reply[2] = 2;
  return Uint8Array.of(...both[0]!, ...reply);
}

describe("what was written is read", () => {
  test("qdiscs", () => {
    fc.assert(
      fc.property(qdisc, (given) => {
        expect(decodeQdisc(qdiscNew(given).payload)).toMatchObject(given);
      }),
    );
  });

  test("classes", () => {
    fc.assert(
      fc.property(trafficClass, ({ htb: { burst: _, ...htb }, ...given }) => {
        expect(decodeClass(classNew({ ...given, htb }).payload)).toMatchObject({ ...given, htb });
      }),
    );
  });

  test("filters", () => {
    fc.assert(
      fc.property(filter, (given) => {
        expect(decodeFilter(filterNew(given).payload)).toEqual(given);
      }),
    );
  });

  test("connections", () => {
    fc.assert(
      fc.property(entry, (given) => {
        expect(decodeConntrack(listed(given))).toEqual(given);
      }),
    );
  });

  test("keys of a network fit its first and last address and not the ones beside them", () => {
    const words = (address: Address): ((offset: number) => number) => {
      const header = new Uint8Array(64);
      header.set(address.toBytes(), address.family === 4 ? 16 : 24);
      const view = new DataView(header.buffer);
      return (offset) => view.getUint32(offset);
    };
    const fits = (prefix: Prefix, address: Address): boolean =>
      prefixKeys(prefix, "destination").every(
        ({ mask, value, offset }) => (words(address)(offset) & mask) >>> 0 === value,
      );
    fc.assert(
      fc.property(network, (prefix) => {
        expect(fits(prefix, prefix.first)).toBe(true);
        expect(fits(prefix, prefix.last)).toBe(true);
        const space = 1n << BigInt(prefix.address.bits);
        const after = Address.fromBigInt(prefix.family, (prefix.first.value + prefix.size) % space);
        expect(fits(prefix, after)).toBe(prefix.contains(after));
      }),
    );
  });
});

const DECODERS = {
  qdisc: { decode: decodeQdisc, good: qdisc.map((given) => qdiscNew(given).payload) },
  class: { decode: decodeClass, good: trafficClass.map((given) => classNew(given).payload) },
  filter: { decode: decodeFilter, good: filter.map((given) => filterNew(given).payload) },
  connection: { decode: decodeConntrack, good: entry.map(listed) },
} as const;

/** Anything thrown must be a decoding error. */
function takes(decode: (payload: Uint8Array) => unknown, payload: Uint8Array): void {
  try {
    decode(payload);
  } catch (error) {
    if (!(error instanceof LodenError && error.code === "ERR_NETLINK_DECODE")) throw error;
  }
}

describe.each(Object.entries(DECODERS))("no bytes trip the decoder of a %s", (_, { decode, good }) => {
  test("arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), (payload) => takes(decode, payload)),
      { numRuns: 2000 },
    );
  });

  test("a good message, changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(), u8), { maxLength: 8 });
    fc.assert(
      fc.property(good, changes, fc.option(fc.nat()), (payload, changed, cut) => {
        const bytes = payload.slice(0, cut === null ? payload.length : cut % (payload.length + 1));
        for (const [at, value] of changed) if (bytes.length > 0) bytes[at % bytes.length] = value;
        takes(decode, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("attributes it does not know", () => {
    fc.assert(
      fc.property(
        good,
        fc.integer({ min: 1000, max: 16_000 }),
        fc.uint8Array({ maxLength: 64 }),
        (payload, type, value) => {
          const extra = new AttrWriter().bytes(type, value).finish();
          expect(decode(Uint8Array.of(...payload, ...extra))).toEqual(decode(payload));
        },
      ),
    );
  });
});
