// NetlinkSocket against the real kernel, held against what ip(8) says.
import { readdirSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { AttrWriter, readAttrs } from "#kernel/netlink/attr";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message, ReceivedMessage } from "#kernel/netlink/wire";
import type { Sys } from "#kernel/sys";
import { enterFreshNetns, iproute, iprouteJson, throwAwayNetns } from "../support/netns.ts";

const [RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_NEWROUTE, RTM_GETROUTE, RTM_GETADDR] = [16, 17, 18, 24, 26, 22];
const [IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_INFO_KIND] = [3, 4, 18, 1];
const [NLM_F_CREATE, NLM_F_EXCL] = [0x400, 0x200];
const [SOL_SOCKET, SO_RCVBUF] = [1, 8];
const LO = 1;

beforeAll(() => enterFreshNetns());

const get = (name: string): Message => ({
  type: RTM_GETLINK,
  flags: 0,
  payload: new AttrWriter(new Uint8Array(16)).string(IFLA_IFNAME, name).finish(),
});

const newBridge = (name: string, mtu = 1500): Message => ({
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: new AttrWriter(new Uint8Array(16))
    .string(IFLA_IFNAME, name)
    .u32(IFLA_MTU, mtu)
    .nest(IFLA_LINKINFO, (info) => info.string(IFLA_INFO_KIND, "bridge"))
    .finish(),
});

const deleteLink = (name: string): Message => ({ ...get(name), type: RTM_DELLINK });

/** A route to a /32 of 10.0.0.0/8 by number, through lo. */
function newRoute(number: number): Message {
  const rtmsg = Uint8Array.of(2, 32, 0, 0, 254, 253, 253, 1, 0, 0, 0, 0);
  const payload = new AttrWriter(rtmsg)
    .u32be(1, 0x0a00_0000 + number)
    .u32(4, LO)
    .finish();
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL, payload };
}

const dumpOf = (type: number, header: number): Message => ({ type, flags: 0, payload: new Uint8Array(header) });
const names = (links: ReceivedMessage[]): (string | undefined)[] =>
  links.map((link) => readAttrs(link.payload, 16).string(IFLA_IFNAME));

describe("request", () => {
  test("gives the object asked for", () => {
    using socket = NetlinkSocket.open(sys);
    expect(names(socket.request(get("lo")))).toEqual(["lo"]);
  });

  test("changes what it should, and gives nothing", () => {
    using socket = NetlinkSocket.open(sys);
    expect(socket.request(newBridge("br-one", 1234))).toEqual([]);
    expect(iprouteJson("link", "show", "br-one")).toMatchObject([{ ifname: "br-one", mtu: 1234 }]);
    socket.request(deleteLink("br-one"));
    expect(() => iproute("link", "show", "br-one")).toThrow();
  });

  test("says what the kernel says, and where", () => {
    using socket = NetlinkSocket.open(sys);
    const tooLong = newBridge("a-name-of-more-than-15-characters");
    expect(() => socket.request(tooLong)).toThrow(
      expect.objectContaining({
        code: "ERR_NETLINK",
        symbol: "ERANGE",
        offset: 32,
        message: expect.stringContaining("Attribute failed policy validation"),
      }),
    );
    expect(() => socket.request(get("nonexistent"))).toThrow(expect.objectContaining({ symbol: "ENODEV" }));
    expect(() => socket.request(newBridge("lo"))).toThrow(expect.objectContaining({ symbol: "EEXIST" }));
  });
});

describe("batch", () => {
  test("carries out all that can be, in order, with an outcome each", () => {
    using socket = NetlinkSocket.open(sys);
    const outcomes = socket.batch([
      newBridge("br-a"),
      newBridge("br-a"),
      deleteLink("br-nonexistent"),
      newBridge("br-b"),
      deleteLink("br-a"),
    ]);
    expect(outcomes.map((outcome) => outcome?.symbol)).toEqual([undefined, "EEXIST", "ENODEV", undefined, undefined]);
    expect(iprouteJson("link").map((link) => link["ifname"])).toEqual(["lo", "br-b"]);
    socket.request(deleteLink("br-b"));
  });

  test("of twenty thousand messages loses no outcome", () => {
    using space = throwAwayNetns();
    space.run(() => {
      using socket = NetlinkSocket.open(sys);
      const routes = Array.from({ length: 10_000 }, (_, i) => newRoute(i));
      const outcomes = socket.batch([...routes, ...routes]);
      expect(outcomes.slice(0, 10_000).filter((outcome) => outcome !== undefined)).toEqual([]);
      expect(new Set(outcomes.slice(10_000).map((outcome) => outcome?.symbol))).toEqual(new Set(["EEXIST"]));
      expect(iproute("route", "show", "proto", "253").trim().split("\n")).toHaveLength(10_000);
    });
  });

  test("with a receive buffer too small for its answers tells which are lost, and the socket goes on", () => {
    const small: Sys = {
      ...sys,
      // The smallest buffer there is, taken for a large one.
      setsockopt: (fd, level, option, value) =>
        sys.setsockopt(fd, level, level === SOL_SOCKET ? SO_RCVBUF : option, level === SOL_SOCKET ? 1 : value),
      getsockopt: () => 8 << 20,
    };
    using space = throwAwayNetns();
    space.run(() => {
      using socket = NetlinkSocket.open(small);
      const outcomes = socket.batch(Array.from({ length: 500 }, (_, i) => newRoute(i)));
      const symbols = outcomes.map((outcome) => outcome?.symbol);
      expect(new Set(symbols)).toEqual(new Set([undefined, "ENOBUFS"]));
      expect(symbols.indexOf("ENOBUFS")).toBeGreaterThan(0);
      sys.setsockopt(socketFd(), SOL_SOCKET, SO_RCVBUF, 1 << 20);
      expect(names(socket.request(get("lo")))).toEqual(["lo"]);
      expect(socket.dump(dumpOf(RTM_GETROUTE, 12)).length).toBeGreaterThan(500);
    });
  });
});

/** The descriptor made last. */
function socketFd(): number {
  const fds = readdirSync("/proc/self/fd").map(Number);
  return Math.max(...fds.filter((fd) => isNetlink(fd)));
}

function isNetlink(fd: number): boolean {
  try {
    return sys.getsockopt(fd, SOL_SOCKET, 39) === 16;
  } catch {
    return false;
  }
}

/** So many that a dump of them takes several datagrams, more than the kernel makes ahead. */
const LINKS = 120;

/** A Sys with which something happens before the first part of each dump is read, for so many dumps. */
function disturbed(times: number, disturb: (round: number) => void): { sys: Sys; rounds: () => number } {
  let rounds = 0;
  let parts = 0;
  return {
    rounds: () => rounds,
    sys: {
      ...sys,
      send(...args) {
        rounds++;
        parts = 0;
        return sys.send(...args);
      },
      receiveFrom(...args) {
        if (++parts === 1 && rounds <= times) disturb(rounds);
        return sys.receiveFrom(...args);
      },
    },
  };
}

function withLinks(fn: (other: NetlinkSocket) => void): void {
  using space = throwAwayNetns();
  space.run(() => {
    using other = NetlinkSocket.open(sys);
    const links = Array.from({ length: LINKS }, (_, i) => newBridge(`br${i}`));
    expect(other.batch(links).filter(Boolean)).toEqual([]);
    fn(other);
  });
}

describe("dump", () => {
  test("of thousands of routes has them all", () => {
    using space = throwAwayNetns();
    space.run(() => {
      using socket = NetlinkSocket.open(sys);
      expect(socket.batch(Array.from({ length: 5000 }, (_, i) => newRoute(i))).filter(Boolean)).toEqual([]);
      const routes = socket.dump({ type: RTM_GETROUTE, flags: 0, payload: Uint8Array.of(2, ...new Uint8Array(11)) });
      const ours = routes.filter((route) => route.payload[5] === 253);
      expect(new Set(ours.map((route) => readAttrs(route.payload, 12).u32be(1))).size).toBe(5000);
    });
  });

  test("is filtered by the kernel (strict checking)", () => {
    using socket = NetlinkSocket.open(sys);
    // struct ifaddrmsg with an index: without strict checking the kernel would list every device's addresses.
    const header = new Uint8Array(8);
    new DataView(header.buffer).setUint32(4, 9999, true);
    expect(() => socket.dump({ type: RTM_GETADDR, flags: 0, payload: header })).toThrow(
      expect.objectContaining({ symbol: "ENODEV" }),
    );
    const bad = new Uint8Array(16).fill(1);
    expect(() => socket.dump({ type: RTM_GETLINK, flags: 0, payload: bad })).toThrow(
      /EINVAL.*Invalid values in header for link dump request/,
    );
  });

  describe("while links come and go", () => {
    test("is made again until it is of one moment", () => {
      withLinks((other) => {
        const quiet = disturbed(3, (round) => other.request(newBridge(`late${round}`)));
        using socket = NetlinkSocket.open(quiet.sys);
        const found = names(socket.dump(dumpOf(RTM_GETLINK, 16)));
        expect(found).toHaveLength(1 + LINKS + 3);
        expect(found).toEqual(expect.arrayContaining(["late1", "late2", "late3"]));
        expect(quiet.rounds()).toBe(4);
      });
    });

    test("without end is an error", () => {
      withLinks((other) => {
        const restless = disturbed(Infinity, (round) => other.request(newBridge(`late${round}`)));
        using socket = NetlinkSocket.open(restless.sys);
        expect(() => socket.dump(dumpOf(RTM_GETLINK, 16))).toThrow(expect.objectContaining({ symbol: "EINTR" }));
      });
    });
  });
});

describe("the socket", () => {
  test("stays in the namespace it was opened in", () => {
    using space = throwAwayNetns();
    using inside = space.run(() => NetlinkSocket.open(sys));
    inside.request(newBridge("br-inside"));
    expect(space.run(() => iprouteJson("link", "show", "br-inside"))).toHaveLength(1);
    expect(() => iproute("link", "show", "br-inside")).toThrow();
  });

  test("leaves no descriptor behind", () => {
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 100; i++) {
      using socket = NetlinkSocket.open(sys);
      socket.request(get("lo"));
      expect(() => NetlinkSocket.open(sys, 31)).toThrow(expect.objectContaining({ symbol: "EPROTONOSUPPORT" }));
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  test("works beside others at once", () => {
    const sockets = Array.from({ length: 20 }, () => NetlinkSocket.open(sys));
    for (const socket of sockets) expect(names(socket.dump(dumpOf(RTM_GETLINK, 16)))).toContain("lo");
    for (const socket of sockets) socket.close();
  });
});
