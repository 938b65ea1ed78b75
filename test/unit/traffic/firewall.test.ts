// The choice of the firewall, the rules in iptables' words, the source filter, and what is said of other firewalls.
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { composeFabric } from "../../../daemon/fabric.ts";
import { endOfWay, acceptsNetwork } from "../../../daemon/node/firewall.ts";
import { Prefix } from "#kernel/ip/prefix";
import { parseSave } from "#kernel/iptables/save";
import { judgeBarriers, type Barrier } from "../../../daemon/traffic/barriers.ts";
import { chooseFirewall, FIREWALLS } from "../../../daemon/traffic/firewall.ts";
import { peerSources, sourceFilter } from "../../../daemon/traffic/source-filter.ts";
import { makeFabric, makeLease, makeNetwork, TEST_MARKS } from "../../support/fabric.ts";

const { nftTable, peersTable } = TEST_MARKS;

describe("the firewall", () => {
  test.each([
    ["auto", undefined, "nftables"],
    ["auto", true, "nftables"],
    ["auto", false, "default"],
    ["nftables", false, "nftables"],
    ["iptables", true, "default"],
    ["iptables-nft", undefined, "nft"],
    ["iptables-legacy", undefined, "legacy"],
  ] as const)("with --firewall=%s and EnableNFTables %s is %s", (flag, enableNFTables, choice) => {
    expect(FIREWALLS).toContain(flag);
    expect(chooseFirewall(flag, { enableNFTables })).toBe(choice);
  });
});

/** The rules of a table in short: `== "@peers4", accept`. */
function rulesOf(tunnels: Parameters<typeof sourceFilter>[0]): string[] {
  const [table] = sourceFilter(tunnels, "t");
  const content = (table?.kind === "nft-table" ? table.spec.content : []) as readonly {
    readonly add: { readonly rule?: { readonly expr: readonly Record<string, unknown>[] } };
  }[];
  return content.flatMap(({ add: { rule } }) =>
    rule === undefined
      ? []
      : [
          rule.expr
            .map((part) => {
              const match = part["match"] as { op: string; right: unknown } | undefined;
              if ("goto" in part) return `goto ${(part["goto"] as { target: string }).target}`;
              return match === undefined ? Object.keys(part)[0] : `${match.op} ${JSON.stringify(match.right)}`;
            })
            .join(", "),
        ],
  );
}

describe("the source filter", () => {
  test("of one VXLAN lets peers and others' VNIs pass", () => {
    expect(rulesOf([{ family: 4, port: 8472, vni: 1 }])).toEqual([
      '== "@peers4", accept',
      '== 8472, == "ipv4", goto port8472v4',
      "!= 1, return",
      "counter, drop",
    ]);
  });

  test("of two VNIs on one port judges both", () => {
    expect(
      rulesOf([
        { family: 6, port: 8472, vni: 1 },
        { family: 6, port: 8472, vni: 2 },
      ])[2],
    ).toBe('!= {"set":[1,2]}, return');
  });

  test("of a port without VNIs judges all that comes to it, beside a VXLAN on the same port too", () => {
    const bare = { family: 4, port: 8285 } as const;
    expect(rulesOf([bare])).toEqual(['== "@peers4", accept', '== 8285, == "ipv4", goto port8285v4', "counter, drop"]);
    expect(rulesOf([bare, { ...bare, vni: 1 }])).toHaveLength(3);
  });

  test("is nothing without tunnels", () => {
    expect(sourceFilter([], "t")).toEqual([]);
    expect(peerSources([], makeLease(2), "t")).toEqual([]);
  });

  test("has a lease's address per family of a tunnel, and none that it lacks", () => {
    const tunnels = [4, 6].map((family) => ({ family: family as 4 | 6, port: 1 }));
    const keys = (families: readonly (4 | 6)[]): string[] =>
      peerSources(tunnels, makeLease(2, { families }), "t").map(({ key }) => key);
    expect(keys([4, 6])).toEqual(["nft-element inet t peers4 192.168.0.2", "nft-element inet t peers6 fd99::2"]);
    expect(keys([4])).toEqual(["nft-element inet t peers4 192.168.0.2"]);
  });

  test.each([
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ])("asked for: %s, peers known: %s, is wanted: %s", (asked, arePeersKnown, isWanted) => {
    const { network, node, backends } = makeFabric();
    const rules = {
      masquerade: false,
      fullyRandom: false,
      forward: false,
      blackhole: false,
      firewall: "auto",
    } as const;
    const options = { ...rules, sourceFilter: asked, nftTable, peersTable };
    const fabric = composeFabric(network, node, backends, options, { arePeersKnown, accepts: [] });
    const peer = fabric.backends[0]!.peer(node, makeLease(2), 4).map(({ kind }) => kind);
    expect(fabric.extras.some(({ kind }) => kind === "nft-table")).toBe(isWanted);
    expect(peer.includes("nft-element")).toBe(isWanted);
    expect(peer.includes("route")).toBe(true);
  });

  test("takes two nodes behind one address for one, until both have gone", () => {
    const lease = { ...makeLease(3), publicAddress: { 4: Address.parse("192.168.0.2") } };
    const tunnels = [{ family: 4, port: 1 }] as const;
    expect(peerSources(tunnels, lease, "t")[0]?.key).toBe(peerSources(tunnels, makeLease(2), "t")[0]?.key);
  });
});

describe("another firewall", () => {
  const { ranges } = makeNetwork();
  const policy: Barrier = { kind: "iptables", family: 4, variant: "nft", hasDockerUser: false, hasPrograms: true };

  test("of a family that the network has not is no matter", () => {
    const situation = { flag: "nftables", choice: "nftables", defaultVariant: "nft", ranges } as const;
    expect(judgeBarriers([{ ...policy, family: 6 }], situation).problems.size).toBe(0);
    expect(judgeBarriers([policy], situation).problems.size).toBe(1);
  });

  test("whose programs are missing is told of also with auto", () => {
    const situation = { flag: "auto", choice: "nftables", defaultVariant: undefined, ranges } as const;
    const { accepts, problems } = judgeBarriers([{ ...policy, hasPrograms: false }], situation);
    expect(accepts).toEqual([]);
    expect([...problems.values()][0]?.message).toContain("iptables-nft installed");
  });

  test("that rules for all packets end, in front of ours alone", () => {
    const chain = (rules: string[]): { policy: string; rules: string[] } => ({ policy: "ACCEPT", rules });
    expect(endOfWay(chain(["-s 10.0.0.0/8 -j DROP", "-j REJECT"]))).toBe("-j REJECT");
    expect(endOfWay(chain(["-m comment --comment x -j FLANNEL-FWD", "-j REJECT"]))).toBeUndefined();
    expect(endOfWay(chain([]))).toBeUndefined();
  });

  test.each([
    [["-s 10.5.0.0/16", "-d 10.5.0.0/16"], true],
    [["-s 10.0.0.0/8", "-d 10.0.0.0/8"], true],
    [["-s 10.5.0.0/16"], false],
    [["-s 10.5.1.0/24", "-d 10.5.1.0/24"], false],
  ])("that accepts %j has been told of the network: %s", (matches, expected) => {
    const rules = matches.map((match) => `-A DOCKER-USER ${match} -j ACCEPT`).join("\n");
    const saved = parseSave(`*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n${rules}\nCOMMIT\n`);
    expect(acceptsNetwork(saved.get("filter")!, Prefix.parse("10.5.0.0/16"))).toBe(expected);
  });
});
