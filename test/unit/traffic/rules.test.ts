// The traffic rules, held against flannel's iptables rules as its own tests print them: both are evaluated for packets
// between every kind of place.
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { nftTraffic } from "../../../daemon/traffic/nftables.ts";
import { trafficRules, type PrefixMatch, type TrafficRule } from "../../../daemon/traffic/rules.ts";
import { makeNetwork, makeNode } from "../../support/fabric.ts";

const ALL = { masquerade: true, fullyRandom: true, forward: true };

interface Packet {
  readonly source: Address;
  readonly destination: Address;
  readonly mark: number;
}

/** What `iptables -S` shows of flannel's chains, with C the network and P the node's own subnet. */
const FLANNEL = {
  masquerade: `
    -m mark --mark 0x4000/0x4000 -j RETURN
    -s P -d C -j RETURN
    -s C -d P -j RETURN
    ! -s C -d P -j RETURN
    -s C ! -d M -j MASQUERADE
    ! -s C -d C -j MASQUERADE`,
  forward: `
    -s C -j ACCEPT
    -d C -j ACCEPT`,
};

function flannelVerdict(chain: keyof typeof FLANNEL, packet: Packet, places: Readonly<Record<string, Prefix>>): string {
  for (const line of FLANNEL[chain].trim().split("\n")) {
    const words = line.trim();
    const mark = words.includes("--mark") ? (packet.mark & 0x4000) === 0x4000 : true;
    const side = (flag: string, address: Address): boolean => {
      const found = new RegExp(`(! )?-${flag} ([CPM])`).exec(words);
      return found === null || places[found[2]!]!.contains(address) === (found[1] === undefined);
    };
    if (mark && side("s", packet.source) && side("d", packet.destination))
      return / -j (\w+)/.exec(words)![1]!.toLowerCase();
  }
  return "nothing";
}

function ourVerdict(rules: readonly TrafficRule[], chain: TrafficRule["chain"], packet: Packet): string {
  const holds = (match: PrefixMatch | undefined, address: Address): boolean =>
    match === undefined || match.prefix.contains(address) !== match.negate;
  const rule = rules.find(
    (each) =>
      each.chain === chain &&
      each.family === packet.source.family &&
      ((each.markBits ?? 0) & packet.mark) === (each.markBits ?? 0) &&
      holds(each.source, packet.source) &&
      holds(each.destination, packet.destination),
  );
  return rule?.verdict ?? "nothing";
}

describe.each([
  [
    4,
    "10.5.0.0/16",
    "10.5.1.0/24",
    "224.0.0.0/4",
    ["10.5.1.7", "10.5.1.0", "10.5.2.7", "192.168.0.1", "8.8.8.8", "224.0.0.251"],
  ],
  [6, "fd00:5::/32", "fd00:5:1::/64", "ff00::/8", ["fd00:5:1::7", "fd00:5:2::7", "fd99::1", "2001:db8::1", "ff02::1"]],
] as const)("family %i", (family, network, own, multicast, addresses) => {
  const places = { C: Prefix.parse(network), P: Prefix.parse(own), M: Prefix.parse(multicast) };
  const rules = trafficRules(makeNetwork({ families: [4, 6] }), makeNode(1), ALL);
  const packets = addresses.flatMap((source) =>
    addresses.flatMap((destination) =>
      [0, 0x4000, 0xc001, 0x8000].map((mark) => ({
        source: Address.parse(source),
        destination: Address.parse(destination),
        mark,
      })),
    ),
  );

  test.each(["masquerade", "forward"] as const)("%s means what flannel's rules mean", (chain) => {
    const verdicts = new Set<string>();
    for (const packet of packets) {
      const verdict = ourVerdict(rules, chain, packet);
      verdicts.add(verdict);
      expect(verdict, `${packet.source.toString()} to ${packet.destination.toString()} mark ${packet.mark}`).toBe(
        flannelVerdict(chain, packet, places),
      );
    }
    expect(verdicts).toEqual(
      new Set(chain === "forward" ? ["accept", "nothing"] : ["return", "masquerade", "nothing"]),
    );
  });

  test("only families of the network have rules", () => {
    const alone = trafficRules(makeNetwork({ families: [family] }), makeNode(1), ALL);
    expect(new Set(alone.map((rule) => rule.family))).toEqual(new Set([family]));
  });
});

test("each of the two is there when it is asked for", () => {
  const chains = (options: Partial<typeof ALL>): string[] => [
    ...new Set(trafficRules(makeNetwork(), makeNode(1), { ...ALL, ...options }).map(({ chain }) => chain)),
  ];
  expect(chains({ masquerade: false })).toEqual(["forward"]);
  expect(chains({ forward: false })).toEqual(["masquerade"]);
  expect(chains({ forward: false, masquerade: false })).toEqual([]);
});

test("without a lease nothing is masqueraded, as what is ours is not known", () => {
  const rules = trafficRules(makeNetwork(), { ...makeNode(1), subnet: {} }, ALL);
  expect(rules.map(({ chain }) => chain)).toEqual(["forward", "forward"]);
});

describe("as an nftables table", () => {
  const rules = trafficRules(makeNetwork(), makeNode(1), ALL);

  test("no rules are no table, and forward rules are none", () => {
    const forward = rules.filter(({ chain }) => chain === "forward");
    expect(forward).not.toEqual([]);
    expect(nftTraffic(forward, "loden", { fullyRandom: true })).toEqual([]);
  });

  test.each([
    [true, { flags: "fully-random" }],
    [false, null],
  ])("ports are fully random when asked for: %s", (fullyRandom, masquerade) => {
    const [table] = nftTraffic(rules, "loden", { fullyRandom });
    const text = JSON.stringify(table?.spec);
    expect(text).toContain(JSON.stringify({ masquerade }));
    expect(text).not.toContain(JSON.stringify({ masquerade: fullyRandom ? null : { flags: "fully-random" } }));
  });

  test("the key is the table's", () => {
    expect(nftTraffic(rules, "loden-1", { fullyRandom: true })[0]?.key).toBe("nft-table inet loden-1");
  });
});
