// Every noun reads what it wrote, and no bytes whatever make a decoder throw anything but ERR_NETLINK_DECODE: not
// random ones, not cut ones, not a good message with bytes changed.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addrNew, decodeAddr } from "#kernel/netlink/addr";
import { AttrWriter } from "#kernel/netlink/attr";
import { decodePortVlans, portVlanAdd } from "#kernel/netlink/bridge-vlan";
import { decodeFdb, fdbNew } from "#kernel/netlink/fdb";
import { decodeLink, linkAltNames, linkNew, linkSet } from "#kernel/netlink/link";
import { readLinkAttributes } from "#kernel/netlink/link-attributes";
import { decodeNeighbour, neighNew } from "#kernel/netlink/neigh";
import { decodeNetconf } from "#kernel/netlink/netconf";
import { decodeRoute, routeNew } from "#kernel/netlink/route";
import { decodeRule, ruleNew } from "#kernel/netlink/rule";
import { LodenError } from "#spec/errors";
import {
  attributes,
  bool,
  bytes,
  fdb,
  index,
  kind,
  linkAddress,
  neighbour,
  port,
  route,
  rule,
  some,
  textOf,
  u32,
  u8,
} from "../../../support/netlink-arbitraries.ts";

describe("a noun reads what it wrote", () => {
  test("link kinds and ports", () => {
    fc.assert(
      fc.property(kind, port, (kind, port) => {
        expect(decodeLink(linkSet(1, { kind, port }).payload)).toMatchObject({ index: 1, kind, port });
        expect(decodeLink(linkSet(1, { kind }).payload).kind).toEqual(kind);
      }),
    );
  });

  test("link attributes", () => {
    const request = fc.tuple(attributes, some({ master: u32, parent: index, parentNetnsId: index, up: bool }));
    fc.assert(
      fc.property(request, textOf(15), ([some, more], name) => {
        const spec = { ...some, ...more, name };
        const { payload } = linkNew({ ...spec, kind: { kind: "bridge" } });
        expect(readLinkAttributes(payload)).toEqual(spec);
        const { arp: _, promiscuous: __, multicast: ___, netnsFd: ____, netnsPid: _____, ...reported } = spec;
        expect(decodeLink(payload)).toMatchObject({ ...reported, up: spec.up ?? false });
      }),
    );
  });

  test("alternative names", () => {
    fc.assert(
      fc.property(fc.array(textOf(127), { minLength: 1, maxLength: 9 }), (names) => {
        expect(decodeLink(linkAltNames(1, "add", names).payload).altNames).toEqual(names);
      }),
    );
  });

  test("addresses", () => {
    fc.assert(
      fc.property(linkAddress, (given) => {
        // A peer that is the address itself is how "no peer" is written.
        const { peer, ...rest } = given;
        const expected = peer?.equals(given.address.address) === true ? rest : given;
        expect(decodeAddr(addrNew(given).payload)).toEqual(expected);
      }),
    );
  });

  test("routes", () => {
    fc.assert(
      fc.property(route, (given) => {
        expect(decodeRoute(routeNew(given, "create").payload)).toEqual(given);
      }),
    );
  });

  test("neighbours", () => {
    fc.assert(
      fc.property(neighbour, (given) => {
        expect(decodeNeighbour(neighNew(given).payload)).toEqual(given);
      }),
    );
  });

  test("forwarding entries", () => {
    fc.assert(
      fc.property(fdb, (given) => {
        expect(decodeFdb(fdbNew(given).payload)).toEqual(given);
      }),
    );
  });

  test("rules", () => {
    fc.assert(
      fc.property(rule, (given) => {
        expect(decodeRule(ruleNew(given).payload)).toEqual(given);
      }),
    );
  });
});

const portVlans = fc.array(
  fc.record({ id: fc.integer({ min: 1, max: 4094 }), pvid: fc.boolean(), untagged: fc.boolean() }),
  { maxLength: 20 },
);

test("a port's VLANs are read as they were written", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0x7fff_ffff }), portVlans, (port, vlans) => {
      expect(decodePortVlans(portVlanAdd(port, vlans).payload)).toEqual({ index: port, vlans });
    }),
  );
});

const netconf = fc
  .record({ family: fc.constantFrom(2, 10), index: fc.integer(), forwarding: fc.integer() })
  .map((given) =>
    new AttrWriter(Uint8Array.of(given.family, 0, 0, 0)).i32(1, given.index).i32(2, given.forwarding).finish(),
  );

const DECODERS = {
  link: { decode: decodeLink, good: fc.tuple(kind, port).map(([kind, port]) => linkSet(1, { kind, port }).payload) },
  address: { decode: decodeAddr, good: linkAddress.map((given) => addrNew(given).payload) },
  route: { decode: decodeRoute, good: route.map((given) => routeNew(given, "create").payload) },
  neighbour: { decode: decodeNeighbour, good: neighbour.map((given) => neighNew(given).payload) },
  "forwarding entry": { decode: decodeFdb, good: fdb.map((given) => fdbNew(given).payload) },
  rule: { decode: decodeRule, good: rule.map((given) => ruleNew(given).payload) },
  "family's settings": { decode: decodeNetconf, good: netconf },
  "port's VLANs": { decode: decodePortVlans, good: portVlans.map((given) => portVlanAdd(3, given).payload) },
} as const;

/** Whether the decoder took it. Anything thrown must be a decoding error. */
function takes(decode: (payload: Uint8Array) => unknown, payload: Uint8Array): boolean {
  try {
    decode(payload);
    return true;
  } catch (error) {
    if (error instanceof LodenError && error.code === "ERR_NETLINK_DECODE") return false;
    throw error;
  }
}

/** A good payload with a few bytes changed, and perhaps its end cut off. */
const mutated = (good: fc.Arbitrary<Uint8Array>) =>
  fc
    .tuple(good, fc.array(fc.tuple(fc.nat(), u8), { maxLength: 8 }), fc.option(fc.nat()))
    .map(([payload, changes, cut]) => {
      const changed = payload.slice(0, cut === null ? payload.length : cut % (payload.length + 1));
      for (const [at, value] of changes) if (changed.length > 0) changed[at % changed.length] = value;
      return changed;
    });

describe.each(Object.entries(DECODERS))("no bytes trip the decoder of a %s", (_, { decode, good }) => {
  test("arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), (payload) => void takes(decode, payload)),
      { numRuns: 2000 },
    );
  });

  test("a good message, changed", () => {
    fc.assert(
      fc.property(mutated(good), (payload) => void takes(decode, payload)),
      { numRuns: 2000 },
    );
  });

  test("attributes it does not know", () => {
    const strange = fc.tuple(good, fc.integer({ min: 1000, max: 16_000 }), bytes);
    fc.assert(
      fc.property(strange, ([payload, type, value]) => {
        const extra = new AttrWriter().bytes(type, value).finish();
        expect(decode(Uint8Array.of(...payload, ...extra))).toEqual(decode(payload));
      }),
    );
  });
});
