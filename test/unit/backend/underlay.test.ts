// How a peer is reached, decided by routes alone: which routes count, which one is taken, what proves that nobody stands
// between, and what fits through.
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Route } from "#kernel/netlink/route-types";
import { neighbourLimits, neighbourRank } from "../../../daemon/backend/neighbour-limits.ts";
import { createBackend } from "../../../daemon/backend/registry.ts";
import { offLinkReason, pathMtu, routeTo, underlayMtu } from "../../../daemon/backend/underlay.ts";
import type { Node } from "../../../daemon/lease/types.ts";
import { underlayRoutes } from "../../../daemon/node/underlay.ts";
import { isLodenProtocol } from "../../../daemon/reconcile/marks.ts";
import { makeLease, makeNetwork, makeNode } from "../../support/fabric.ts";

const LINKS = [
  { index: 2, name: "eth0", mtu: 1500 },
  { index: 3, name: "eth1", mtu: 9000 },
  { index: 4, name: "wg0", mtu: 1420 },
].map((link) => ({ ...link, type: 1, flags: 1, up: true, operState: "up" as const }));

type Written = Omit<Route, "destination" | "gateway"> & { readonly gateway?: string };

/** A node with these routes in its main table. */
function node(routes: readonly (readonly [destination: string, route: Written])[]): Node {
  const read = routes.map(([destination, { gateway, ...route }]): Route => ({
    ...route,
    destination: Prefix.parse(destination),
    ...(gateway === undefined ? {} : { gateway: Address.parse(gateway) }),
  }));
  const networks = [Prefix.parse("10.5.0.0/16"), Prefix.parse("fd00:5::/32")];
  const scope = { links: LINKS, external: 2, networks, isOwnProtocol: isLodenProtocol };
  return { ...makeNode(1), routes: underlayRoutes(read, scope) };
}

const LAN = ["192.168.0.0/24", { oif: 2, protocol: 2 }] as const;
const DEFAULT = ["0.0.0.0/0", { oif: 2, gateway: "192.168.0.254" }] as const;
const PEER = Address.parse("192.168.0.2");
const FAR = Address.parse("172.16.0.2");

describe("the route that is taken", () => {
  test("is the narrowest, then the one of the lowest metric", () => {
    const here = node([
      DEFAULT,
      ["0.0.0.0/0", { oif: 3, gateway: "192.168.1.254", priority: 100 }],
      ["172.16.0.0/12", { oif: 3, gateway: "192.168.1.254", priority: 20 }],
      ["172.16.0.0/12", { oif: 4, priority: 10 }],
    ]);
    expect(routeTo(here, FAR)).toMatchObject({ link: "wg0", metric: 10 });
    expect(routeTo(here, Address.parse("8.8.8.8"))).toMatchObject({ link: "eth0" });
    expect(routeTo(here, Address.parse("fd99::2"))).toBeUndefined();
  });

  test("of IPv6 is found beside IPv4's", () => {
    const here = node([LAN, ["fd99::/64", { oif: 2 }], ["::/0", { oif: 2, gateway: "fd99::254" }]]);
    expect(offLinkReason(here, Address.parse("fd99::2"))).toBeUndefined();
    expect(offLinkReason(here, Address.parse("2001:db8::2"))).toBe("2001:db8::2 is behind the router fd99::254");
  });
});

describe("routes that do not count", () => {
  test.each<[string, string, Written]>([
    ["of Loden's own", "192.168.0.2/32", { oif: 4, protocol: 76 }],
    ["of another Loden's", "192.168.0.2/32", { oif: 4, protocol: 101 }],
    ["for other types of service", "192.168.0.2/32", { oif: 4, tos: 8 }],
    ["that are dead", "192.168.0.2/32", { oif: 4, flags: 1 }],
    ["by a link that is gone", "192.168.0.2/32", { oif: 99 }],
    ["of a source", "192.168.0.2/32", { oif: 4, from: Prefix.parse("10.0.0.0/8") }],
    ["that only deliver", "192.168.0.2/32", { oif: 4, type: "local" }],
  ])("%s", (_, destination, route) => {
    expect(routeTo(node([LAN, [destination, route]]), PEER)).toMatchObject({ link: "eth0" });
  });

  test("into the fabric: containers', but for the underlay's own prefix", () => {
    const { routes } = node([
      ["10.5.1.0/24", { oif: 3, protocol: 2 }],
      ["10.5.1.7/32", { oif: 3 }],
      ["10.5.200.0/24", { oif: 2, protocol: 2 }],
    ]);
    expect(routes.map(({ destination }) => destination.toString())).toEqual(["10.5.200.0/24"]);
  });
});

describe("on the link", () => {
  test("is who is reached by the interface without a router", () => {
    expect(offLinkReason(node([LAN, DEFAULT]), PEER)).toBeUndefined();
  });

  test("is a peer in a network that two interfaces are in", () => {
    const second = ["192.168.0.0/24", { oif: 3, protocol: 2, priority: 0 }] as const;
    expect(offLinkReason(node([["192.168.0.0/24", { oif: 2, priority: 100 }], second]), PEER)).toBeUndefined();
  });

  test.each<[string, readonly (readonly [string, Written])[], Address, string]>([
    ["behind a router", [LAN, DEFAULT], FAR, "172.16.0.2 is behind the router 192.168.0.254"],
    ["in nobody's network", [LAN], FAR, "no route of this host leads to 172.16.0.2"],
    [
      "behind a router in spite of the prefix",
      [LAN, ["192.168.0.2/32", { oif: 2, gateway: "192.168.0.254" }]],
      PEER,
      "192.168.0.2 is behind the router 192.168.0.254",
    ],
    [
      "narrowly elsewhere",
      [LAN, ["192.168.0.2/32", { oif: 4 }]],
      PEER,
      "192.168.0.2 is reached by the route 192.168.0.2/32 dev wg0, which is narrower than 192.168.0.0/24 of eth0",
    ],
    [
      "by another interface",
      [LAN, ["172.16.0.0/12", { oif: 3 }]],
      FAR,
      "172.16.0.2 is reached by the route 172.16.0.0/12 dev eth1, not by eth0",
    ],
    [
      "refused by a route",
      [LAN, ["192.168.0.2/32", { type: "unreachable" }]],
      PEER,
      "192.168.0.2 is reached by the route 192.168.0.2/32, which is narrower than 192.168.0.0/24 of eth0",
    ],
    [
      "by several ways",
      [["172.16.0.0/12", { nextHops: [{ oif: 2, gateway: Address.parse("192.168.0.9") }, { oif: 3 }] }]],
      FAR,
      "172.16.0.2 is reached by the route 172.16.0.0/12 via 192.168.0.9, not by eth0",
    ],
  ])("is not who is %s", (_, routes, address, reason) => {
    expect(offLinkReason(node(routes), address)).toBe(reason);
  });
});

describe("what fits through", () => {
  test("is the outgoing link's MTU, less where the route says so", () => {
    const here = node([
      LAN,
      ["192.168.0.3/32", { oif: 2, metrics: { mtu: 1300 } }],
      ["172.16.0.0/12", { oif: 3 }],
      ["172.17.0.0/16", { nextHops: [{ oif: 3 }, { oif: 4 }] }],
    ]);
    expect(pathMtu(here, PEER)).toBe(1500);
    expect(pathMtu(here, Address.parse("192.168.0.3"))).toBe(1300);
    expect(pathMtu(here, FAR)).toBe(9000);
    expect(pathMtu(here, Address.parse("172.17.0.1"))).toBe(1420);
    expect(pathMtu(here, Address.parse("8.8.8.8"))).toBeUndefined();
  });

  test("in the node's own network decides the device's MTU and the containers'", () => {
    const narrow = node([["192.168.0.0/24", { oif: 2, protocol: 2, metrics: { mtu: 1400 } }]]);
    expect(underlayMtu(narrow)).toBe(1400);
    expect(underlayMtu(node([LAN]))).toBe(1500);
    expect(createBackend(makeNetwork(), narrow).mtu(narrow)).toBe(1350);
    expect(createBackend(makeNetwork({ type: "host-gw" }), narrow).mtu(narrow)).toBe(1400);
  });

  test.each([
    [1300, { mtu: 1250 }],
    [1500, {}],
    // Below what IPv4 needs, the outer packets are fragmented.
    [100, { mtu: 68 }],
  ])("to one peer, %i: its route has %j", (mtu, expected) => {
    const here = node([LAN, ["192.168.0.2/32", { oif: 2, metrics: { mtu } }]]);
    const objects = createBackend(makeNetwork(), here).peer(here, makeLease(2), 4);
    const route = objects.find(({ kind }) => kind === "route");
    expect(route?.spec).toEqual({
      destination: Prefix.parse("10.5.2.0/24"),
      gateway: Address.parse("10.5.2.0"),
      link: "flannel.1",
      onlink: true,
      ...expected,
    });
  });

  test("over plain routes is what the way to the node carries", () => {
    const here = node([["192.168.0.0/24", { oif: 2, protocol: 2, metrics: { mtu: 1400 } }]]);
    const lease = makeLease(2, { type: "host-gw" });
    const [route] = createBackend(makeNetwork({ type: "host-gw" }), here).peer(here, lease, 4);
    expect(route?.spec).toMatchObject({ mtu: 1400, link: "eth0" });
  });
});

describe("a peer's address that no peer can have", () => {
  test.each(["0.0.0.9", "127.0.0.2", "224.0.0.5", "240.0.0.1", "255.255.255.255", "192.168.0.0", "192.168.0.255"])(
    "%s is refused by name",
    (text) => {
      const lease = { ...makeLease(2), publicAddress: { 4: Address.parse(text) } };
      expect(() => createBackend(makeNetwork(), makeNode(1)).peer(makeNode(1), lease, 4)).toThrow(
        `lease 10.5.2.0-24 cannot be used: its PublicIP ${text} is no IPv4 address that a node can have`,
      );
    },
  );

  test.each(["::1", "fe80::2", "ff02::1", "::ffff:192.168.0.2"])("%s is refused by name", (text) => {
    const network = makeNetwork({ families: [6] });
    const lease = { ...makeLease(2, { families: [6] }), publicAddress: { 6: Address.parse(text) } };
    expect(() => createBackend(network, makeNode(1)).peer(makeNode(1), lease, 6)).toThrow("its PublicIPv6 ");
  });

  test("a MAC of our own device", () => {
    const backend = createBackend(makeNetwork(), makeNode(1));
    const lease = { ...makeLease(2), backendData: { 4: backend.advertise(makeNode(1))[4] } };
    expect(() => backend.peer(makeNode(1), lease, 4)).toThrow(/its VtepMAC .* is that of this node's own flannel\.1/);
  });
});

describe("room for neighbours", () => {
  test("is as Linux has it for few, and grows by powers of two", () => {
    expect([0, 1, 256, 257, 512, 513, 10_000].map(neighbourRank)).toEqual([0, 0, 0, 9, 9, 10, 14]);
    expect(neighbourLimits(0, [4, 6])).toEqual([]);
    const wanted = neighbourLimits(10, [4, 6]).map(({ spec }) => spec);
    expect(wanted).toHaveLength(6);
    expect(wanted[2]).toEqual({
      path: "net/ipv4/neigh/default/gc_thresh3",
      value: "4096",
      atLeast: true,
      ifPresent: true,
    });
  });
});
