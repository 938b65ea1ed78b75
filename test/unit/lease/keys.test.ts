// Lease keys against flannel's own cases (TestSubnetNodev4, v6, Invalid) and the form that Loden adds.
import { Prefix } from "#kernel/ip/prefix";
import { describe, expect, test } from "vitest";
import { parseSubnetKey, subnetKey } from "../../../daemon/lease/keys.ts";

const text = (key: string): Record<string, string> | undefined => {
  const subnets = parseSubnetKey(key);
  return subnets && Object.fromEntries(Object.entries(subnets).map(([family, prefix]) => [family, prefix.toString()]));
};

describe("parseSubnetKey", () => {
  test.each([
    ["10.12.13.0-24", { 4: "10.12.13.0/24" }],
    ["10.12.13.0-24&fd00:12:13::-56", { 4: "10.12.13.0/24", 6: "fd00:12:13::/56" }],
    ["&fd00:12:13::-56", { 6: "fd00:12:13::/56" }],
    // Host bits are kept, lengths may have leading zeros: Go reads them so.
    ["10.5.1.7-24", { 4: "10.5.1.7/24" }],
    ["10.5.1.0-024", { 4: "10.5.1.0/24" }],
    ["0.0.0.0-0", { 4: "0.0.0.0/0" }],
    ["255.255.255.255-31", { 4: "255.255.255.255/31" }],
  ])("%s", (key, expected) => {
    expect(text(key)).toEqual(expected);
  });

  test.each([
    "",
    "&",
    "10.12.13.0",
    "10.12.13.0-",
    "10.12.13.300-24",
    "10.12.13.0-24-",
    "10.12.13.0-24x",
    "x10.12.13.0-24",
    "10.12.13.0-32",
    "10.12.13.0-33",
    "10.12-24",
    "10.012.13.0-24",
    "fd00:12:13::-56",
    "10.12.13.0-24&",
    "10.12.13.0-24&fd00:12:13::",
    "10.12.13.0-24&fd00:12:13::-",
    "10.12.13.0-24&fd00:12:13::-128",
    "10.12.13.0-24&fd00:12:::13-56",
    "10.12.13.0-24&FD00:12:13::-56",
    "10.12.13.0-24&10.12.13.0-24",
    "10.12.13.0-24fd00:12:13::-56",
    "10.12.13.0-24\n",
    "subnets/10.12.13.0-24",
    "config",
  ])("%j is no lease key", (key) => {
    expect(parseSubnetKey(key)).toBeUndefined();
  });
});

describe("subnetKey", () => {
  test.each([
    [{ 4: "10.5.52.0/24" }, "10.5.52.0-24"],
    [{ 4: "10.12.13.9/24", 6: "fd00:12:13:0:1::/56" }, "10.12.13.0-24&fd00:12:13::-56"],
    [{ 6: "fc00:0:0:1::/64" }, "&fc00:0:0:1::-64"],
  ])("%j", (subnets, key) => {
    const prefixes = Object.fromEntries(Object.entries(subnets).map(([family, cidr]) => [family, Prefix.parse(cidr)]));
    expect(subnetKey(prefixes)).toBe(key);
  });
});
