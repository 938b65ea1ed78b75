// Notifications that have no room: the daemon is busy while others change tens of thousands of routes, and with them some of
// ours, so that the kernel drops what it had to tell (ENOBUFS, netlink(7)). All is compared then, and leases go on.
import { afterAll, beforeAll, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { routeDelete, routeNew } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { makeLease } from "../../support/fabric.ts";
import { makeHost, type Host, type Running } from "../../support/hosts.ts";

const families = [4] as const;
/** Each of its notifications takes a kilobyte of the watch's sixteen megabytes. */
const OTHERS = 40_000;

let host: Host;
let running: Running;

beforeAll(async () => {
  host = makeHost(1);
  running = host.reconcile({ families });
  running.reconciler.replaceLeases([2, 3, 4].map((n) => makeLease(n)));
  await running.reconciler.settled();
});
afterAll(() => host[Symbol.dispose]());

test("is survived: ours are back, others' stay, and the next lease is taken at once", async () => {
  const { reconciler } = running;
  const before = host.ip("route", "show", "dev", "flannel.1");
  const repaired = running.event((event) => event.type === "drift");
  // In one go, without a turn of the event loop.
  const outcomes = host.netns.run(() => {
    using socket = NetlinkSocket.open(sys);
    const oif = socket.linkIndex("lo")!;
    const others = Array.from({ length: OTHERS }, (_, n) =>
      routeNew(
        { destination: Prefix.of(Address.fromBigInt(4, 0x0b00_0000n + BigInt(n)), 32), oif, protocol: 4 },
        "create",
      ),
    );
    const gone = [2, 3].map((n) => routeDelete({ destination: Prefix.parse(`10.5.${n}.0/24`) }));
    return socket.batch([...others, ...gone]);
  });
  expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([]);
  await repaired;
  expect(host.ip("route", "show", "dev", "flannel.1")).toBe(before);
  // All of it was looked at, as nobody could tell what had happened.
  const dumped = running.events.flatMap((event) => (event.type === "pass" ? [event.dumped] : []));
  expect(dumped.at(-1)).toEqual(expect.arrayContaining(["link", "address", "neighbour", "fdb", "route", "sysctl"]));
  reconciler.putLease(makeLease(5));
  await reconciler.settled();
  expect(host.ip("route", "show", "10.5.5.0/24")).toContain("flannel.1");
  expect(host.ip("route", "show", "11.0.0.0/32")).toContain("lo");
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
});
