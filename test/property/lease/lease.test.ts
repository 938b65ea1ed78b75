// Whatever stands in the store: keys, values and configurations are read or refused by name, and never harm what is
// known already. Allocation holds its promises for any network and any leases.
import { Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseSubnet, isSlot } from "../../../daemon/lease/allocate.ts";
import { chooseLease } from "../../../daemon/lease/choice.ts";
import { parseSubnetKey, subnetKey } from "../../../daemon/lease/keys.ts";
import { parseNetwork } from "../../../daemon/lease/network.ts";
import { PeerTable } from "../../../daemon/lease/peers.ts";
import { decodeLease, encodeLease } from "../../../daemon/lease/record.ts";
import type { NetworkRange } from "../../../daemon/lease/types.ts";
import { silentLog } from "../../../daemon/log.ts";
import type { Entry, StoreEvent } from "../../../daemon/store/port.ts";

const addressOf = (family: Family): fc.Arbitrary<Address> =>
  fc
    .bigInt({ min: 0n, max: (1n << (family === 4 ? 32n : 128n)) - 1n })
    .map((value) => Address.fromBigInt(family, value));

const subnetOf = (family: Family): fc.Arbitrary<Prefix> =>
  fc
    .tuple(addressOf(family), fc.integer({ min: 0, max: family === 4 ? 31 : 127 }))
    .map(([address, length]) => Prefix.of(address, length).masked)
    // IPv4 inside IPv6 has dots in its text, which no lease key has.
    .filter(
      (prefix) =>
        !prefix
          .toString()
          .slice(1)
          .includes(family === 6 ? "." : "x"),
    );

const subnets = fc
  .record({ 4: subnetOf(4), 6: subnetOf(6) }, { requiredKeys: [] })
  .filter((value) => Object.keys(value).length > 0);

/** JSON that looks like a document of ours, with a slip here and there. */
const nearly = (keys: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .dictionary(
        fc.constantFrom(...keys, ...keys.map((key) => key.toLowerCase()), "__proto__", "constructor"),
        fc.oneof(
          fc.jsonValue(),
          fc.constantFrom("10.3.0.0/16", "10.3.1.0", "fd00::/48", "192.168.0.1", "vxlan", 24, 64, true, null, ""),
          fc.record({ Type: fc.constantFrom("vxlan", "udp", "", 7) }),
        ),
      )
      .map((value) => JSON.stringify(value)),
  );

const LEASE_KEYS = [
  "PublicIP",
  "PublicIPv6",
  "BackendType",
  "BackendData",
  "BackendV6Data",
  "NodeID",
  "Epoch",
  "Vacated",
];
const CONFIG_KEYS = [
  "Network",
  "IPv6Network",
  "EnableIPv4",
  "EnableIPv6",
  "SubnetLen",
  "SubnetMin",
  "SubnetMax",
  "Backend",
];

function refusesByCode(code: string, act: () => unknown): void {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(LodenError);
    expect((error as LodenError).code).toBe(code);
    expect((error as LodenError).message.length).toBeLessThan(2_000);
  }
}

describe("keys", () => {
  test("survive a round trip", () => {
    fc.assert(
      fc.property(subnets, (value) => {
        const read = parseSubnetKey(subnetKey(value));
        expect(JSON.stringify(read)).toBe(JSON.stringify(value));
      }),
    );
  });

  test("are read or refused, and what is read is of its family", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[\d.]{0,16}-?\d{0,3}&?[a-f\d:]{0,20}-?\d{0,3}$/));
    fc.assert(
      fc.property(text, (key) => {
        const read = parseSubnetKey(key);
        for (const [family, prefix] of Object.entries(read ?? {})) expect(prefix.family).toBe(Number(family));
      }),
    );
  });
});

describe("values", () => {
  test("survive a round trip", () => {
    const lease = fc.record(
      {
        publicAddress: fc.record({ 4: addressOf(4).filter((address) => address.value !== 0n) }),
        backendType: fc.string(),
        backendData: fc.record({ 4: fc.jsonValue().filter((value) => value !== null) }, { requiredKeys: [] }),
        nodeId: fc.string(),
        epoch: fc.nat(),
      },
      { requiredKeys: ["publicAddress", "backendType", "backendData"] },
    );
    fc.assert(
      fc.property(lease, (value) => {
        const { publicAddress, ...rest } = decodeLease("10.5.1.0-24", encodeLease(value));
        expect(publicAddress[4]?.equals(value.publicAddress[4])).toBe(true);
        const written = JSON.parse(JSON.stringify({ ...value, publicAddress: undefined })) as object;
        expect(JSON.parse(JSON.stringify(rest))).toMatchObject(written);
      }),
    );
  });

  test("are read or refused by name", () => {
    fc.assert(
      fc.property(nearly(LEASE_KEYS), (value) => {
        refusesByCode("ERR_LEASE_INVALID", () => decodeLease("10.5.1.0-24", value));
      }),
    );
  });
});

test("configurations are read or refused by name, and what is read can be leased from", () => {
  fc.assert(
    fc.property(nearly(CONFIG_KEYS), (text) => {
      refusesByCode("ERR_CONFIG", () => {
        for (const range of Object.values(parseNetwork(text).ranges)) {
          expect(range.network.contains(range.subnetMin) && range.network.contains(range.subnetMax)).toBe(true);
          const subnet = chooseSubnet(range, [], { next: () => 0.5 });
          expect(subnet !== undefined && isSlot(range, subnet)).toBe(true);
        }
      });
    }),
    { numRuns: 500 },
  );
});

describe("allocation", () => {
  const ranges: fc.Arbitrary<NetworkRange> = fc
    .tuple(fc.integer({ min: 8, max: 28 }), fc.integer({ min: 2, max: 6 }), fc.nat(), fc.nat())
    .map(([networkLength, split, a, b]) => {
      const subnetLength = Math.min(networkLength + split, 30);
      const network = Prefix.of(Address.parse("10.0.0.0"), networkLength);
      const slots = 2 ** (subnetLength - networkLength);
      const size = 2 ** (32 - subnetLength);
      const [low, high] = [a % slots, b % slots].toSorted((x, y) => x - y) as [number, number];
      return {
        network,
        subnetLength,
        subnetMin: network.address.add(low * size),
        subnetMax: network.address.add(high * size),
      };
    });
  const leases = fc.array(
    fc
      .tuple(fc.nat({ max: 0xff_ffff }), fc.integer({ min: 10, max: 32 }))
      .map(([offset, length]) => Prefix.of(Address.parse("10.0.0.0").add(offset), length).masked),
    { maxLength: 40 },
  );

  test("gives a slot that overlaps nothing, and none only when there is none", () => {
    fc.assert(
      fc.property(ranges, leases, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (range, taken, draw) => {
        const subnet = chooseSubnet(range, taken, { next: () => draw });
        if (subnet !== undefined) {
          expect(isSlot(range, subnet)).toBe(true);
          expect(taken.some((other) => other.overlaps(subnet))).toBe(false);
          return;
        }
        const size = 1n << BigInt(32 - range.subnetLength);
        for (let value = range.subnetMin.value; value <= range.subnetMax.value; value += size) {
          const slot = Prefix.of(Address.fromBigInt(4, value), range.subnetLength);
          expect(taken.some((other) => other.overlaps(slot))).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a stream of records", () => {
  const network = parseNetwork('{"Network":"10.3.0.0/16","Backend":{"Type":"vxlan"}}');
  const key = fc.oneof(fc.constantFrom("10.3.1.0-24", "10.3.2.0-24", "10.3.3.0-24", "own", "config"), fc.string());
  const entry: fc.Arbitrary<Entry> = fc
    .record({
      key,
      value: fc.oneof(nearly(LEASE_KEYS), fc.constant('{"PublicIP":"192.168.0.7"}')),
      rev: fc.bigInt(1n, 99n),
    })
    .map(({ rev, ...rest }) => ({ ...rest, modRevision: rev, createRevision: rev, lease: 1n }));
  const event: fc.Arbitrary<StoreEvent> = fc.oneof(
    entry.map((of) => ({ type: "put" as const, entry: of })),
    key.map((of) => ({ type: "delete" as const, key: of, modRevision: 100n })),
  );

  test("removes a peer only when its key is deleted, or missing from a complete list", () => {
    const step = fc.oneof(
      fc.array(event, { maxLength: 6 }).map((events) => ({ type: "events" as const, revision: 1n, events })),
      fc
        .uniqueArray(entry, { selector: (of) => of.key, maxLength: 5 })
        .map((entries) => ({ type: "snapshot" as const, revision: 1n, config: undefined, entries })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
        const table = new PeerTable("own", silentLog);
        for (const result of steps) {
          const before = new Set(table.leases().map((lease) => lease.key));
          table.apply(result);
          const after = new Set(table.leases().map((lease) => lease.key));
          expect(after.has("own")).toBe(false);
          for (const lost of before.difference(after)) {
            const isProven =
              result.type === "snapshot"
                ? !result.entries.some((of) => of.key === lost)
                : result.events.some((of) => of.type === "delete" && of.key === lost);
            expect(isProven).toBe(true);
          }
        }
      }),
    );
  });

  test("never keeps a node from choosing, nor gives it what another holds", () => {
    const claimant = { nodeId: "us", publicAddress: { 4: Address.parse("192.168.0.1") }, previous: undefined };
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: (of) => of.key, maxLength: 10 }), (entries) => {
        const choice = chooseLease({ entries }, claimant, network, { next: () => 0 });
        if (choice.type !== "create") return;
        for (const other of entries) {
          const held = parseSubnetKey(other.key)?.[4];
          expect(held?.overlaps(choice.subnet[4]!) ?? false).toBe(false);
        }
      }),
    );
  });
});
