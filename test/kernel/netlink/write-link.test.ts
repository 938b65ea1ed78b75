// Links made by our messages, in few batches, and read by `ip -d -j`.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { tunOpen } from "#kernel/netlink/kind/tun";
import { linkAltNames, linkDelete, linkDump, linkGet, linkNew, linkSet } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import { enterFreshNetns, iproute, iprouteJson, throwAwayNetns } from "../../support/netns.ts";

const ip = (text: string): Address => Address.parse(text);
const mac = (last: number): Mac => Mac.parse(`02:00:00:00:00:${last.toString(16).padStart(2, "0")}`);

/** The indexes are asked for, so that one batch can both make a link and refer to it. */
const BR0 = 100;
const VETH0 = 101;
const VX0 = 102;
const VX6 = 103;
const MV0 = 104;

const other = throwAwayNetns();
let socket: NetlinkSocket;

/** One batch in which nothing may fail. */
function batch(messages: readonly Message[]): void {
  expect(socket.batch(messages).map((outcome) => outcome?.message)).toEqual(messages.map(() => undefined));
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

  test("a kind we have no words for is read whole, and its bytes reach the kernel as they are", () => {
    iproute("link", "add", "under7", "type", "bridge");
    iproute("link", "add", "link", "under7", "name", "tap7", "type", "macvtap", "mode", "private");
    expect(linkGet(socket, { name: "tap7" })?.kind).toMatchObject({
      kind: "other",
      name: "macvtap",
      data: expect.any(Uint8Array),
    });
    batch([linkDelete({ name: "tap7" }), linkDelete({ name: "under7" })]);
    // The bytes of a known kind, passed as those of an unknown one.
    const data = Uint8Array.of(8, 0, 4, 0, 0x2c, 0x01, 0, 0);
    batch([linkNew({ name: "br7", kind: { kind: "other", name: "bridge", data } })]);
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
