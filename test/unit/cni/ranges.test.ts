// host-local's ranges: the order addresses are given out in, and the reference plugin's error texts.
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Fields } from "../../../cni-plugins/fields.ts";
import { asSet, readRange, takeCandidate } from "../../../cni-plugins/ipam/host-local/ranges.ts";
import {
  entryName,
  entryOfContent,
  ownerText,
  parseEntry,
  printEntry,
} from "../../../cni-plugins/ipam/host-local/index-file.ts";
import { parseResolvConf } from "../../../cni-plugins/ipam/host-local/resolv-conf.ts";

const set = (...ranges: object[]) =>
  asSet(ranges.map((range) => readRange(new Fields(range as Record<string, unknown>))));
const order = (last: string | undefined, ...ranges: object[]): string[] => {
  const offered: string[] = [];
  const none = takeCandidate(set(...ranges), last === undefined ? undefined : Address.parse(last), ({ address }) => {
    offered.push(address.toString());
    return false;
  });
  expect(none).toBeUndefined();
  return offered;
};

describe("order", () => {
  const small = { subnet: "10.0.0.0/29" };
  test("from the first host, without gateway and broadcast address", () => {
    expect(order(undefined, small)).toEqual(["2", "3", "4", "5", "6"].map((last) => `10.0.0.${last}`));
    expect(order(undefined, { subnet: "fd00::/126" })).toEqual(["fd00::2", "fd00::3"]);
  });
  test("after the last one given out, and round", () => {
    expect(order("10.0.0.4", small)).toEqual(["5", "6", "2", "3", "4"].map((last) => `10.0.0.${last}`));
    expect(order("10.0.0.6", small)).toEqual(["2", "3", "4", "5", "6"].map((last) => `10.0.0.${last}`));
    expect(order("192.168.0.1", small)).toEqual(order(undefined, small));
  });
  test("through all ranges of a set, each address once", () => {
    const ranges = [
      { subnet: "10.0.0.0/24", rangeStart: "10.0.0.10", rangeEnd: "10.0.0.12", gateway: "10.0.0.11" },
      { subnet: "10.0.1.0/24", rangeStart: "10.0.1.20", rangeEnd: "10.0.1.21" },
    ];
    expect(order(undefined, ...ranges)).toEqual(["10.0.0.10", "10.0.0.12", "10.0.1.20", "10.0.1.21"]);
    expect(order("10.0.1.20", ...ranges)).toEqual(["10.0.1.21", "10.0.0.10", "10.0.0.12", "10.0.1.20"]);
  });
});

describe("refused", () => {
  test.each<[object[], string]>([
    [[{}], "subnet is missing"],
    [[{ subnet: "10.0.0.0/31" }], "Network 10.0.0.0/31 too small to allocate from"],
    [[{ subnet: "fd00::/127" }], "Network fd00::/127 too small to allocate from"],
    [
      [{ subnet: "10.0.0.7/24" }],
      "Network has host bits set. For a subnet mask of length 24 the network address is 10.0.0.0",
    ],
    [[{ subnet: "10.0.0.0/24", rangeStart: "10.0.1.0" }], "RangeStart 10.0.1.0 not in network 10.0.0.0/24"],
    [[{ subnet: "10.0.0.0/24", rangeEnd: "fd00::1" }], "RangeEnd fd00::1 not in network 10.0.0.0/24"],
    [[{ subnet: "10.0.0.0/24" }, { subnet: "fd00::/64" }], "mixed address families"],
    [
      [{ subnet: "10.0.0.0/24" }, { subnet: "10.0.0.0/25" }],
      "subnets 10.0.0.1-10.0.0.254 and 10.0.0.1-10.0.0.126 overlap",
    ],
    [[], "empty range set"],
  ])("%j", (ranges, text) => expect(() => set(...ranges)).toThrow(text));
});

describe("index", () => {
  test("an entry says what it was told", () => {
    const reservations = [
      { address: "10.0.0.2", modified: 1_795_296_255_940_091_831n, boot: "a-b" },
      { address: "fd00::2", modified: 0n, boot: "a-b" },
    ];
    expect(parseEntry(printEntry(reservations))).toEqual(reservations);
    expect(parseEntry("nonsense;10.0.0.2 x y; ;10.0.0.3 5 b")).toEqual([
      { address: "10.0.0.3", modified: 5n, boot: "b" },
    ]);
  });
  test("content, however it was written, leads to its attachment's entry", () => {
    expect(entryOfContent(ownerText("c1", "eth0"))).toBe("c1:eth0");
    expect(entryOfContent("c1\r\neth0\n")).toBe("c1:eth0");
    expect(entryOfContent(ownerText("c1", ""))).toBe("c1:");
    expect(["", " \n", "\0\0"].map(entryOfContent)).toEqual([undefined, undefined, undefined]);
    expect(entryOfContent("../../etc/passwd")).not.toMatch(/^\.|\//);
    expect(entryName("c".repeat(300), "eth0").length).toBeLessThanOrEqual(255);
  });
});

test("resolv.conf", () => {
  const text =
    "; x\nnameserver 1.1.1.1\n nameserver\t2.2.2.2 trailing\ndomain d\nsearch a b\nsearch c\noptions x y\nsortlist z\nnameserver\n";
  expect(parseResolvConf(text)).toEqual({
    nameservers: ["1.1.1.1", "2.2.2.2"],
    domain: "d",
    search: ["a", "b", "c"],
    options: ["x", "y"],
  });
});
