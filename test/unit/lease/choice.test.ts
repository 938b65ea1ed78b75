// Which lease a starting node takes: the order of spec/decisions/lease-ownership.md.
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { describe, expect, test } from "vitest";
import { chooseLease, type Claimant, leftovers } from "../../../daemon/lease/choice.ts";
import { parseNetwork } from "../../../daemon/lease/network.ts";
import type { Entry } from "../../../daemon/store/port.ts";

const network = parseNetwork('{"Network":"10.3.0.0/16","Backend":{"Type":"vxlan"}}');
const random = { next: () => 0 };
const US = "192.168.0.1";

function claimant(previous?: string): Claimant {
  return {
    nodeId: "us",
    publicAddress: { 4: Address.parse(US) },
    previous: previous === undefined ? undefined : { 4: Prefix.parse(previous) },
  };
}

function entry(key: string, publicIp: string, nodeId?: string, lease = 7n): Entry {
  const value = JSON.stringify({ PublicIP: publicIp, PublicIPv6: null, NodeID: nodeId });
  return { key, value, modRevision: 5n, createRevision: 5n, lease };
}

function choice(entries: readonly Entry[], previous?: string): string {
  const chosen = chooseLease({ entries }, claimant(previous), network, random);
  return `${chosen.type} ${"key" in chosen ? chosen.key : chosen.entry.key}`;
}

const FOREIGN = entry("10.3.1.0-24", "192.168.0.9", "other");

/** Of a node that had our address, and cannot tell where it is. */
const LEFT: Entry = {
  ...entry("10.3.5.0-24", US),
  value: JSON.stringify({ PublicIP: US, NodeID: "other", Vacated: [US] }),
};

const BROKEN: Entry = { ...entry("10.3.9.0-24", US), value: "{" };

describe("chooseLease", () => {
  test("a subnet that another took is let go after a reboot: no container can be in it", () => {
    const rebooted = { ...claimant("10.3.9.0/24"), isFreshBoot: true };
    const entries = [entry("10.3.9.0-24", "192.168.0.9", "other")];
    expect(chooseLease({ entries }, rebooted, network, random)).toMatchObject({ type: "create", key: "10.3.1.0-24" });
  });

  test("after a reboot a subnet that is none of the network's any more is let go", () => {
    const rebooted = { ...claimant("10.3.9.0/25"), isFreshBoot: true };
    expect(chooseLease({ entries: [] }, rebooted, network, random)).toMatchObject({
      type: "create",
      key: "10.3.1.0-24",
    });
  });

  test.each<[string, Entry[], string | undefined, string]>([
    ["a first start takes a free subnet", [FOREIGN], undefined, "create 10.3.2.0-24"],
    ["our own record is taken up", [FOREIGN, entry("10.3.5.0-24", US, "us")], undefined, "own 10.3.5.0-24"],
    ["so is one that flannel left for our address", [entry("10.3.5.0-24", US)], undefined, "own 10.3.5.0-24"],
    ["the subnet file's subnet is taken when it is free", [FOREIGN], "10.3.9.0/24", "create 10.3.9.0-24"],
    ["and before another record of ours", [entry("10.3.5.0-24", US, "us")], "10.3.9.0/24", "create 10.3.9.0-24"],
    [
      "our record for it comes first",
      [entry("10.3.5.0-24", US, "us"), entry("10.3.9.0-24", US, "us")],
      "10.3.9.0/24",
      "own 10.3.9.0-24",
    ],
    [
      "our address may have changed meanwhile",
      [entry("10.3.9.0-24", "172.16.0.1", "us")],
      "10.3.9.0/24",
      "own 10.3.9.0-24",
    ],
    [
      "it is kept when somebody else has it: containers are in it",
      [entry("10.3.9.0-24", "192.168.0.9", "other")],
      "10.3.9.0/24",
      "lost 10.3.9.0-24",
    ],
    [
      "and when somebody has a part of it",
      [entry("10.3.9.128-25", "192.168.0.9", "other")],
      "10.3.9.0/24",
      "lost 10.3.9.0-24",
    ],
    [
      "and when a flannel with another address has it",
      [entry("10.3.9.0-24", "192.168.0.9")],
      "10.3.9.0/24",
      "lost 10.3.9.0-24",
    ],
    ["and when a record that cannot be read is there", [BROKEN], "10.3.9.0/24", "lost 10.3.9.0-24"],
    [
      "a dispute over it is waited for",
      [entry("10.3.9.0-24", US, "other"), entry("10.3.5.0-24", US, "us")],
      "10.3.9.0/24",
      "disputed 10.3.9.0-24",
    ],
    ["it is not taken outside the network", [], "10.99.9.0/24", "create 10.3.1.0-24"],
    ["with another length it is kept: SubnetLen is for new leases", [], "10.3.9.0/25", "create 10.3.9.0-25"],
    ["but not with the length of a network", [], "10.3.0.0/16", "create 10.3.1.0-24"],
    [
      "another node with our address is a dispute",
      [entry("10.3.5.0-24", US, "other")],
      undefined,
      "disputed 10.3.5.0-24",
    ],
    ["unless that one has left it", [LEFT], undefined, "create 10.3.1.0-24"],
    ["so is our id at another address", [entry("10.3.5.0-24", "172.16.0.1", "us")], undefined, "disputed 10.3.5.0-24"],
    [
      "a record of ours beats a dispute",
      [entry("10.3.4.0-24", US, "other"), entry("10.3.5.0-24", US, "us")],
      undefined,
      "own 10.3.5.0-24",
    ],
    ["what no longer fits is discarded", [entry("10.99.5.0-24", US, "us")], undefined, "discard 10.99.5.0-24"],
    ["but not when it is a reservation", [entry("10.99.5.0-24", US, undefined, 0n)], undefined, "create 10.3.1.0-24"],
    [
      "a reservation comes before other records of ours",
      [entry("10.3.4.0-24", US, "us"), entry("10.3.5.0-24", US, undefined, 0n)],
      undefined,
      "own 10.3.5.0-24",
    ],
    ["a value that cannot be read occupies its subnet", [{ ...FOREIGN, value: "{" }], undefined, "create 10.3.2.0-24"],
    ["a key that cannot be read occupies nothing", [{ ...FOREIGN, key: "10.3.1.0" }], undefined, "create 10.3.1.0-24"],
  ])("%s", (_, entries, previous, expected) => {
    expect(choice(entries, previous)).toBe(expected);
  });
});

test("leftovers are our other leases, without reservations and others' records", () => {
  const entries = [
    FOREIGN,
    entry("10.3.2.0-24", US, "us"),
    entry("10.3.3.0-24", US, "us"),
    entry("10.3.4.0-24", US),
    entry("10.3.5.0-24", US, undefined, 0n),
    entry("10.3.6.0-24", US, "other"),
    { ...FOREIGN, key: "10.3.7.0-24", value: "{" },
  ];
  const keys = leftovers(entries, claimant(), "10.3.3.0-24").map(({ key }) => key);
  expect(keys).toEqual(["10.3.2.0-24", "10.3.4.0-24"]);
});
