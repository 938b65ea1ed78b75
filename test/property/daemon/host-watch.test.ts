// What the kernel's notifications tell of the host: which links, which destinations; and nothing ends the daemon, whatever
// they hold.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AttrWriter } from "#kernel/netlink/attr";
import { tellChanges } from "../../../daemon/node/watch.ts";

const [NEWLINK, DELLINK, NEWADDR, DELADDR, NEWROUTE, DELROUTE, NEWNEIGH] = [16, 17, 20, 21, 24, 25, 28] as const;
/** linux/rtnetlink.h: tables and protocols. */
const [MAIN, LOCAL, KERNEL, STATIC] = [254, 255, 2, 4] as const;

type Notification = Parameters<typeof tellChanges>[0][number];

function told(...messages: Notification[]): string[] {
  const all: string[] = [];
  tellChanges(messages, (index, destination) => all.push(`${index ?? "any"} ${destination?.toString() ?? ""}`.trim()));
  return all;
}

/** ifinfomsg and ifaddrmsg have the index at the same place. */
function ofLink(type: number, index: number): Notification {
  const payload = new Uint8Array(16);
  new DataView(payload.buffer).setInt32(4, index, true);
  return { type, payload };
}

function ofRoute(type: number, third: number, { table = 254, protocol = 4 } = {}): Notification {
  const rtmsg = Uint8Array.of(2, 24, 0, 0, table, protocol, 0, 1, 0, 0, 0, 0);
  const payload = new AttrWriter(rtmsg)
    .u32be(1, 0x0a00_0000 + third * 256)
    .u32(4, 2)
    .finish();
  return { type, payload };
}

test("links and addresses are told of by their link, once", () => {
  expect(told(ofLink(NEWLINK, 7), ofLink(NEWADDR, 7), ofLink(DELADDR, 300), ofLink(DELLINK, 9))).toEqual([
    "7",
    "300",
    "9",
  ]);
  expect(told(ofLink(NEWNEIGH, 7), { type: NEWLINK, payload: new Uint8Array(7) })).toEqual([]);
});

test("routes of the main table are told of by their destination, once; a default route is 0.0.0.0/0", () => {
  const both = [ofRoute(NEWROUTE, 5), ofRoute(DELROUTE, 5, { protocol: KERNEL }), ofRoute(NEWROUTE, 6)];
  expect(told(...both)).toEqual(["any 10.0.5.0/24", "any 10.0.6.0/24"]);
  const rtmsg = Uint8Array.of(2, 0, 0, 0, MAIN, STATIC, 0, 1, 0, 0, 0, 0);
  expect(told({ type: NEWROUTE, payload: new AttrWriter(rtmsg).u32(4, 2).finish() })).toEqual(["any 0.0.0.0/0"]);
  expect(told(ofRoute(NEWROUTE, 5, { table: LOCAL }))).toEqual([]);
});

test("many destinations are one change", () => {
  const routes = Array.from({ length: 65 }, (_, n) => ofRoute(NEWROUTE, n));
  expect(told(...routes.slice(1))).toHaveLength(64);
  expect(told(...routes)).toEqual(["any"]);
});

test("notifications that hold anything at all are no reason to end", () => {
  const message = fc.record({
    type: fc.integer({ min: 0, max: 40 }),
    payload: fc.uint8Array({ maxLength: 64 }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      expect(told(...messages).length).toBeLessThanOrEqual(messages.length);
    }),
    { numRuns: 3_000 },
  );
});
