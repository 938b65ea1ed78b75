// The bytes of the udp backend's maps, and the reader of BPF objects: what is written is read back, and nothing that may be
// found crashes a reader but with its own error.
import {
  array,
  assert,
  bigInt,
  constantFrom,
  integer,
  nat,
  option,
  property,
  record,
  tuple,
  uint8Array,
} from "fast-check";
import type { Arbitrary } from "fast-check";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readBpfObject } from "#kernel/bpf/elf";
import { Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import {
  MAPS,
  decodeConfig,
  decodeCounters,
  decodePeerKey,
  decodeRoute,
  decodeRouteKey,
  encodeConfig,
  encodeRoute,
  peerKey,
  routeKey,
} from "../../../daemon/backend/udp/layout.ts";
import { buildBpf } from "../../../daemon/build/bpf.ts";

const bits = (family: Family): bigint => (family === 4 ? 32n : 128n);
const addresses = (family: Family) =>
  bigInt({ min: 1n, max: (1n << bits(family)) - 1n })
    // An IPv4 address in 16 bytes is the IPv4 address.
    .filter((value) => family === 4 || value >> 32n !== 0xffffn)
    .map((value) => Address.fromBigInt(family, value));
const prefixes = (family: Family) =>
  tuple(addresses(family), integer({ min: 1, max: Number(bits(family)) })).map(
    ([address, length]) => Prefix.of(address, length).masked,
  );
const either = <T>(of: (family: Family) => Arbitrary<T>) => constantFrom<Family>(4, 6).chain((family) => of(family));

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    each instanceof Address || each instanceof Prefix ? each.toString() : each,
  );

test("keys of subnets and endpoints are read back", () => {
  assert(
    property(either(prefixes), either(addresses), (subnet, endpoint) => {
      expect(decodeRouteKey(routeKey(subnet)).toString()).toBe(subnet.toString());
      const route = { endpoint, isSingle: subnet.length % 2 === 0 };
      expect(shown(decodeRoute(encodeRoute(route)))).toBe(shown(route));
      expect(encodeRoute(route).length).toBe(MAPS[endpoint.family === 4 ? "routes4" : "routes6"].valueSize);
      expect(routeKey(subnet).length).toBe(MAPS[subnet.family === 4 ? "routes4" : "routes6"].keySize);
      expect(decodePeerKey(peerKey(endpoint)).toString()).toBe(endpoint.toString());
      expect(peerKey(endpoint).length).toBe(MAPS.peers.keySize);
    }),
  );
});

test("the tunnel's configuration is read back", () => {
  const perFamily = <T>(of: (family: Family) => Arbitrary<T>) =>
    tuple(option(of(4), { nil: undefined }), option(of(6), { nil: undefined })).map(([v4, v6]) => ({
      ...(v4 === undefined ? {} : { 4: v4 }),
      ...(v6 === undefined ? {} : { 6: v6 }),
    }));
  const configs = record({
    tunnel: nat(),
    underlay: nat(),
    admitted: integer({ min: 1, max: 0xffff_ffff }),
    linkHeader: constantFrom(0, 14),
    port: nat(65_535),
    cutter: nat(),
    local: perFamily(addresses),
    subnet: perFamily(prefixes),
  });
  assert(
    property(configs, (config) => {
      const bytes = encodeConfig(config);
      expect(bytes.length).toBe(MAPS.config.valueSize);
      expect(shown(decodeConfig(bytes))).toBe(shown(config));
    }),
  );
});

test("any bytes of a configuration or of counters are read, or are none", () => {
  assert(
    property(
      uint8Array({ minLength: 84, maxLength: 84 }),
      uint8Array({ minLength: 192, maxLength: 192 }),
      (config, values) => {
        decodeConfig(config);
        expect(decodeCounters(new Uint8Array(16), values).sentPackets).toBeGreaterThanOrEqual(0n);
      },
    ),
  );
});

test("the compiled object has the programs, which name no map but those that are made", () => {
  const { programs, license } = readBpfObject(readFileSync(buildBpf()));
  expect([license, programs.map(({ name }) => name).toSorted()]).toEqual([
    "GPL",
    ["admit", "decap", "encap", "single"],
  ]);
  const named = new Set(programs.flatMap(({ maps }) => maps.map(({ map }) => map)));
  expect([...named].filter((map) => !(map in MAPS))).toEqual([]);
});

test("a spoilt object is refused as such", () => {
  const good = new Uint8Array(readFileSync(buildBpf()));
  const edits = array(tuple(nat(good.length - 1), nat(255)), { minLength: 1, maxLength: 8 });
  const header = array(tuple(nat(63), nat(255)), { maxLength: 3 });
  assert(
    property(edits, header, nat(good.length), (everywhere, atStart, cut) => {
      const bytes = good.slice(0, cut % 3 === 0 ? cut : good.length);
      for (const [at, value] of [...everywhere, ...atStart]) if (at < bytes.length) bytes[at] = value;
      try {
        readBpfObject(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(LodenError);
      }
    }),
    { numRuns: 500 },
  );
});
