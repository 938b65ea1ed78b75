// A namespace made by `ip` and `bridge`, read by our dumps, and held against what `ip -j` reads, every object and field.
import { beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { addrDump } from "#kernel/netlink/addr";
import { type FdbEntry, fdbDump } from "#kernel/netlink/fdb";
import { linkDump, linkGet } from "#kernel/netlink/link";
import { neighDump } from "#kernel/netlink/neigh";
import { routeDump, routeGet } from "#kernel/netlink/route";
import { ruleDump } from "#kernel/netlink/rule";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { writeSysctl } from "#kernel/sysctl";
import {
  type Json,
  addressAsIp,
  fdbAsIp,
  known,
  neighbourAsIp,
  routeAsIp,
  ruleAsIp,
} from "../../support/iproute-json.ts";
import { linkAsIp } from "../../support/iproute-link-json.ts";
import { bridge, bridgeJson, enterFreshNetns, iproute, iprouteJson } from "../../support/netns.ts";

let socket: NetlinkSocket;

beforeAll(() => {
  enterFreshNetns();
  // Without duplicate address detection, which changes addresses and routes by itself within seconds.
  writeSysctl("net/ipv6/conf/default/accept_dad", "0");
  for (const line of [
    "link add br0 type bridge ageing_time 100 mcast_snooping 0",
    "link add br1 address 02:00:00:00:01:01 type bridge vlan_default_pvid 0",
    "link add p0 mtu 1400 type veth peer name p1 mtu 1300",
    "link add q0 txqueuelen 77 numtxqueues 4 numrxqueues 3 type veth peer name q1",
    "link set p0 master br0 up",
    "link set p1 up alias loden:something",
    "link set br0 up group 7",
    "link set p0 type bridge_slave hairpin on isolated on learning off cost 9",
    "link property add dev p1 altname an-alternative-name-of-some-length altname second",
    "link add vx0 type vxlan id 42 dev p1 local 10.0.0.1 nolearning dstport 8472 gbp ageing 77 maxaddress 5 ttl 3 tos 4 srcport 10 20 udpcsum l2miss df set",
    "link add vx1 type vxlan id 7 dev p1 local fd00::1 group ff05::100 dstport 8473 udp6zerocsumtx flowlabel 5 proxy rsc l3miss remcsumtx remcsumrx",
    "link add vx2 type vxlan dstport 8474 external vnifilter gpe",
    "link add vx3 type vxlan id 8 remote 10.0.0.7 dstport 8475",
    "link add link p1 mv0 address 02:00:00:00:00:44 type macvlan mode bridge bcqueuelen 100",
    "link add link q1 mv1 type macvlan mode source",
    "link set mv1 type macvlan macaddr set 02:00:00:00:00:05 02:00:00:00:00:06",
    "link add link q1 mv2 type macvlan mode private",
    "tuntap add tap0 mode tap user 54321 group 54322 multi_queue vnet_hdr",
    "tuntap add tun0 mode tun pi",
    "link set tun0 up",
    "addr add 10.1.2.3/24 broadcast + label p1:x metric 5 dev p1",
    "addr add 10.1.2.4/24 dev p1",
    "addr add 10.1.3.1 peer 10.1.3.2/32 scope link valid_lft 1000 preferred_lft 500 dev p1",
    "addr add 10.9.0.1/16 noprefixroute dev tun0",
    "addr add fd00::1/64 nodad dev p1",
    "addr add fd00:1::1 peer fd00:1::2/128 nodad dev p1",
    "addr add fd00:2::1/64 nodad valid_lft 1000 preferred_lft 0 dev p1",
    "route add 10.2.0.0/16 nexthop via 10.1.2.1 dev p1 weight 2 nexthop via 10.1.2.2 dev tun0 onlink",
    "route add 10.3.0.0/16 via inet6 fe80::1 dev p1 src 10.1.2.4 metric 7 proto 201 table 1000 mtu lock 1400 advmss 1000 hoplimit 3",
    "route add 10.4.0.0/16 via 192.168.7.7 dev p1 onlink proto static",
    "route add blackhole 10.5.0.0/16",
    "route add unreachable 10.6.0.0/16 metric 4278198272",
    "route add prohibit 10.7.0.0/16 table 5",
    "route add throw 10.8.0.0/16 table 5",
    "route add local 10.10.0.0/16 dev lo",
    "route add 10.11.0.0/16 dev p1 tos 0x10 congctl cubic rto_min 100 initcwnd 10 quickack 1",
    "route add default via 10.1.2.1",
    "nexthop add id 5 via 10.1.2.9 dev p1",
    "route add 10.12.0.0/16 nhid 5",
    "route add fd01::/64 nexthop via fd00::2 dev p1 nexthop via fd00::3 dev p1 weight 5",
    "route add fd02::/64 via fd00::2 dev p1 metric 55 pref low mtu 1280",
    "route add fd03::/64 from fd00::/48 dev p1",
    "route add fd04::/64 dev p1 expires 1000",
    "route add unreachable fd05::/64",
    "route add default via fe80::9 dev p1 proto 201 onlink",
    "neigh add 10.1.2.9 lladdr 02:00:00:00:00:01 dev p1",
    "neigh add 10.1.2.10 lladdr 02:00:00:00:00:02 nud noarp dev p1 protocol 201",
    "neigh add fd00::78 lladdr 02:00:00:00:00:01 router nud stale dev p1 protocol 9",
    "neigh add proxy fd00::77 dev p1",
    "neigh add proxy 10.1.2.77 dev p1",
    "rule add from 10.0.0.0/8 fwmark 0x10/0xff iif lo uidrange 5-10 table 1000 priority 50 suppress_prefixlength 3",
    "rule add fwmark 77 to 1.2.3.4 blackhole priority 51",
    "rule add not fwmark 0/0xffffffff table 9 priority 59",
    "rule add goto 32766 priority 52",
    "rule add priority 53 l3mdev proto 99",
    "rule add tos 0x10 table 3 priority 54 realms 3/4",
    "rule add tun_id 99 nop priority 55",
    "rule add oif p1 sport 53 dport 1000-2000 table 7 priority 56",
    "-6 rule add from fd00::/8 to fd01::1 unreachable priority 57",
    "-6 rule add fwmark 7 prohibit priority 58",
  ]) {
    iproute(...line.split(" "));
  }
  for (const line of [
    "fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.2",
    "fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.3 port 5 vni 3 via p1",
    "fdb add 02:00:00:00:00:11 dev vx1 dst fd00::5",
    "fdb add 02:00:00:00:00:12 dev vx0 dst 10.0.0.4 dynamic",
    "fdb add 02:00:00:00:00:13 dev p0 master static",
    "fdb add 02:00:00:00:00:14 dev p0 master static sticky",
    "fdb add 02:00:00:00:00:15 dev br0 self",
  ]) {
    bridge(...line.split(" "));
  }
  socket = NetlinkSocket.open(sys);
  return () => socket.close();
});

/** Both as lists of comparable objects, in one order. */
function expectSame(ours: readonly Json[], theirs: readonly Json[]): void {
  expect(inOrder(ours)).toEqual(inOrder(theirs));
}

/** What we read and what they do, with nothing that the kernel did by itself in between. */
function readBoth(ours: () => Json[], theirs: () => Json[]): [ours: Json[], theirs: Json[]] {
  for (;;) {
    const before = ours();
    const read = theirs();
    if (inOrder(ours()).join("\n") === inOrder(before).join("\n")) return [before, read];
  }
}

function inOrder(objects: readonly Json[]): string[] {
  return objects.map((object) => JSON.stringify(sortKeys(object))).toSorted();
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}

/** Every field that any of our objects has. */
const shape = (ours: readonly Json[]): Json => Object.assign({}, ...ours) as Json;
const allOf = (theirs: readonly Json[], ours: readonly Json[]): Json[] =>
  theirs.map((object) => known(object, shape(ours)));

function keys(entries: readonly FdbEntry[]): string[] {
  return entries.map(({ mac, remote }) => `${mac} ${remote?.toString() ?? "-"}`);
}

function names(): (index: number) => string {
  const byIndex = new Map(linkDump(socket).map(({ index, name }) => [index, name]));
  return (index) => byIndex.get(index) ?? `no link ${index}`;
}

describe("what ip made, we read as ip reads it", () => {
  test("links of every kind, ports, alternative names", () => {
    const nameOf = names();
    // The state of a link that was put up is found out later.
    const [all, read] = readBoth(
      () => linkDump(socket).map((link) => linkAsIp(link, nameOf)),
      () => iprouteJson("-N", "link", "show"),
    );
    const byName = new Map(read.map((link) => [link["ifname"], link]));
    expect(all.length).toBe(byName.size);
    for (const ours of all) {
      const theirs = byName.get(ours["ifname"])!;
      expect(JSON.parse(JSON.stringify(ours)), String(ours["ifname"])).toEqual(known(theirs, ours));
    }
    const links = linkDump(socket);
    expect(links.map(({ kind }) => kind?.kind ?? "none").toSorted()).toEqual(
      ["none", "bridge", "bridge", ...Array.from({ length: 3 }, () => "macvlan"), "tun", "tun"]
        .concat(
          Array.from({ length: 4 }, () => "veth"),
          Array.from({ length: 4 }, () => "vxlan"),
        )
        .toSorted(),
    );
  });

  test("one link by index, name and alternative name; undefined for none", () => {
    const p1 = linkDump(socket).find(({ name }) => name === "p1")!;
    expect(linkGet(socket, { index: p1.index })).toEqual(p1);
    expect(linkGet(socket, { name: "p1" })).toEqual(p1);
    expect(linkGet(socket, { name: "an-alternative-name-of-some-length" })).toEqual(p1);
    expect(linkGet(socket, { name: "second" })).toEqual(p1);
    expect(p1).toMatchObject({ alias: "loden:something", altNames: ["an-alternative-name-of-some-length", "second"] });
    expect(linkGet(socket, { name: "nothing" })).toBeUndefined();
    expect(linkGet(socket, { name: "nothing-with-a-long-alternative-name" })).toBeUndefined();
    expect(linkGet(socket, { index: 99_999 })).toBeUndefined();
  });

  test("links by master and kind", () => {
    const br0 = linkGet(socket, { name: "br0" })!;
    expect(linkDump(socket, { master: br0.index }).map(({ name }) => name)).toEqual(["p0"]);
    expect(linkDump(socket, { kind: "tun" }).map(({ name }) => name)).toEqual(["tap0", "tun0"]);
    expect(linkDump(socket, { kind: "vrf" })).toEqual([]);
  });

  test("addresses", () => {
    const nameOf = names();
    const [ours, theirs] = readBoth(
      () => addrDump(socket).map((address) => ({ ...addressAsIp(address), dev: nameOf(address.index) })),
      () =>
        iprouteJson("-N", "addr", "show").flatMap((link) =>
          (link["addr_info"] as Json[]).map((info) => ({ ...info, dev: link["ifname"] })),
        ),
    );
    const found = addrDump(socket);
    expect(found.length).toBeGreaterThan(8);
    expectSame(ours, allOf(theirs, ours));

    const p1 = linkGet(socket, { name: "p1" })!.index;
    expect(addrDump(socket, { index: p1, family: 4 }).map(({ address }) => `${address}`)).toEqual(
      found.filter(({ index, address }) => index === p1 && address.family === 4).map(({ address }) => `${address}`),
    );
    expect(addrDump(socket, { family: 6 })).toEqual(found.filter(({ address }) => address.family === 6));
  });

  test("routes of every form and table", () => {
    const nameOf = names();
    const [ours, theirs] = readBoth(
      () => routeDump(socket).map((route) => routeAsIp(route, nameOf)),
      () => (["-4", "-6"] as const).flatMap((family) => iprouteJson("-N", family, "route", "show", "table", "all")),
    );
    expect(ours.length).toBeGreaterThan(25);
    expectSame(ours, allOf(theirs, ours));
  });

  test("routes by table, protocol and link", () => {
    const found = routeDump(socket);
    const p1 = linkGet(socket, { name: "p1" })!.index;
    const tun0 = linkGet(socket, { name: "tun0" })!.index;
    expect(routeDump(socket, { table: 1000 }).map(({ destination }) => `${destination}`)).toEqual(["10.3.0.0/16"]);
    expect(routeDump(socket, { table: 77_777 })).toEqual([]);
    expect(routeDump(socket, { protocol: 201 }).map(({ destination }) => `${destination}`)).toEqual([
      "10.3.0.0/16",
      "::/0",
    ]);
    expect(routeDump(socket, { family: 6 })).toEqual(found.filter(({ destination }) => destination.family === 6));
    const through = (oif: number) =>
      found.filter((route) => route.oif === oif || route.nextHops?.some((hop) => hop.oif === oif));
    expect(routeDump(socket, { oif: p1 })).toEqual(through(p1));
    // A multipath route is found by its second link too.
    expect(
      routeDump(socket, { oif: tun0, family: 4, table: 254 }).map(({ destination }) => `${destination}`),
    ).toContain("10.2.0.0/16");
  });

  test("the route a packet takes", () => {
    const nameOf = names();
    for (const destination of ["10.4.1.1", "10.1.2.200", "127.0.0.1", "8.8.8.8", "fd02::1", "2001:db8::1"]) {
      const [theirs] = iprouteJson("route", "get", destination);
      const { gateway, oif, source } = routeGet(socket, Address.parse(destination));
      expect({ gateway: gateway?.toString(), dev: nameOf(oif!), prefsrc: source?.toString() }, destination).toEqual({
        gateway: theirs!["gateway"],
        dev: theirs!["dev"],
        prefsrc: theirs!["prefsrc"],
      });
    }
    expect(() => routeGet(socket, Address.parse("10.6.0.1"))).toThrow(
      expect.objectContaining({ code: "ERR_NETLINK", symbol: "EHOSTUNREACH" }),
    );
  });

  test("neighbours, proxies apart", () => {
    const nameOf = names();
    for (const [proxy, words] of [
      [false, ["neigh", "show", "nud", "all"]],
      [true, ["neigh", "show", "proxy"]],
    ] as const) {
      const [ours, theirs] = readBoth(
        () => neighDump(socket, { proxy }).map((entry) => neighbourAsIp(entry, nameOf)),
        () => iprouteJson("-N", ...words),
      );
      expect(ours.length).toBeGreaterThanOrEqual(2);
      expectSame(ours, allOf(theirs, ours));
    }
    const p1 = linkGet(socket, { name: "p1" })!.index;
    const all = neighDump(socket);
    const ours = (index: number) => all.filter((entry) => entry.index === index).map(({ address }) => `${address}`);
    expect(neighDump(socket, { index: p1 }).map(({ address }) => `${address}`)).toEqual(ours(p1));
    expect(
      neighDump(socket, { index: p1, family: 4 })
        .map(({ address }) => `${address}`)
        .toSorted(),
    ).toEqual(["10.1.2.10", "10.1.2.9"]);
  });

  test("forwarding entries of bridges and VXLAN devices", () => {
    const nameOf = names();
    const [ours, theirs] = readBoth(
      () => fdbDump(socket).map((entry) => fdbAsIp(entry, nameOf)),
      () => bridgeJson("fdb", "show"),
    );
    expectSame(ours, allOf(theirs, ours));
    const found = fdbDump(socket);

    const vx0 = linkGet(socket, { name: "vx0" })!.index;
    expect(keys(fdbDump(socket, { index: vx0 }))).toEqual(keys(found.filter(({ index }) => index === vx0)));
    const remotes = fdbDump(socket, { index: vx0 }).filter(({ mac }) => `${mac}` === "00:00:00:00:00:00");
    expect(remotes.map(({ remote }) => remote?.toString())).toEqual(["10.0.0.2", "10.0.0.3"]);
    const br0 = linkGet(socket, { name: "br0" })!.index;
    expect(fdbDump(socket, { bridge: br0 }).map(({ mac }) => `${mac}`)).toEqual(
      expect.arrayContaining(["02:00:00:00:00:13", "02:00:00:00:00:14"]),
    );
    expect(fdbDump(socket, { bridge: br0 }).filter(({ index }) => index === vx0)).toEqual([]);
  });

  test("rules of both families in order", () => {
    for (const family of [4, 6] as const) {
      const ours = ruleDump(socket, { family }).map(ruleAsIp);
      const theirs = iprouteJson("-N", `-${family}`, "rule", "show");
      expect(theirs.map((rule) => known(rule, shape(ours)))).toEqual(JSON.parse(JSON.stringify(ours)));
    }
    expect(ruleDump(socket, { protocol: 99 }).map(({ priority }) => priority)).toEqual([53]);
    expect(ruleDump(socket).map(({ family }) => family)).toEqual(expect.arrayContaining([4, 6]));
  });
});
