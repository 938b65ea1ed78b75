// Addresses and routes made by our messages, in one batch each, and read by `ip -d -j`.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { ADDRESS_FLAG, addrDelete, addrDump, addrNew } from "#kernel/netlink/addr";
import { linkNew } from "#kernel/netlink/link";
import { NEXT_HOP_FLAG, type Route, routeDelete, routeDump, routeNew } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import type { Json } from "../../support/iproute-json.ts";
import { enterFreshNetns, iproute, iprouteJson } from "../../support/netns.ts";

const ip = (text: string): Address => Address.parse(text);
const net = (text: string): Prefix => Prefix.parse(text);

/** The indexes are asked for, so that one batch can both make a link and refer to it. */
const BR0 = 100;
const VETH0 = 101;
const VX0 = 102;
const VX6 = 103;

let socket: NetlinkSocket;

/** One batch in which nothing may fail. */
function batch(messages: readonly Message[]): void {
  expect(socket.batch(messages).map((outcome) => outcome?.message)).toEqual(messages.map(() => undefined));
}

beforeAll(() => {
  enterFreshNetns();
  socket = NetlinkSocket.open(sys);
  batch([
    linkNew({ index: BR0, name: "br0", up: true, kind: { kind: "bridge" } }),
    linkNew({ index: VETH0, name: "veth0", master: BR0, up: true, kind: { kind: "veth", peer: { name: "eth0" } } }),
    linkNew({ index: VX0, name: "vx0", up: true, kind: { kind: "vxlan", vni: 42, port: 8472 } }),
    linkNew({ index: VX6, name: "vx6", up: true, kind: { kind: "vxlan", vni: 43, local: ip("fd00::1"), port: 8473 } }),
    addrNew({ index: BR0, address: net("10.1.0.1/24") }),
    addrNew({ index: BR0, address: net("fd00::1/64"), flags: ADDRESS_FLAG.noDad }),
  ]);
});

afterAll(() => socket.close());

describe("what we make, ip reads", () => {
  test("addresses", () => {
    batch([
      addrNew({ index: BR0, address: net("10.5.0.1/24"), broadcast: ip("10.5.0.255"), label: "br0:x", metric: 5 }),
      addrNew({ index: BR0, address: net("10.5.0.2/24"), flags: ADDRESS_FLAG.noPrefixRoute }),
      addrNew({ index: BR0, address: net("10.5.9.1/32"), peer: ip("10.5.9.2"), scope: "link" }),
      addrNew({ index: BR0, address: net("10.5.8.1/24"), lifetime: { preferred: 0, valid: Infinity } }),
      addrNew({ index: BR0, address: net("fd08::1/64"), flags: ADDRESS_FLAG.noDad }),
      addrNew({ index: BR0, address: net("fd08::2/64"), flags: ADDRESS_FLAG.noDad | ADDRESS_FLAG.noPrefixRoute }),
      addrNew({ index: BR0, address: net("10.5.0.2/24"), lifetime: { preferred: 500, valid: 1000 } }, "replace"),
    ]);
    const [br0] = iprouteJson("addr", "show", "br0");
    const info = new Map((br0!["addr_info"] as Json[]).map((entry) => [entry["local"], entry]));
    const forever = 0xffff_ffff;
    expect(info.get("10.5.0.1")).toMatchObject({
      prefixlen: 24,
      broadcast: "10.5.0.255",
      scope: "global",
      label: "br0:x",
      metric: 5,
      valid_life_time: forever,
    });
    expect(info.get("10.5.0.2")).toMatchObject({ secondary: true, dynamic: true });
    expect(info.get("10.5.9.1")).toMatchObject({ address: "10.5.9.2", prefixlen: 32, scope: "link" });
    expect(info.get("10.5.8.1")).toMatchObject({ deprecated: true, valid_life_time: forever });
    expect(info.get("fd08::1")).toMatchObject({ nodad: true, prefixlen: 64 });
    expect(info.get("fd08::1")).not.toHaveProperty("tentative");
    expect(info.get("fd08::2")).toMatchObject({ nodad: true, noprefixroute: true });

    expect(socket.batch([addrNew({ index: BR0, address: net("10.5.0.1/24") })])).toMatchObject([{ symbol: "EEXIST" }]);
    batch([
      addrDelete({ index: BR0, address: net("10.5.8.1/24") }),
      addrDelete({ index: BR0, address: net("fd08::2/64") }),
      addrDelete({ index: BR0, address: net("10.5.9.1/32"), peer: ip("10.5.9.2") }),
    ]);
    const left = addrDump(socket, { index: BR0 }).map(({ address }) => address.toString());
    expect(left.filter((text) => !text.startsWith("fe80"))).toEqual([
      "10.1.0.1/24",
      "10.5.0.1/24",
      "10.5.0.2/24",
      "fd08::1/64",
      "fd00::1/64",
    ]);
  });

  test("routes of every form", () => {
    const on = { oif: BR0, protocol: 201 };
    const routes: Route[] = [
      { destination: net("10.2.0.0/24"), gateway: ip("10.1.0.9"), ...on },
      { destination: net("10.2.1.0/24"), gateway: ip("192.168.9.9"), onlink: true, ...on },
      { destination: net("10.2.2.0/24"), scope: "link", source: ip("10.1.0.1"), priority: 7, ...on },
      { destination: net("10.2.3.0/24"), gateway: ip("fe80::9"), ...on },
      {
        destination: net("10.2.4.0/24"),
        metrics: { mtu: 1300, advertisedMss: 1200, congestionControl: "cubic" },
        ...on,
      },
      { destination: net("10.2.5.0/24"), table: 1000, tos: 0x10, ...on },
      { destination: net("10.2.6.0/24"), type: "blackhole", protocol: 201 },
      { destination: net("10.2.7.0/24"), type: "unreachable", protocol: 201, priority: 4_278_198_272 },
      { destination: net("10.2.8.0/24"), type: "prohibit", protocol: 201 },
      { destination: net("10.2.9.0/24"), type: "throw", table: 5, protocol: 201 },
      { destination: net("10.2.10.0/24"), type: "local", oif: 1, protocol: 201 },
      { destination: net("10.2.11.255/32"), type: "broadcast", ...on },
      {
        destination: net("10.2.12.0/24"),
        protocol: 201,
        nextHops: [
          { gateway: ip("10.1.0.9"), oif: BR0, weight: 3 },
          { gateway: ip("192.168.9.9"), oif: VX0, onlink: true },
          { oif: VX6 },
        ],
      },
      { destination: net("0.0.0.0/0"), gateway: ip("10.1.0.9"), ...on },
      { destination: net("fd01::/64"), gateway: ip("fd00::9"), ...on },
      { destination: net("fd02::/64"), gateway: ip("fd77::9"), onlink: true, priority: 50, preference: "low", ...on },
      { destination: net("fd03::/64"), from: net("fd00::/48"), ...on },
      { destination: net("fd04::/64"), expires: 1000, metrics: { mtu: 1290, hopLimit: 9 }, ...on },
      { destination: net("fd05::/64"), type: "unreachable", protocol: 201 },
      {
        destination: net("fd06::/64"),
        protocol: 201,
        nextHops: [
          { gateway: ip("fd00::9"), oif: BR0 },
          { gateway: ip("fd00::a"), oif: BR0, weight: 5 },
        ],
      },
      { destination: net("::/0"), gateway: ip("fe80::9"), table: 1000, ...on },
    ];
    batch(routes.map((route) => routeNew(route, "create")));
    const theirs = new Map(
      ["-4", "-6"]
        .flatMap((family) => iprouteJson(family, "route", "show", "table", "all", "proto", "201"))
        .map((route) => [`${route["dst"] as string} ${route["table"] as string}`, route]),
    );
    expect(theirs.size).toBe(routes.length);
    const expected: Record<string, Json> = {
      "10.2.0.0/24 main": { type: "unicast", gateway: "10.1.0.9", dev: "br0", scope: "global" },
      "10.2.1.0/24 main": { gateway: "192.168.9.9", flags: expect.arrayContaining(["onlink"]) },
      "10.2.2.0/24 main": { scope: "link", prefsrc: "10.1.0.1", metric: 7 },
      "10.2.3.0/24 main": { via: { family: "inet6", host: "fe80::9" } },
      "10.2.4.0/24 main": { metrics: [{ mtu: 1300, advmss: 1200, congestion: "cubic" }] },
      "10.2.5.0/24 1000": { tos: "0x10", dev: "br0" },
      "10.2.6.0/24 main": { type: "blackhole" },
      "10.2.7.0/24 main": { type: "unreachable", metric: 4_278_198_272 },
      "10.2.8.0/24 main": { type: "prohibit" },
      "10.2.9.0/24 5": { type: "throw" },
      "10.2.10.0/24 local": { type: "local", scope: "host" },
      "10.2.11.255 local": { type: "broadcast", scope: "link" },
      "10.2.12.0/24 main": {
        nexthops: [
          expect.objectContaining({ gateway: "10.1.0.9", dev: "br0", weight: 3 }),
          expect.objectContaining({ gateway: "192.168.9.9", dev: "vx0", weight: 1 }),
          expect.objectContaining({ dev: "vx6", weight: 1 }),
        ],
      },
      "default main": { gateway: "10.1.0.9" },
      "fd01::/64 main": { gateway: "fd00::9", metric: 1024 },
      "fd02::/64 main": { gateway: "fd77::9", metric: 50, pref: "low", flags: expect.arrayContaining(["onlink"]) },
      "fd03::/64 main": { from: "fd00::/48" },
      "fd04::/64 main": { expires: expect.any(Number), metrics: [{ mtu: 1290, hoplimit: 9 }] },
      "fd05::/64 main": { type: "unreachable" },
      "fd06::/64 main": {
        nexthops: [
          expect.objectContaining({ gateway: "fd00::9", weight: 1 }),
          expect.objectContaining({ gateway: "fd00::a", weight: 5 }),
        ],
      },
      "default 1000": { gateway: "fe80::9" },
    };
    expect([...theirs.keys()].toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const [key, fields] of Object.entries(expected)) expect(theirs.get(key), key).toMatchObject(fields);

    // What is read goes away by itself, and can be made again from it.
    const read = routeDump(socket, { protocol: 201 });
    expect(read.length).toBe(routes.length);
    batch(read.map((route) => routeDelete(route)));
    expect(routeDump(socket, { protocol: 201 })).toEqual([]);
    batch(read.map((route) => routeNew(route, "create")));
    const timeless = (found: readonly Route[]): Route[] => found.map(({ expires: _, ...route }) => route);
    expect(timeless(routeDump(socket, { protocol: 201 }))).toEqual(timeless(read));
    batch(read.map((route) => routeDelete(route)));
  });

  test("a route by a next hop object, and one whose link is down, go and come back as read", () => {
    // By vx0, which never loses its carrier: the kernel takes no next hop over a link that has none.
    batch([addrNew({ index: VX0, address: net("10.7.0.1/24") })]);
    iproute("nexthop", "add", "id", "5", "via", "10.7.0.9", "dev", "vx0");
    batch([
      routeNew({ destination: net("10.4.0.0/24"), nextHopId: 5, protocol: 202 }, "create"),
      linkNew({ index: 110, name: "down0", up: true, kind: { kind: "veth", peer: { name: "down1" } } }),
      addrNew({ index: 110, address: net("10.4.1.1/24"), flags: ADDRESS_FLAG.noPrefixRoute }),
      routeNew({ destination: net("10.4.2.0/24"), oif: 110, protocol: 202 }, "create"),
    ]);
    const read = routeDump(socket, { protocol: 202 });
    expect(read).toMatchObject([
      { nextHopId: 5, gateway: ip("10.7.0.9"), oif: VX0 },
      { oif: 110, flags: NEXT_HOP_FLAG.linkDown },
    ]);
    batch(read.map((route) => routeDelete(route)));
    expect(routeDump(socket, { protocol: 202 })).toEqual([]);
    batch(read.map((route) => routeNew(route, "create")));
    expect(routeDump(socket, { protocol: 202 })).toEqual(read);
  });

  test("create, replace, append and prepend", () => {
    const route = (gateway: string): Route => ({ destination: net("10.3.0.0/24"), oif: BR0, gateway: ip(gateway) });
    const gateways = () =>
      routeDump(socket, { family: 4, table: 254 })
        .filter(({ destination }) => destination.equals(net("10.3.0.0/24")))
        .map(({ gateway }) => gateway?.toString());
    batch([routeNew(route("10.1.0.3"), "create")]);
    expect(socket.batch([routeNew(route("10.1.0.4"), "create")])).toMatchObject([{ symbol: "EEXIST" }]);
    batch([routeNew(route("10.1.0.4"), "replace")]);
    expect(gateways()).toEqual(["10.1.0.4"]);
    batch([routeNew(route("10.1.0.5"), "append"), routeNew(route("10.1.0.6"), "prepend")]);
    expect(gateways()).toEqual(["10.1.0.6", "10.1.0.4", "10.1.0.5"]);
    batch([routeDelete(route("10.1.0.4")), routeDelete({ destination: net("10.3.0.0/24") })]);
    expect(gateways()).toEqual(["10.1.0.5"]);
  });
});
