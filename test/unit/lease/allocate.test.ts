// Allocation of subnets.
import { Prefix } from "#kernel/ip/prefix";
import { describe, expect, test } from "vitest";
import { chooseSubnet, chooseSubnets, fitsNetwork } from "../../../daemon/lease/allocate.ts";
import { parseNetwork } from "../../../daemon/lease/network.ts";

const network = parseNetwork('{"Network":"10.3.0.0/16","Backend":{"Type":"vxlan"}}');
const small = parseNetwork('{"Network":"10.3.0.0/22","SubnetLen":24,"Backend":{"Type":"vxlan"}}');
const always = (value: number) => ({ next: () => value });
const prefixes = (...texts: string[]): Prefix[] => texts.map((text) => Prefix.parse(text));

describe("chooseSubnet", () => {
  test("ranges over all free subnets, from SubnetMin to SubnetMax", () => {
    expect(chooseSubnet(network.ranges[4]!, [], always(0))?.toString()).toBe("10.3.1.0/24");
    expect(chooseSubnet(network.ranges[4]!, [], always(0.999_999_999_9))?.toString()).toBe("10.3.255.0/24");
  });

  test("gives each free subnet to an equal share of the draws", () => {
    const seen = new Map<string, number>();
    for (let draw = 0; draw < 300; draw++) {
      const subnet = chooseSubnet(small.ranges[4]!, prefixes("10.3.2.0/24"), always(draw / 300))!.toString();
      seen.set(subnet, (seen.get(subnet) ?? 0) + 1);
    }
    expect(Object.fromEntries(seen)).toEqual({ "10.3.1.0/24": 150, "10.3.3.0/24": 150 });
  });

  test("steps over whatever overlaps: shorter, longer and touching prefixes, in any order, twice", () => {
    const taken = prefixes("10.3.3.128/25", "10.3.2.0/23", "10.3.0.0/24", "10.3.3.128/25", "10.4.0.0/16", "fd00::/8");
    expect(chooseSubnet(small.ranges[4]!, taken, always(0.7))?.toString()).toBe("10.3.1.0/24");
    expect(chooseSubnet(small.ranges[4]!, [...taken, ...prefixes("10.3.1.64/30")], always(0.7))).toBeUndefined();
    expect(chooseSubnet(small.ranges[4]!, prefixes("10.0.0.0/8"), always(0))).toBeUndefined();
  });

  test("finds a place among four thousand million", () => {
    const text = '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/32","Backend":{"Type":"vxlan"}}';
    const range = parseNetwork(text).ranges[6]!;
    expect(chooseSubnet(range, prefixes("fd00::/33"), always(0))?.toString()).toBe("fd00:0:8000::/64");
    expect(chooseSubnet(range, prefixes("fd00:0:8000::/33"), always(0.999_999_999_999))?.toString()).toBe(
      "fd00:0:7fff:ffff::/64",
    );
  });
});

describe("chooseSubnets", () => {
  test("takes one of each family", () => {
    const dual = parseNetwork(
      '{"Network":"10.3.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48","Backend":{"Type":"vxlan"}}',
    );
    const chosen = chooseSubnets(
      dual,
      [{ 4: Prefix.parse("10.3.1.0/24") }, { 6: Prefix.parse("fd00:0:0:1::/64") }],
      always(0),
    );
    expect([chosen[4]?.toString(), chosen[6]?.toString()]).toEqual(["10.3.2.0/24", "fd00:0:0:2::/64"]);
    expect(fitsNetwork(dual, chosen)).toBe(true);
    expect(fitsNetwork(network, chosen)).toBe(false);
    expect(fitsNetwork(dual, { 4: chosen[4]! })).toBe(false);
  });

  test("says when there is none", () => {
    const taken = prefixes("10.3.0.0/22").map((subnet) => ({ 4: subnet }));
    expect(() => chooseSubnets(small, taken, always(0))).toThrowError(
      /^out of subnets: all 3 of \/24 from 10.3.1.0 to 10.3.3.0/,
    );
    expect(() => chooseSubnets(small, taken, always(0))).toThrowError(
      expect.objectContaining({ code: "ERR_OUT_OF_SUBNETS" }),
    );
  });
});

describe("subnets released lately", () => {
  const three = { subnets: ["10.3.3.0/24", "10.3.1.0/24", "10.3.2.0/24"].map((text) => ({ 4: Prefix.parse(text) })) };
  const chosen = (released: Parameters<typeof chooseSubnets>[3], ...taken: string[]): string => {
    const draws = [0, 0.5, 0.999].map((draw) => chooseSubnets(small, leased(taken), always(draw), released)[4]);
    return [...new Set(draws.map(String))].toSorted().join(" ");
  };
  const leased = (taken: readonly string[]) => prefixes(...taken).map((subnet) => ({ 4: subnet }));

  test("wait while there is any other", () => {
    const { subnets } = three;
    expect(chosen({ subnets: subnets.slice(0, 2), spread: 0 })).toBe("10.3.2.0/24");
    expect(chosen({ subnets: subnets.slice(0, 1), spread: 5 })).toBe("10.3.1.0/24 10.3.2.0/24");
  });

  test("are taken in the order of their release, the taken ones left out", () => {
    expect(chosen({ ...three, spread: 0 })).toBe("10.3.3.0/24");
    expect(chosen({ ...three, spread: 0 }, "10.3.3.0/24")).toBe("10.3.1.0/24");
    expect(chosen({ ...three, spread: 0 }, "10.3.3.0/24", "10.3.1.0/25")).toBe("10.3.2.0/24");
    expect(() => chosen({ ...three, spread: 0 }, "10.3.0.0/22")).toThrow(/out of subnets/);
  });

  test("are as good as the first for who lost races", () => {
    expect(chosen({ ...three, spread: 1 })).toBe("10.3.1.0/24 10.3.3.0/24");
    expect(chosen({ ...three, spread: 127 })).toBe("10.3.1.0/24 10.3.2.0/24 10.3.3.0/24");
  });

  test("of any size are avoided where they overlap", () => {
    expect(chosen({ subnets: leased(["10.3.2.0/23", "fd00::/64"]), spread: 0 })).toBe("10.3.1.0/24");
  });
});

describe("fitsNetwork", () => {
  test.each([
    ["10.3.1.0/24", true],
    ["10.3.255.0/24", true],
    ["10.3.0.0/24", false],
    ["10.3.1.0/25", false],
    ["10.3.1.1/24", false],
    ["10.4.1.0/24", false],
  ])("%s: %s", (subnet, expected) => {
    expect(fitsNetwork(network, { 4: Prefix.parse(subnet) })).toBe(expected);
  });
});
