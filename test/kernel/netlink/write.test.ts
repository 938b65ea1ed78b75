// A namespace made by our messages, in few batches, and read by `ip -d -j` and `bridge -d -j`.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { ADDRESS_FLAG, addrDelete, addrDump, addrNew } from "#kernel/netlink/addr";
import { fdbDelete, fdbDump, fdbNew } from "#kernel/netlink/fdb";
import { tunOpen } from "#kernel/netlink/kind/tun";
import { linkAltNames, linkDelete, linkDump, linkGet, linkNew, linkSet } from "#kernel/netlink/link";
import { NEIGHBOUR_FLAG, neighDelete, neighDump, neighNew } from "#kernel/netlink/neigh";
import { type Route, routeDelete, routeDump, routeNew } from "#kernel/netlink/route";
import { ruleDelete, ruleDump, ruleNew } from "#kernel/netlink/rule";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import type { Json } from "../../support/iproute-json.ts";
import { bridgeJson, enterFreshNetns, iproute, iprouteJson, throwAwayNetns } from "../../support/netns.ts";

const ip = (text: string): Address => Address.parse(text);
const net = (text: string): Prefix => Prefix.parse(text);
const mac = (last: number): Mac => Mac.parse(`02:00:00:00:00:${last.toString(16).padStart(2, "0")}`);

/** Our numbers: the indexes are asked for, so that one batch can both make a link and refer to it. */
const BR0 = 100;
const VETH0 = 101;
const VX0 = 102;
const VX6 = 103;
const MV0 = 104;

let socket: NetlinkSocket;
const other = throwAwayNetns();

/** One batch in which nothing may fail. */
function batch(messages: readonly Message[]): void {
  expect(socket.batch(messages).map((outcome) => outcome?.message)).toEqual(messages.map(() => undefined));
}

function found(device: string, address: string): Json[] {
  return bridgeJson("fdb", "show", "dev", device).filter((entry) => entry["mac"] === address);
}

beforeAll(() => {
  enterFreshNetns();
  socket = NetlinkSocket.open(sys);
});

afterAll(() => {
  socket.close();
  other[Symbol.dispose]();
});

describe("what we make, ip reads", () => {
  test("links of every kind, a port's options, a peer in another namespace: one batch", () => {
    batch([
      linkNew({
        index: BR0,
        name: "br0",
        mac: mac(1),
        mtu: 1450,
        txQueueLength: 77,
        group: 3,
        up: true,
        kind: { kind: "bridge", multicastSnooping: false, ageingTime: 100, forwardDelay: 200, nfCallIptables: false },
      }),
      linkNew({
        index: VETH0,
        name: "veth0",
        mtu: 1400,
        mac: mac(2),
        master: BR0,
        up: true,
        txQueues: 2,
        rxQueues: 2,
        kind: { kind: "veth", peer: { index: 7, name: "eth0", mtu: 1300, mac: mac(3), netnsFd: other.fd } },
      }),
      linkSet({ name: "br0" }, { alias: "loden:bridge" }),
      linkSet({ name: "veth0" }, { port: { kind: "bridge", hairpin: true, isolated: true, learning: false, cost: 9 } }),
      linkNew({
        index: VX0,
        name: "vx0",
        mtu: 1350,
        mac: mac(4),
        up: true,
        kind: {
          kind: "vxlan",
          vni: 42,
          parent: BR0,
          local: ip("10.1.0.1"),
          port: 8472,
          learning: false,
          gbp: true,
          ttl: 9,
          ageing: 60,
          limit: 5000,
          sourcePorts: { low: 1000, high: 2000 },
          udpCsum: true,
          l2miss: true,
          df: "set",
        },
      }),
      linkNew({
        index: VX6,
        name: "vx6",
        up: true,
        kind: { kind: "vxlan", vni: 43, local: ip("fd00::1"), port: 8473, udpZeroCsum6Tx: true, flowLabel: 5 },
      }),
      linkNew({
        index: MV0,
        name: "mv0",
        parent: BR0,
        kind: { kind: "macvlan", mode: "private", broadcastQueueLength: 55 },
      }),
      linkAltNames({ name: "mv0" }, "add", ["an-alternative-name-of-some-length", "gone"]),
      linkAltNames(MV0, "remove", ["gone"]),
      linkSet({ name: "mv0" }, { up: true }),
    ]);
    const byName = new Map(iprouteJson("link", "show").map((link) => [link["ifname"], link]));
    expect(byName.get("br0")).toMatchObject({
      ifindex: BR0,
      address: "02:00:00:00:00:01",
      mtu: 1400,
      ifalias: "loden:bridge",
      txqlen: 77,
      group: "3",
      flags: expect.arrayContaining(["UP"]) as string[],
      linkinfo: {
        info_kind: "bridge",
        info_data: { mcast_snooping: 0, ageing_time: 100, forward_delay: 200, nf_call_iptables: 0 },
      },
    });
    expect(byName.get("veth0")).toMatchObject({
      ifindex: VETH0,
      link_index: 7,
      link_netnsid: expect.any(Number) as number,
      mtu: 1400,
      master: "br0",
      address: "02:00:00:00:00:02",
      num_tx_queues: 2,
      num_rx_queues: 2,
      linkinfo: {
        info_kind: "veth",
        info_slave_kind: "bridge",
        info_slave_data: { hairpin: true, isolated: true, learning: false, cost: 9 },
      },
    });
    expect(byName.get("vx0")).toMatchObject({
      mtu: 1350,
      address: "02:00:00:00:00:04",
      linkinfo: {
        info_kind: "vxlan",
        info_data: {
          id: 42,
          link: "br0",
          local: "10.1.0.1",
          port: 8472,
          learning: false,
          gbp: true,
          ttl: 9,
          ageing: 60,
          limit: 5000,
          port_range: { low: 1000, high: 2000 },
          udp_csum: true,
          l2miss: true,
          df: "set",
        },
      },
    });
    expect(byName.get("vx6")).toMatchObject({
      linkinfo: { info_data: { id: 43, local6: "fd00::1", port: 8473, udp_zero_csum6_tx: true, label: "0x5" } },
    });
    expect(byName.get("mv0")).toMatchObject({
      link: "br0",
      altnames: ["an-alternative-name-of-some-length"],
      flags: expect.arrayContaining(["UP"]) as string[],
      linkinfo: { info_kind: "macvlan", info_data: { mode: "private", bcqueuelen: 55 } },
    });
    const [eth0] = other.run(() => iprouteJson("link", "show", "eth0"));
    expect(eth0).toMatchObject({ ifindex: 7, mtu: 1300, address: "02:00:00:00:00:03" });
  });

  test("changes: mtu, queue, alias, flags, name, out of the bridge and back, vxlan settings", () => {
    batch([
      linkSet(VX0, { mtu: 1300, alias: "changed", txQueueLength: 5, multicast: false, promiscuous: true, arp: false }),
      linkSet(VX0, { kind: { kind: "vxlan", learning: true, ageing: 99 } }),
      linkSet(VX0, { up: false }),
      linkSet(VX0, { name: "vx1" }),
      linkSet({ name: "vx1" }, { up: true, mac: mac(5), gsoMaxSize: 32_768, gsoMaxSegments: 99, groMaxSize: 20_000 }),
      linkSet(VETH0, { master: 0 }),
      linkSet(VETH0, { up: false }),
    ]);
    const byName = new Map(iprouteJson("link", "show").map((link) => [link["ifname"], link]));
    expect(byName.get("vx1")).toMatchObject({
      ifindex: VX0,
      mtu: 1300,
      ifalias: "changed",
      txqlen: 5,
      address: "02:00:00:00:00:05",
      gso_max_size: 32_768,
      gso_max_segs: 99,
      gro_max_size: 20_000,
      promiscuity: 1,
      linkinfo: { info_data: { learning: true, ageing: 99 } },
    });
    expect(byName.get("vx1")!["flags"]).toEqual(expect.arrayContaining(["UP", "NOARP", "PROMISC"]));
    expect(byName.get("vx1")!["flags"]).not.toContain("MULTICAST");
    expect(byName.get("veth0")).not.toHaveProperty("master");
    batch([
      linkSet(VX0, { up: false, arp: true, promiscuous: false, multicast: true }),
      linkSet(VX0, { name: "vx0" }),
      linkSet({ name: "vx0" }, { up: true }),
      linkSet(VETH0, { master: BR0, up: true }),
    ]);
    const [vx0] = iprouteJson("link", "show", "vx0");
    expect(vx0!["flags"]).toEqual(expect.arrayContaining(["UP", "MULTICAST"]));
    expect(vx0!["flags"]).not.toContain("NOARP");
  });

  test("a link moves to another namespace", () => {
    batch([
      linkNew({ name: "moved", kind: { kind: "veth", peer: { name: "stays" } } }),
      linkSet({ name: "moved" }, { netnsFd: other.fd }),
      linkNew({ name: "there", netnsFd: other.fd, kind: { kind: "bridge" } }),
    ]);
    expect(linkGet(socket, { name: "moved" })).toBeUndefined();
    const there = other.run(() => iprouteJson("link", "show").map((link) => link["ifname"]));
    expect(there).toEqual(expect.arrayContaining(["moved", "there"]));
    batch([linkDelete({ name: "stays" })]);
  });

  test("a tun and a tap device through their ioctls", () => {
    const tun = tunOpen(sys, { name: "tun%d", mode: "tun", persist: true, owner: 54_321 });
    const tap = tunOpen(sys, { name: "tap0", mode: "tap", packetInfo: true, vnetHdr: true, multiQueue: true });
    try {
      expect(tun.name).toBe("tun0");
      expect(iprouteJson("link", "show", "tun0")).toMatchObject([
        { linkinfo: { info_data: { type: "tun", pi: false, persist: true, user: 54_321 } } },
      ]);
      expect(iprouteJson("link", "show", "tap0")).toMatchObject([
        {
          linkinfo: {
            info_data: { type: "tap", pi: true, vnet_hdr: true, multi_queue: true, numqueues: 1, persist: false },
          },
        },
      ]);
    } finally {
      sys.close(tun.fd);
      sys.close(tap.fd);
    }
    // The one that does not persist has gone with its descriptor.
    expect(linkDump(socket, { kind: "tun" }).map(({ name }) => name)).toEqual(["tun0"]);
    expect(() => tunOpen(sys, { name: "a-name-of-sixteen", mode: "tun" })).toThrow(
      expect.objectContaining({ code: "ERR_INTERFACE" }),
    );
  });

  test("addresses", () => {
    batch([
      addrNew({ index: BR0, address: net("10.1.0.1/24"), broadcast: ip("10.1.0.255"), label: "br0:x", metric: 5 }),
      addrNew({ index: BR0, address: net("10.1.0.2/24"), flags: ADDRESS_FLAG.noPrefixRoute }),
      addrNew({ index: BR0, address: net("10.1.9.1/32"), peer: ip("10.1.9.2"), scope: "link" }),
      addrNew({ index: BR0, address: net("10.1.8.1/24"), lifetime: { preferred: 0, valid: Infinity } }),
      addrNew({ index: BR0, address: net("fd00::1/64"), flags: ADDRESS_FLAG.noDad }),
      addrNew({ index: BR0, address: net("fd00::2/64"), flags: ADDRESS_FLAG.noDad | ADDRESS_FLAG.noPrefixRoute }),
      addrNew({ index: BR0, address: net("10.1.0.2/24"), lifetime: { preferred: 500, valid: 1000 } }, "replace"),
    ]);
    const [br0] = iprouteJson("addr", "show", "br0");
    const info = new Map((br0!["addr_info"] as Json[]).map((entry) => [entry["local"], entry]));
    const forever = 0xffff_ffff;
    expect(info.get("10.1.0.1")).toMatchObject({
      prefixlen: 24,
      broadcast: "10.1.0.255",
      scope: "global",
      label: "br0:x",
      metric: 5,
      valid_life_time: forever,
    });
    expect(info.get("10.1.0.2")).toMatchObject({ secondary: true, dynamic: true });
    expect(info.get("10.1.9.1")).toMatchObject({ address: "10.1.9.2", prefixlen: 32, scope: "link" });
    expect(info.get("10.1.8.1")).toMatchObject({ deprecated: true, valid_life_time: forever });
    expect(info.get("fd00::1")).toMatchObject({ nodad: true, prefixlen: 64 });
    expect(info.get("fd00::1")).not.toHaveProperty("tentative");
    expect(info.get("fd00::2")).toMatchObject({ nodad: true, noprefixroute: true });

    expect(socket.batch([addrNew({ index: BR0, address: net("10.1.0.1/24") })])).toMatchObject([{ symbol: "EEXIST" }]);
    batch([
      addrDelete({ index: BR0, address: net("10.1.8.1/24") }),
      addrDelete({ index: BR0, address: net("fd00::2/64") }),
      addrDelete({ index: BR0, address: net("10.1.9.1/32"), peer: ip("10.1.9.2") }),
    ]);
    const left = addrDump(socket, { index: BR0 }).map(({ address }) => address.toString());
    expect(left.filter((text) => !text.startsWith("fe80"))).toEqual(["10.1.0.1/24", "10.1.0.2/24", "fd00::1/64"]);
  });

  test("routes of every form", () => {
    const on = { oif: BR0, protocol: 201 };
    const routes: Route[] = [
      { destination: net("10.2.0.0/24"), gateway: ip("10.1.0.9"), ...on },
      { destination: net("10.2.1.0/24"), gateway: ip("192.168.9.9"), onlink: true, ...on },
      { destination: net("10.2.2.0/24"), scope: "link", source: ip("10.1.0.2"), priority: 7, ...on },
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
      "10.2.2.0/24 main": { scope: "link", prefsrc: "10.1.0.2", metric: 7 },
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

    // What we asked for is in what we read, and goes back and away by it.
    const read = routeDump(socket, { protocol: 201 });
    expect(read.length).toBe(routes.length);
    batch(read.map((route) => routeDelete(route)));
    expect(routeDump(socket, { protocol: 201 })).toEqual([]);
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

  test("neighbours", () => {
    batch([
      neighNew({ index: BR0, address: ip("10.1.0.50"), mac: mac(9), protocol: 201 }),
      neighNew({ index: BR0, address: ip("fd00::50"), mac: mac(9), state: "noarp", flags: NEIGHBOUR_FLAG.router }),
      neighNew({ index: BR0, address: ip("10.1.0.51"), mac: mac(9), state: "stale" }),
      neighNew({ index: BR0, address: ip("10.1.0.52"), flags: NEIGHBOUR_FLAG.proxy }),
      neighNew({ index: BR0, address: ip("10.1.0.50"), mac: mac(10), protocol: 201 }, "replace"),
      neighNew({ index: BR0, address: ip("10.1.0.53"), mac: mac(9) }),
      neighDelete({ index: BR0, address: ip("10.1.0.53") }),
    ]);
    expect(socket.batch([neighNew({ index: BR0, address: ip("10.1.0.50"), mac: mac(9) })])).toMatchObject([
      { symbol: "EEXIST" },
    ]);
    const theirs = new Map(iprouteJson("-N", "neigh", "show", "nud", "all").map((entry) => [entry["dst"], entry]));
    expect(theirs.get("10.1.0.50")).toMatchObject({ lladdr: `${mac(10)}`, state: ["PERMANENT"], protocol: "201" });
    expect(theirs.get("fd00::50")).toMatchObject({ lladdr: `${mac(9)}`, state: ["NOARP"], router: null });
    expect(theirs.get("10.1.0.51")).toMatchObject({ state: ["STALE"] });
    expect(theirs.get("10.1.0.53")?.["state"]).not.toEqual(["PERMANENT"]);
    expect(iprouteJson("neigh", "show", "proxy")).toMatchObject([{ dst: "10.1.0.52", dev: "br0" }]);
    batch([neighDelete({ index: BR0, address: ip("10.1.0.52"), flags: NEIGHBOUR_FLAG.proxy })]);
    expect(neighDump(socket, { proxy: true })).toEqual([]);
  });

  test("forwarding entries, several remotes for one MAC", () => {
    const zero = Mac.parse("00:00:00:00:00:00");
    batch([
      fdbNew({ index: VX0, mac: mac(20), remote: ip("192.168.0.2") }),
      fdbNew({ index: VX0, mac: mac(20), remote: ip("192.168.0.3") }, "replace"),
      fdbNew({ index: VX0, mac: zero, remote: ip("192.168.0.4") }, "append"),
      fdbNew({ index: VX0, mac: zero, remote: ip("192.168.0.5"), port: 4789, vni: 9, via: BR0 }, "append"),
      fdbNew({ index: VX6, mac: mac(21), remote: ip("fd00::77") }),
      fdbNew({ index: VETH0, mac: mac(22), state: "noarp", flags: NEIGHBOUR_FLAG.master }),
    ]);
    expect(found("vx0", mac(20).toString())).toMatchObject([
      { dst: "192.168.0.3", state: "permanent", flags: ["self"] },
    ]);
    expect(found("vx0", zero.toString())).toMatchObject([
      { dst: "192.168.0.4" },
      { dst: "192.168.0.5", port: 4789, vni: 9, viaIf: "br0" },
    ]);
    expect(found("vx6", mac(21).toString())).toMatchObject([{ dst: "fd00::77" }]);
    expect(found("veth0", mac(22).toString())).toMatchObject([{ master: "br0", state: "static" }]);

    batch([fdbDelete({ index: VX0, mac: zero, remote: ip("192.168.0.4") })]);
    expect(found("vx0", zero.toString())).toMatchObject([{ dst: "192.168.0.5" }]);
    batch(
      fdbDump(socket, { index: VX0 })
        .filter(({ remote }) => remote !== undefined)
        .map((entry) => fdbDelete(entry)),
    );
    expect(fdbDump(socket, { index: VX0 }).filter(({ remote }) => remote !== undefined)).toEqual([]);
  });

  test("rules of every selector and action", () => {
    const before = ruleDump(socket).length;
    batch([
      ruleNew({
        family: 4,
        priority: 50,
        from: net("10.0.0.0/8"),
        to: net("10.1.2.3/32"),
        mark: 0x10,
        markMask: 0xff,
        iif: "lo",
        oif: "br0",
        uidRange: { low: 5, high: 10 },
        ipProtocol: 17,
        sourcePorts: { low: 53, high: 53 },
        destinationPorts: { low: 1000, high: 2000 },
        table: 1000,
        suppressPrefixLength: 3,
        suppressGroup: 4,
        protocol: 201,
      }),
      ruleNew({ family: 4, priority: 51, invert: true, from: net("0.0.0.0/1"), to: net("1.2.3.4/32"), table: 9 }),
      ruleNew({ family: 4, priority: 52, goto: 32_766 }),
      ruleNew({ family: 4, priority: 53, l3mdev: true, protocol: 201 }),
      ruleNew({ family: 4, priority: 54, tos: 0x10, realms: (3 << 16) | 4, table: 3 }),
      ruleNew({ family: 4, priority: 55, tunnelId: 99n, action: "nop" }),
      ruleNew({ family: 6, priority: 56, from: net("fd00::/8"), action: "unreachable" }),
      ruleNew({ family: 6, priority: 57, mark: 7, action: "prohibit" }),
      ruleNew({ family: 4, priority: 58, mark: 7, action: "blackhole" }),
      ruleNew({ family: 6, priority: 59, mark: 8 }),
    ]);
    const theirs = new Map(
      ["-4", "-6"].flatMap((family) => iprouteJson(family, "rule", "show")).map((rule) => [rule["priority"], rule]),
    );
    expect(theirs.get(50)).toMatchObject({
      src: "10.0.0.0",
      srclen: 8,
      dst: "10.1.2.3",
      fwmark: "0x10",
      fwmask: "0xff",
      iif: "lo",
      oif: "br0",
      uid_start: 5,
      uid_end: 10,
      ipproto: "udp",
      sport: 53,
      dport_start: 1000,
      dport_end: 2000,
      table: "1000",
      suppress_prefixlen: 3,
    });
    expect(theirs.get(51)).toMatchObject({ not: null, dst: "1.2.3.4", table: "9" });
    expect(theirs.get(52)).toMatchObject({ goto: 32_766 });
    expect(theirs.get(53)).toMatchObject({ l3mdev: null });
    expect(theirs.get(54)).toMatchObject({ tos: "0x10", flow_from: "3", flow_to: "4" });
    expect(theirs.get(55)).toMatchObject({ tun_id: 99, nop: null });
    expect(theirs.get(56)).toMatchObject({ src: "fd00::", srclen: 8, action: "unreachable" });
    expect(theirs.get(57)).toMatchObject({ action: "prohibit" });
    expect(theirs.get(58)).toMatchObject({ action: "blackhole" });
    expect(theirs.get(59)).toMatchObject({ fwmark: "0x8", table: "main" });
    expect(ruleDump(socket, { protocol: 201 }).map(({ priority }) => priority)).toEqual([50, 53]);

    // Each goes away by what was read of it, but for the flag that only the kernel sets.
    const ours = ruleDump(socket).filter(({ priority = 0 }) => priority >= 50 && priority < 60);
    batch(ours.map((rule) => ruleDelete(rule)));
    expect(ruleDump(socket).length).toBe(before);
  });

  test("a kind we have no words for is read whole and goes back as it came", () => {
    iproute("link", "add", "ifb7", "type", "ifb");
    const { name, kind } = linkGet(socket, { name: "ifb7" })!;
    expect(kind).toEqual({ kind: "other", name: "ifb" });
    batch([linkDelete({ name }), linkNew({ name, kind: kind! })]);
    expect(iprouteJson("link", "show", "ifb7")).toMatchObject([{ linkinfo: { info_kind: "ifb" } }]);
    // The bytes of a known kind, passed as those of an unknown one, reach the kernel as they are.
    const data = Uint8Array.of(8, 0, 4, 0, 0x2c, 0x01, 0, 0);
    batch([linkDelete({ name }), linkNew({ name: "br7", kind: { kind: "other", name: "bridge", data } })]);
    expect(linkGet(socket, { name: "br7" })).toMatchObject({ kind: { kind: "bridge", ageingTime: 300 } });
    batch([linkDelete({ name: "br7" })]);
  });

  test("links go by index and by name, a veth with its peer", () => {
    batch([linkDelete(VX0), linkDelete({ name: "vx6" }), linkDelete({ name: "an-alternative-name-of-some-length" })]);
    batch([linkDelete(VETH0), linkDelete(BR0), linkDelete({ name: "tun0" })]);
    expect(linkDump(socket).map(({ name }) => name)).toEqual(["lo"]);
    expect(other.run(() => iproute("-br", "link", "show"))).not.toContain("eth0");
    expect(socket.batch([linkDelete(VX0), linkSet(VX0, { up: true })])).toMatchObject([
      { symbol: "ENODEV" },
      { symbol: "ENODEV" },
    ]);
  });
});
