// The choice of a route against the plainest way to make it, and arbitrary files in the place of the extension's record.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { ExtensionRecord } from "../../../daemon/backend/extension/record.ts";
import { offLinkReason, pathMtu, routeTo } from "../../../daemon/backend/underlay.ts";
import type { UnderlayRoute } from "../../../daemon/lease/types.ts";
import { makeNode } from "../../support/fabric.ts";

/** Few bits, so that prefixes meet. */
const address4 = fc.integer({ min: 0, max: 255 }).map((low) => Address.fromBigInt(4, 0x0a00_0000n + BigInt(low)));
const address6 = fc.integer({ min: 0, max: 255 }).map((low) => Address.fromBigInt(6, (0xfd00n << 112n) + BigInt(low)));
const address = fc.oneof(address4, address6);

const route: fc.Arbitrary<UnderlayRoute> = fc
  .record({
    at: address,
    host: fc.integer({ min: 0, max: 9 }),
    link: fc.constantFrom("eth0", "eth1", ""),
    linkMtu: fc.option(fc.integer({ min: 68, max: 9000 }), { nil: undefined }),
    gateway: fc.option(address4, { nil: undefined }),
    mtu: fc.option(fc.integer({ min: 68, max: 9000 }), { nil: undefined }),
    metric: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ at, host, link, metric, linkMtu, gateway, mtu }) => ({
    destination: Prefix.of(at, host === 9 ? 0 : at.bits - host).masked,
    link,
    metric,
    ...(linkMtu === undefined ? {} : { linkMtu }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(mtu === undefined ? {} : { mtu }),
  }));

test("the narrowest route wins, then the lowest metric, then the first", () => {
  fc.assert(
    fc.property(fc.array(route, { maxLength: 12 }), address, (routes, to) => {
      const node = { ...makeNode(1), routes };
      const [best] = routes
        .filter(({ destination }) => destination.contains(to))
        .toSorted((a, b) => b.destination.length - a.destination.length || a.metric - b.metric);
      expect(routeTo(node, to)).toBe(best);
      const mtu = pathMtu(node, to);
      expect(mtu === undefined).toBe(best?.linkMtu === undefined);
      if (mtu !== undefined) expect(mtu).toBeLessThanOrEqual(best!.linkMtu!);
      // Whoever is on the link has a route by the interface that names no router.
      if (offLinkReason(node, to) === undefined) {
        expect(routes.some((each) => each.link === "eth0" && !each.gateway && each.destination.contains(to))).toBe(
          true,
        );
      }
    }),
  );
});

test("a record with anything in it is read as what can be used of it", () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((peers) => `{"bootId":"b","peers":${peers}}`),
  );
  fc.assert(
    fc.property(text, (written) => {
      const files = { read: () => written, replace: () => undefined, remove: () => undefined };
      for (const { environment, input } of new ExtensionRecord(files, "/run/subnet.env", "b").read().values()) {
        expect(typeof input).toBe("string");
        for (const value of Object.values(environment)) expect(typeof value).toBe("string");
      }
    }),
  );
});
