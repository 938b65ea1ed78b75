// Neighbours, forwarding entries and rules made by our messages, in one batch each, and read by `ip` and `bridge`.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { ADDRESS_FLAG, addrNew } from "#kernel/netlink/addr";
import { fdbDelete, fdbDump, fdbNew } from "#kernel/netlink/fdb";
import { linkNew } from "#kernel/netlink/link";
import { NEIGHBOUR_FLAG, neighDelete, neighDump, neighNew } from "#kernel/netlink/neigh";
import { ruleDelete, ruleDump, ruleNew } from "#kernel/netlink/rule";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import type { Json } from "../../support/iproute-json.ts";
import { bridgeJson, enterFreshNetns, iprouteJson } from "../../support/netns.ts";

const ip = (text: string): Address => Address.parse(text);
const net = (text: string): Prefix => Prefix.parse(text);
const mac = (last: number): Mac => Mac.parse(`02:00:00:00:00:${last.toString(16).padStart(2, "0")}`);

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

function found(device: string, address: string): Json[] {
  return bridgeJson("fdb", "show", "dev", device).filter((entry) => entry["mac"] === address);
}

describe("what we make, ip reads", () => {
  test("neighbours", () => {
    // On vx0, which never loses its carrier: the kernel flushes neighbours that are not permanent when a link does.
    batch([
      neighNew({ index: VX0, address: ip("10.1.0.50"), mac: mac(9), protocol: 201 }),
      neighNew({ index: VX0, address: ip("fd00::50"), mac: mac(9), state: "noarp", flags: NEIGHBOUR_FLAG.router }),
      neighNew({ index: VX0, address: ip("10.1.0.51"), mac: mac(9), state: "stale" }),
      neighNew({ index: VX0, address: ip("10.1.0.52"), flags: NEIGHBOUR_FLAG.proxy }),
      neighNew({ index: VX0, address: ip("10.1.0.50"), mac: mac(10), protocol: 201 }, "replace"),
      neighNew({ index: VX0, address: ip("10.1.0.53"), mac: mac(9) }),
      neighDelete({ index: VX0, address: ip("10.1.0.53") }),
    ]);
    expect(socket.batch([neighNew({ index: VX0, address: ip("10.1.0.50"), mac: mac(9) })])).toMatchObject([
      { symbol: "EEXIST" },
    ]);
    const theirs = new Map(iprouteJson("-N", "neigh", "show", "nud", "all").map((entry) => [entry["dst"], entry]));
    expect(theirs.get("10.1.0.50")).toMatchObject({ lladdr: `${mac(10)}`, state: ["PERMANENT"], protocol: "201" });
    expect(theirs.get("fd00::50")).toMatchObject({ lladdr: `${mac(9)}`, state: ["NOARP"], router: null });
    expect(theirs.get("10.1.0.51")).toMatchObject({ state: ["STALE"] });
    expect(theirs.get("10.1.0.53")?.["state"]).not.toEqual(["PERMANENT"]);
    expect(iprouteJson("neigh", "show", "proxy")).toMatchObject([{ dst: "10.1.0.52", dev: "vx0" }]);
    batch([neighDelete({ index: VX0, address: ip("10.1.0.52"), flags: NEIGHBOUR_FLAG.proxy })]);
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
});
