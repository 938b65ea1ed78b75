// Notifications of the real kernel on the event loop: all of them, in order, told when some are lost, and nothing after
// the end or left behind.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { AttrWriter, readAttrs } from "#kernel/netlink/attr";
import { NFNLGRP_NFTABLES, RTNLGRP_IPV4_ROUTE, RTNLGRP_LINK } from "#kernel/netlink/constants";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { watchNetlink } from "#kernel/netlink/watch";
import type { Message, ReceivedMessage } from "#kernel/netlink/wire";
import { openNftables } from "#kernel/nft/nftables";
import type { Sys } from "#kernel/sys";
import { enterFreshNetns, iproute, throwAwayNetns } from "../support/netns.ts";
import { runProcess } from "../support/processes.ts";

const [RTM_NEWLINK, RTM_DELLINK, RTM_NEWROUTE, RTM_DELROUTE] = [16, 17, 24, 25];
const [SOL_SOCKET, SO_RCVBUF, SO_RCVBUFFORCE] = [1, 8, 33];
const NLM_F_CREATE = 0x400;
const LO = 1;

beforeAll(() => enterFreshNetns());

/** A route to a /32 of 10.0.0.0/8 by number, through lo. */
function route(type: number, number: number): Message {
  const rtmsg = Uint8Array.of(2, 32, 0, 0, 254, 253, 253, 1, 0, 0, 0, 0);
  const payload = new AttrWriter(rtmsg)
    .u32be(1, 0x0a00_0000 + number)
    .u32(4, LO)
    .finish();
  return { type, flags: NLM_F_CREATE, payload };
}

const linkName = (message: ReceivedMessage): string | undefined => readAttrs(message.payload, 16).string(3);
const routeNumber = (message: ReceivedMessage): number => (readAttrs(message.payload, 12).u32be(1) ?? 0) - 0x0a00_0000;
const unexpected = (): never => expect.unreachable("an overrun");
const descriptors = (): number => readdirSync("/proc/self/fd").length;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turns the event loop until something holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** A Sys whose sockets have receive buffers of a few KiB, whatever is asked for. */
const cramped: Sys = {
  ...sys,
  setsockopt(fd, level, option, value) {
    const isBuffer = level === SOL_SOCKET && (option === SO_RCVBUF || option === SO_RCVBUFFORCE);
    sys.setsockopt(fd, level, isBuffer ? SO_RCVBUF : option, isBuffer ? 1 : value);
  },
};

/** Watches until `isEnough` says so of all messages so far. */
function collect(groups: readonly number[], isEnough: (all: ReceivedMessage[]) => boolean): Promise<ReceivedMessage[]> {
  return new Promise((resolve) => {
    const all: ReceivedMessage[] = [];
    const watch = watchNetlink(
      sys,
      groups,
      (messages) => {
        expect(messages.length).toBeGreaterThan(0);
        all.push(...messages);
        if (!isEnough(all)) return;
        watch[Symbol.dispose]();
        resolve(all);
      },
      unexpected,
    );
  });
}

describe("watchNetlink", () => {
  test("tells of links that come and go, of whoever's making", async () => {
    const seen = collect([RTNLGRP_LINK], (all) => all.some((message) => message.type === RTM_DELLINK));
    iproute("link", "add", "br-watched", "type", "bridge");
    iproute("link", "del", "br-watched");
    const messages = await seen;
    expect(new Set(messages.map(linkName))).toEqual(new Set(["br-watched"]));
    expect(messages[0]?.type).toBe(RTM_NEWLINK);
    expect(messages.at(-1)?.type).toBe(RTM_DELLINK);
  });

  test("tells of the groups asked for only", async () => {
    const seen = collect([RTNLGRP_IPV4_ROUTE], (all) => all.length >= 2);
    iproute("link", "add", "br-other", "type", "bridge");
    iproute("link", "del", "br-other");
    using socket = NetlinkSocket.open(sys);
    socket.batch([route(RTM_NEWROUTE, 1), route(RTM_DELROUTE, 1)]);
    expect((await seen).map((message) => message.type)).toEqual([RTM_NEWROUTE, RTM_DELROUTE]);
  });

  test("gives thousands in order, many in one call", async () => {
    const count = 5000;
    let calls = 0;
    const seen = collect([RTNLGRP_IPV4_ROUTE], (all) => {
      calls++;
      return all.length >= count;
    });
    using space = NetlinkSocket.open(sys);
    space.batch(Array.from({ length: count }, (_, i) => route(RTM_NEWROUTE, i)));
    expect((await seen).map(routeNumber)).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(calls).toBeLessThan(100);
    space.batch(Array.from({ length: count }, (_, i) => route(RTM_DELROUTE, i)));
  });

  test("tells of nftables", async () => {
    const seen = new Promise<ReceivedMessage[]>((resolve) => {
      const watch = watchNetlink(
        sys,
        [NFNLGRP_NFTABLES],
        (messages) => {
          watch[Symbol.dispose]();
          resolve(messages);
        },
        unexpected,
        { protocol: 12 },
      );
    });
    using nftables = openNftables(sys);
    nftables.run([{ add: { table: { family: "ip", name: "watched" } } }]);
    // NFNL_SUBSYS_NFTABLES in the upper byte, NFT_MSG_NEWTABLE in the lower.
    expect((await seen)[0]?.type).toBe(0x0a00);
    nftables.run([{ delete: { table: { family: "ip", name: "watched" } } }]);
  });

  test("stays in the namespace it was made in", async () => {
    using space = throwAwayNetns();
    const { seen } = space.run(() => ({ seen: collect([RTNLGRP_LINK], (all) => all.length > 0) }));
    iproute("link", "add", "br-outside", "type", "bridge");
    iproute("link", "del", "br-outside");
    space.run(() => iproute("link", "add", "br-inside", "type", "bridge"));
    expect(new Set((await seen).map(linkName))).toEqual(new Set(["br-inside"]));
  });

  test("refuses a group that does not exist, and leaves no descriptor", () => {
    const before = descriptors();
    expect(() => watchNetlink(sys, [9999], unexpected, unexpected)).toThrow(
      expect.objectContaining({ code: "ERR_SYSCALL", symbol: "EINVAL" }),
    );
    expect(descriptors()).toBe(before);
  });
});

describe("an overrun", () => {
  test("is told, after what could be read, and the watch goes on", async () => {
    using socket = NetlinkSocket.open(sys);
    for (let round = 0; round < 3; round++) {
      const log: (number | "overrun")[] = [];
      const watch = await new Promise<Disposable>((resolve) => {
        const made = watchNetlink(
          cramped,
          [RTNLGRP_IPV4_ROUTE],
          (messages) => log.push(...messages.map(routeNumber)),
          () => {
            log.push("overrun");
            resolve(made);
          },
        );
        socket.batch(Array.from({ length: 1000 }, (_, i) => route(RTM_NEWROUTE, i)));
      });
      expect(log.at(-1)).toBe("overrun");
      expect(log.length).toBeLessThan(1000);
      expect(log.slice(0, -1)).toEqual(Array.from({ length: log.length - 1 }, (_, i) => i));

      // One change after another: each is seen, and the overrun is not told again.
      for (let i = 0; i < 20; i++) {
        const before = log.length;
        socket.request(route(RTM_DELROUTE, i));
        await until(() => log.length > before);
        expect(log.slice(before)).toEqual([i]);
      }
      watch[Symbol.dispose]();
      socket.batch(Array.from({ length: 1000 }, (_, i) => route(RTM_DELROUTE, i)));
    }
  });

  test("happens again and again, and each is told", async () => {
    using socket = NetlinkSocket.open(sys);
    const overruns: number[] = [];
    const watch = watchNetlink(
      cramped,
      [RTNLGRP_IPV4_ROUTE],
      () => undefined,
      () => void overruns.push(1),
    );
    for (let i = 1; i <= 20; i++) {
      socket.batch(Array.from({ length: 200 }, (_, n) => route(i % 2 === 1 ? RTM_NEWROUTE : RTM_DELROUTE, n)));
      await until(() => overruns.length >= i);
      expect(overruns).toHaveLength(i);
    }
    watch[Symbol.dispose]();
  });

  test("may end the watch", async () => {
    using socket = NetlinkSocket.open(sys);
    await new Promise<void>((resolve) => {
      const watch = watchNetlink(
        cramped,
        [RTNLGRP_IPV4_ROUTE],
        () => undefined,
        () => {
          watch[Symbol.dispose]();
          resolve();
        },
      );
      socket.batch(Array.from({ length: 1000 }, (_, i) => route(RTM_NEWROUTE, i)));
    });
    socket.batch(Array.from({ length: 1000 }, (_, i) => route(RTM_DELROUTE, i)));
  });

  test("is what a datagram that cannot be read counts as", async () => {
    const broken: Sys = {
      ...sys,
      receiveFrom(fd, buffer, flags) {
        const received = sys.receiveFrom(fd, buffer, flags);
        // The first message's length, which no longer fits.
        buffer[0] = 1;
        return received;
      },
    };
    const messages: ReceivedMessage[] = [];
    await new Promise<void>((resolve) => {
      const watch = watchNetlink(
        broken,
        [RTNLGRP_LINK],
        (some) => messages.push(...some),
        () => {
          watch[Symbol.dispose]();
          resolve();
        },
      );
      iproute("link", "add", "br-broken", "type", "bridge");
    });
    expect(messages).toEqual([]);
    iproute("link", "del", "br-broken");
  });

  test("is what a message from another process is not: it is dropped", async () => {
    const forged: Sys = {
      ...sys,
      receiveFrom(fd, buffer, flags) {
        const received = sys.receiveFrom(fd, buffer, flags);
        // As if from port id 1.
        if (received.length > 0) received.from[4] = 1;
        return received;
      },
    };
    const watch = watchNetlink(forged, [RTNLGRP_LINK], unexpected, unexpected);
    const seen = collect([RTNLGRP_LINK], (all) => all.some((message) => message.type === RTM_DELLINK));
    iproute("link", "add", "br-forged", "type", "bridge");
    iproute("link", "del", "br-forged");
    await seen;
    await turn();
    watch[Symbol.dispose]();
  });
});

describe("the end", () => {
  test("comes at once: nothing that was on its way arrives", async () => {
    using socket = NetlinkSocket.open(sys);
    const disposed = watchNetlink(sys, [RTNLGRP_IPV4_ROUTE], unexpected, unexpected);
    const seen = collect([RTNLGRP_IPV4_ROUTE], (all) => all.length >= 2);
    socket.batch([route(RTM_NEWROUTE, 1), route(RTM_DELROUTE, 1)]);
    disposed[Symbol.dispose]();
    disposed[Symbol.dispose]();
    await seen;
    await turn();
  });

  test("may come between libuv's call and the reading", async () => {
    using socket = NetlinkSocket.open(sys);
    let isAsked = false;
    const watch: Disposable = watchNetlink(
      {
        ...sys,
        receiveFrom(...args) {
          isAsked = true;
          return sys.receiveFrom(...args);
        },
      },
      [RTNLGRP_IPV4_ROUTE],
      unexpected,
      unexpected,
    );
    // Timers run before polling and immediates after it: this immediate is there first, and so comes before the watch's.
    await new Promise<void>((resolve) => {
      setTimeout(() => {
        setImmediate(() => {
          watch[Symbol.dispose]();
          resolve();
        });
        socket.batch([route(RTM_NEWROUTE, 1), route(RTM_DELROUTE, 1)]);
      }, 0);
    });
    await turn();
    expect(isAsked).toBe(false);
  });

  test("of one watch, within its own callback, leaves others alone", async () => {
    using socket = NetlinkSocket.open(sys);
    const all = Array.from({ length: 50 }, (_, i) => collect([RTNLGRP_IPV4_ROUTE], (seen) => seen.length > i * 2));
    for (let i = 0; i < 60; i++) {
      socket.batch([route(RTM_NEWROUTE, i), route(RTM_DELROUTE, i)]);
      await turn();
    }
    const counts = (await Promise.all(all)).map((seen) => seen.length);
    counts.forEach((count, i) => expect(count).toBeGreaterThan(i * 2));
  });

  test("a thousand times over leaves nothing behind, whatever the collector does", async () => {
    using socket = NetlinkSocket.open(sys);
    await turn();
    const before = descriptors();
    for (let i = 0; i < 1000; i++) {
      const watch = watchNetlink(sys, [RTNLGRP_IPV4_ROUTE, RTNLGRP_LINK], () => undefined, unexpected);
      socket.batch([route(RTM_NEWROUTE, 1), route(RTM_DELROUTE, 1)]);
      if (i % 3 === 0) await turn();
      watch[Symbol.dispose]();
      if (i % 100 === 0) globalThis.gc?.();
    }
    await turn();
    expect(descriptors()).toBe(before);
  });

  test("lets the process end, which a watch does not", async () => {
    const script = fileURLToPath(new URL("../support/watch-process.ts", import.meta.url));
    const run = await runProcess(process.execPath, ["--expose-gc", script]);
    expect(run).toEqual({ status: 0, signal: null, stdout: "seen\nafter a promise\nended\n", stderr: "" });
  });
});
