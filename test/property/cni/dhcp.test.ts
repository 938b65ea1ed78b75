// Whatever is on a container's link, and whoever may open the daemon's socket: no bytes end the daemon.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import type { Sys } from "#kernel/sys";
import { wrap, unwrap } from "../../../cni-plugins/ipam/dhcp/datagram.ts";
import { LeaseKeeper } from "../../../cni-plugins/ipam/dhcp/keeper.ts";
import { OPTION, decodeMessage, encodeMessage, type DhcpMessage } from "../../../cni-plugins/ipam/dhcp/message.ts";
import { readGrant } from "../../../cni-plugins/ipam/dhcp/offer.ts";
import type { Answer } from "../../../cni-plugins/ipam/dhcp/protocol.ts";

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((octets) => Address.fromBytes(Uint8Array.from(octets)));
const code = fc.oneof(
  fc.constantFrom(
    ...Object.values(OPTION).filter((number) => number > 0 && number < 255 && number !== OPTION.overload),
  ),
  fc.integer({ min: 1, max: 254 }).filter((number) => number !== OPTION.overload),
);
const options = fc
  .array(fc.tuple(code, fc.uint8Array({ maxLength: 600 })), { maxLength: 8 })
  .map((items) => new Map(items));
const message: fc.Arbitrary<DhcpMessage> = fc.record({
  op: fc.constantFrom(1 as const, 2 as const),
  transaction: fc.integer({ min: 0, max: 0xffff_ffff }),
  seconds: fc.integer({ min: 0, max: 0xffff }),
  broadcast: fc.boolean(),
  clientAddress: address,
  yourAddress: address,
  hardware: fc.uint8Array({ minLength: 6, maxLength: 6 }),
  options,
});
const texts = (value: DhcpMessage): unknown => ({
  ...value,
  clientAddress: value.clientAddress.toString(),
  yourAddress: value.yourAddress.toString(),
});

test("a message is read as it was written, in a datagram too", () => {
  fc.assert(
    fc.property(message, address, address, (value, from, to) => {
      const bytes = encodeMessage(value);
      expect(texts(decodeMessage(bytes)!)).toEqual(texts(value));
      const packet = wrap(bytes, from, to);
      // From the client to the server: turned round, it is an answer.
      packet.set([0, 67, 0, 68], 20);
      expect(unwrap(packet)).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});

test("any bytes are a message or none, and a message gives a lease or a reason", () => {
  const spoilt = fc.tuple(message, fc.array(fc.tuple(fc.nat(700), octet), { maxLength: 6 })).map(([value, changes]) => {
    const bytes = encodeMessage(value);
    for (const [at, by] of changes) bytes[at % bytes.length] = by;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 700 }), spoilt), (bytes) => {
      unwrap(bytes);
      const read = decodeMessage(bytes);
      if (read === undefined) return;
      const grant = readGrant(read);
      if (typeof grant === "string") return;
      expect(grant.renewAfter).toBeLessThanOrEqual(grant.rebindAfter);
      expect(grant.rebindAfter).toBeLessThanOrEqual(grant.expireAfter);
      expect(grant.address.length).toBeGreaterThan(0);
    }),
    { numRuns: 10_000 },
  );
});

test("any line gets an answer, and leaves the keeper able to serve", () => {
  const noPort = { find: () => undefined, openPacket: fail, openUdp: fail, sendPacket: fail, takeDown: fail };
  const keeper = new LeaseKeeper({
    sys: {} as Sys,
    file: undefined,
    patience: { answerTimeout: 1, resendMax: 1, resendTimeout: 1, broadcast: false },
    portOf: () => noPort,
    now: () => 0,
    random: () => 0,
    log: () => {},
  });
  const key = fc.constantFrom(
    "method",
    "network",
    "containerId",
    "ifname",
    "netns",
    "requested",
    "provided",
    "valid",
    "priority",
  );
  const value = fc.oneof(
    fc.constantFrom<unknown>("allocate", "release", "check", "collect", "status", "x", 7, null),
    fc.jsonValue(),
  );
  const line = fc.oneof(
    fc.string(),
    fc.dictionary(key, value).map((document) => JSON.stringify(document)),
  );
  fc.assert(
    fc.property(line, (text) => {
      let answer: Answer | undefined;
      keeper.handle(text, (given) => (answer = given));
      keeper.turn(0);
      expect(answer).toBeDefined();
    }),
    { numRuns: 5000 },
  );
  expect(keeper.isWaiting).toBe(false);
});

function fail(): never {
  throw new Error("a link that is not there was used");
}
