// What the verbs make of the kernel's answers where they are not simply decoded: "none" is only said on proof.
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { NetlinkError } from "#kernel/netlink/error";
import { linkGet } from "#kernel/netlink/link";
import { routeDump, routeGet } from "#kernel/netlink/route";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message, ReceivedMessage } from "#kernel/netlink/wire";

const [ENOENT, EPERM, ENODEV, EINVAL] = [2, 1, 19, 22];

/** A socket whose every answer is this one. */
function answering(answer: () => ReceivedMessage[]): NetlinkSocket {
  const stand: Pick<NetlinkSocket, "request" | "dump" | "stream"> = {
    request: answer,
    dump: answer,
    stream: () => answer().values() as unknown as Generator<ReceivedMessage>,
  };
  return stand as NetlinkSocket;
}

const refusing = (errno: number): NetlinkSocket =>
  answering(() => {
    throw new NetlinkError(errno);
  });

describe("linkGet", () => {
  test("undefined when the kernel says that there is no such device", () => {
    expect(linkGet(refusing(ENODEV), { name: "eth0" })).toBeUndefined();
    expect(linkGet(refusing(ENODEV), { index: 7 })).toBeUndefined();
  });

  test("any other refusal is an error, and so is silence", () => {
    expect(() => linkGet(refusing(EPERM), { name: "eth0" })).toThrow(expect.objectContaining({ symbol: "EPERM" }));
    expect(() => linkGet(refusing(EINVAL), { index: 7 })).toThrow(expect.objectContaining({ symbol: "EINVAL" }));
    const silent = answering(() => []);
    expect(() => linkGet(silent, { name: "eth0" })).toThrow(expect.objectContaining({ code: "ERR_NETLINK_DECODE" }));
  });

  test.each([
    ["eth0", 3],
    ["fifteen-letters", 3],
    ["sixteen--letters", 53],
    ["ünf-mit-umlaut", 3],
    ["fünfzehn-umläut", 53],
  ])("%s is asked for by attribute %i", (name, attribute) => {
    const asked: Message[] = [];
    const socket = { request: (message: Message) => (asked.push(message), []) } as unknown as NetlinkSocket;
    expect(() => linkGet(socket, { name })).toThrow("RTM_GETLINK");
    expect(new DataView(asked[0]!.payload.buffer).getUint16(18, true)).toBe(attribute);
  });
});

describe("routes", () => {
  test("a table that does not exist is empty; without a table, ENOENT is an error", () => {
    expect(routeDump(refusing(ENOENT), { table: 1000 })).toEqual([]);
    expect(() => routeDump(refusing(ENOENT))).toThrow(expect.objectContaining({ symbol: "ENOENT" }));
    expect(() => routeDump(refusing(EPERM), { table: 1000 })).toThrow(expect.objectContaining({ symbol: "EPERM" }));
  });

  test("what an old kernel sends in spite of the filter is left out, cached routes always", () => {
    const route = (table: number, protocol: number, flags: number): ReceivedMessage => ({
      type: 24,
      flags: 2,
      sequence: 1,
      portId: 1,
      payload: Uint8Array.of(2, 0, 0, 0, table, protocol, 0, 1, flags & 0xff, flags >> 8, 0, 0),
    });
    const socket = answering(() => [route(254, 201, 0), route(254, 3, 0), route(255, 201, 0), route(254, 201, 0x200)]);
    expect(routeDump(socket, { family: 4, table: 254, protocol: 201 })).toMatchObject([{ table: 254, protocol: 201 }]);
    expect(routeDump(socket, { family: 4 }).length).toBe(3);
    expect(routeDump(socket, { family: 4, oif: 3 })).toEqual([]);
  });

  test("silence to routeGet is an error", () => {
    expect(() =>
      routeGet(
        answering(() => []),
        Address.parse("10.0.0.1"),
      ),
    ).toThrow(expect.objectContaining({ code: "ERR_NETLINK_DECODE" }));
  });
});
