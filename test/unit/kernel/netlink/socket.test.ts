// NetlinkSocket against a scripted kernel: answers that the real one gives rarely or never. The real one is in
// test/kernel/netlink-socket.test.ts.
import { describe, expect, test } from "vitest";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { decodeMessages, encodeMessages } from "#kernel/netlink/wire";
import type { Message, ReceivedMessage } from "#kernel/netlink/wire";
import { Errno } from "#kernel/sys";
import type { Sys } from "#kernel/sys";

const FD = 77;
const PORT = 4242;
const [EINTR, EAGAIN, EBUSY, ENOPROTOOPT, ENOBUFS, ETIMEDOUT] = [4, 11, 16, 92, 105, 110];
const [NLMSG_ERROR, NLMSG_DONE] = [2, 3];
const [MULTI, DUMP_INTR] = [2, 0x10];
const MSG_PEEK = 2;
const SOL_NETLINK = 270;

/** A datagram, or an errno, that the next receive gives. */
type Answer = { readonly bytes: Uint8Array; readonly sender?: number } | { readonly errno: number };

const address = (portId: number): Uint8Array => new Uint8Array(new Uint32Array([16, portId, 0]).buffer);
const int32 = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer);

function datagram(
  messages: readonly (Message & { sequence: number; portId?: number })[],
  sender = 0,
): { bytes: Uint8Array; sender: number } {
  const parts = messages.map((message) => encodeMessages([message], message.sequence, message.portId ?? PORT));
  return { bytes: Uint8Array.from(Buffer.concat(parts)), sender };
}

const ack = (sequence: number, errno = 0) => ({
  type: NLMSG_ERROR,
  flags: 0,
  sequence,
  payload: Uint8Array.from(Buffer.concat([int32(-errno), new Uint8Array(16)])),
});
const object = (sequence: number, tag: number, flags = MULTI) => ({
  type: 16,
  flags,
  sequence,
  payload: Uint8Array.of(tag, 0, 0, 0),
});
const done = (sequence: number, errno = 0) => ({ type: NLMSG_DONE, flags: MULTI, sequence, payload: int32(-errno) });

interface Kernel {
  readonly sys: Sys;
  readonly sent: ReceivedMessage[][];
  readonly closed: number[];
  /** Whether somebody would still have to read. */
  readonly queue: Answer[];
}

/** A kernel that answers each send with what the script makes of it. */
function kernel(
  script: (messages: ReceivedMessage[], round: number) => Answer[],
  overrides: Partial<Sys> = {},
): Kernel {
  const [sent, closed, queue]: [ReceivedMessage[][], number[], Answer[]] = [[], [], []];
  const sys: Partial<Sys> = {
    socket: () => FD,
    close: (fd) => void closed.push(fd),
    bind: () => undefined,
    connect: () => undefined,
    getsockname: () => address(PORT),
    setsockopt: () => undefined,
    getsockopt: () => 1 << 20,
    poll: () => (queue.length > 0 ? 1 : 0),
    send(_fd, data) {
      const messages = decodeMessages(data.slice());
      sent.push(messages);
      queue.push(...script(messages, sent.length));
      return data.length;
    },
    receive(_fd, _buffer, flags) {
      expect(flags & MSG_PEEK).toBe(MSG_PEEK);
      const next = queue[0];
      return next === undefined ? -EAGAIN : "errno" in next ? -next.errno : next.bytes.length;
    },
    receiveFrom(_fd, buffer) {
      const next = queue.shift();
      if (next === undefined) return { length: -EAGAIN, from: new Uint8Array(0) };
      if ("errno" in next) return { length: -next.errno, from: new Uint8Array(0) };
      buffer.set(next.bytes.subarray(0, buffer.length));
      return { length: next.bytes.length, from: address(next.sender ?? 0) };
    },
    ...overrides,
  };
  return { sys: sys as Sys, sent, closed, queue };
}

const request: Message = { type: 18, flags: 0, payload: new Uint8Array(16) };
const tags = (messages: ReceivedMessage[]): (number | undefined)[] => messages.map((message) => message.payload[0]);
const sequenceOf = (messages: ReceivedMessage[]): number => messages[0]!.sequence;

describe("open", () => {
  test("does without options that an old kernel lacks", () => {
    const old: Partial<Sys> = {
      setsockopt(_fd, level) {
        if (level === SOL_NETLINK) throw new Errno(ENOPROTOOPT, "setsockopt");
      },
    };
    expect(() => NetlinkSocket.open(kernel(() => [], old).sys)).not.toThrow();
  });

  test("closes the descriptor when it fails", () => {
    const refusing: Partial<Sys> = {
      bind() {
        throw new Errno(1, "bind");
      },
    };
    const { sys, closed } = kernel(() => [], refusing);
    expect(() => NetlinkSocket.open(sys)).toThrow("EPERM");
    expect(closed).toEqual([FD]);
  });
});

describe("request", () => {
  test("asks for an acknowledgement and gives what comes before it", () => {
    const { sys, sent } = kernel((m) => [datagram([object(sequenceOf(m), 1, 0)]), datagram([ack(sequenceOf(m))])]);
    const replies = NetlinkSocket.open(sys).request(request);
    expect(replies.map((reply) => reply.payload[0])).toEqual([1]);
    expect(sent[0]).toMatchObject([{ type: 18, flags: 5, portId: PORT }]);
  });

  test("believes neither other senders nor answers to other sockets or requests", () => {
    const { sys } = kernel((m) => [
      datagram([ack(sequenceOf(m), 1)], 999),
      datagram([{ ...ack(sequenceOf(m), 1), portId: PORT + 1 }]),
      datagram([ack(sequenceOf(m) + 100, 1), object(sequenceOf(m) - 1, 9)]),
      datagram([object(sequenceOf(m), 1), ack(sequenceOf(m))]),
    ]);
    expect(NetlinkSocket.open(sys).request(request)).toHaveLength(1);
  });

  test("gives up when no answer comes", () => {
    const socket = NetlinkSocket.open(kernel(() => []).sys);
    expect(() => socket.request(request)).toThrow(expect.objectContaining({ errno: ETIMEDOUT, code: "ERR_NETLINK" }));
  });

  test("waits a second for a kernel that keeps silent, and next to nothing while it goes on to", () => {
    const waits: number[] = [];
    const { sys, queue } = kernel((m, round) => (round === 4 ? [datagram([ack(sequenceOf(m))])] : []));
    const poll = (_entries: unknown, timeout: number): number => {
      waits.push(timeout);
      return queue.length > 0 ? 1 : 0;
    };
    const socket = NetlinkSocket.open({ ...sys, poll });
    for (let round = 1; round <= 6; round++) {
      if (round === 4) socket.request(request);
      else expect(() => socket.request(request)).toThrow(expect.objectContaining({ errno: ETIMEDOUT }));
    }
    expect(waits).toEqual([1_000, 10, 10, 10, 10]);
  });

  test("reads answers of any size", () => {
    const payload = new Uint8Array(200_000).fill(5);
    const { sys } = kernel((m) => [
      datagram([{ ...object(sequenceOf(m), 1), payload }]),
      datagram([ack(sequenceOf(m))]),
    ]);
    expect(NetlinkSocket.open(sys).request(request)[0]?.payload).toEqual(payload);
  });

  test("says what the send was refused for", () => {
    const socket = NetlinkSocket.open(kernel(() => [], { send: () => -111 }).sys);
    expect(() => socket.request(request)).toThrow(expect.objectContaining({ symbol: "ECONNREFUSED" }));
  });

  test("malformed answers are ERR_NETLINK_DECODE", () => {
    const { sys } = kernel(() => [{ bytes: new Uint8Array(20) }]);
    expect(() => NetlinkSocket.open(sys).request(request)).toThrow(
      expect.objectContaining({ code: "ERR_NETLINK_DECODE" }),
    );
  });
});

describe("batch", () => {
  test("sends no more at once than the receive buffer holds acknowledgements for", () => {
    const { sys, sent } = kernel((m) => [datagram(m.map((one) => ack(one.sequence)))], { getsockopt: () => 20_480 });
    expect(NetlinkSocket.open(sys).batch(Array.from({ length: 25 }, () => request))).toEqual(
      Array.from({ length: 25 }),
    );
    expect(sent.map((messages) => messages.length)).toEqual([10, 10, 5]);
  });

  test("sends no more at once than the send buffer takes, but one message at least", () => {
    const large: Message = { ...request, payload: new Uint8Array(3000) };
    const { sys, sent } = kernel((m) => [datagram(m.map((one) => ack(one.sequence)))], { getsockopt: () => 8192 });
    NetlinkSocket.open(sys).batch([large, large, large, { ...request, payload: new Uint8Array(20_000) }]);
    expect(sent.map((messages) => messages.length)).toEqual([2, 1, 1]);
  });

  test("an answer to each, in whatever order and datagrams they come", () => {
    const { sys } = kernel((m) => [
      datagram([ack(m[2]!.sequence, 17), ack(m[0]!.sequence)]),
      datagram([ack(m[1]!.sequence, 2)]),
    ]);
    const outcomes = NetlinkSocket.open(sys).batch([request, request, request]);
    expect(outcomes.map((outcome) => outcome?.symbol)).toEqual([undefined, "ENOENT", "EEXIST"]);
  });

  test("answers that were lost are errors, and those that were not count", () => {
    const { sys, queue } = kernel((m) => [
      datagram([ack(m[0]!.sequence)]),
      { errno: ENOBUFS },
      datagram([ack(m[1]!.sequence)]),
    ]);
    const outcomes = NetlinkSocket.open(sys).batch([request, request, request]);
    expect(outcomes.map((outcome) => outcome?.symbol)).toEqual([undefined, undefined, "ENOBUFS"]);
    expect(outcomes[2]?.message).toContain("may have been made or not");
    expect(queue).toEqual([]);
  });

  test("an answer that the kernel left out is not waited for", () => {
    const { sys } = kernel((m) => [datagram([ack(m[0]!.sequence), ack(m[2]!.sequence)])], {
      poll: () => expect.unreachable("waited"),
    });
    const outcomes = NetlinkSocket.open(sys).batch([request, request, request]);
    expect(outcomes.map((outcome) => outcome?.symbol)).toEqual([undefined, "ETIMEDOUT", undefined]);
  });

  test("nothing to send is nothing to do", () => {
    const { sys, sent } = kernel(() => []);
    expect(NetlinkSocket.open(sys).batch([])).toEqual([]);
    expect(sent).toEqual([]);
  });
});

describe("dump", () => {
  test("gathers all parts", () => {
    const { sys, sent } = kernel((m) => [
      datagram([object(sequenceOf(m), 1), object(sequenceOf(m), 2)]),
      datagram([object(sequenceOf(m), 3), done(sequenceOf(m))]),
    ]);
    expect(tags(NetlinkSocket.open(sys).dump(request))).toEqual([1, 2, 3]);
    expect(sent[0]?.[0]?.flags).toBe(0x301);
  });

  test("is made again while it is inconsistent, however late that shows", () => {
    const { sys } = kernel((m, round) => [
      datagram([object(sequenceOf(m), round, round === 1 ? MULTI | DUMP_INTR : MULTI)]),
      datagram([{ ...done(sequenceOf(m)), flags: round === 2 ? MULTI | DUMP_INTR : MULTI }]),
    ]);
    expect(tags(NetlinkSocket.open(sys).dump(request))).toEqual([3]);
  });

  test("that never is consistent is an error, never half a list", () => {
    const { sys, sent } = kernel((m) => [datagram([object(sequenceOf(m), 1, MULTI | DUMP_INTR), done(sequenceOf(m))])]);
    expect(() => NetlinkSocket.open(sys).dump(request)).toThrow(expect.objectContaining({ errno: EINTR }));
    expect(sent).toHaveLength(16);
  });

  test("that lost a part is made again once the rest was read", () => {
    const { sys } = kernel((m, round) =>
      round === 1
        ? [
            datagram([object(sequenceOf(m), 1)]),
            { errno: ENOBUFS },
            datagram([object(sequenceOf(m), 3), done(sequenceOf(m))]),
          ]
        : [datagram([object(sequenceOf(m), 4), done(sequenceOf(m))])],
    );
    expect(tags(NetlinkSocket.open(sys).dump(request))).toEqual([4]);
  });

  test("waits its turn behind one that was given up", () => {
    const { sys } = kernel((m, round) =>
      round === 1
        ? [datagram([ack(sequenceOf(m), EBUSY)]), datagram([object(1_000_000, 9)])]
        : [datagram([object(sequenceOf(m), 4), done(sequenceOf(m))])],
    );
    expect(tags(NetlinkSocket.open(sys).dump(request))).toEqual([4]);
  });

  test.each([
    ["at its start", (m: ReceivedMessage[]) => [datagram([ack(sequenceOf(m), 95)])], "EOPNOTSUPP"],
    ["at its end", (m: ReceivedMessage[]) => [datagram([object(sequenceOf(m), 1), done(sequenceOf(m), 22)])], "EINVAL"],
    ["by silence", () => [], "ETIMEDOUT"],
  ])("refused %s is an error", (_, script, symbol) => {
    expect(() => NetlinkSocket.open(kernel(script).sys).dump(request)).toThrow(expect.objectContaining({ symbol }));
  });
});

describe("close", () => {
  test("is done once, and ends all use", () => {
    const { sys, closed } = kernel(() => []);
    const socket = NetlinkSocket.open(sys);
    socket.close();
    socket[Symbol.dispose]();
    expect(closed).toEqual([FD]);
    expect(() => socket.request(request)).toThrow(expect.objectContaining({ code: "ERR_INTERNAL" }));
  });
});
