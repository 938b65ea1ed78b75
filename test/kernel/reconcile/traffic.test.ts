// The traffic rules at work: which source address a packet has when it arrives, and the table as nft lists it.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Family } from "#kernel/ip/address";
import { writeSysctl } from "#kernel/sysctl";
import { nftTraffic } from "../../../daemon/traffic/nftables.ts";
import { trafficRules, type TrafficOptions } from "../../../daemon/traffic/rules.ts";
import { makeNetwork, podOf, subnetOf, underlayOf } from "../../support/fabric.ts";
import { addPod, joinHosts, leasesFor, makeHost, type Host } from "../../support/hosts.ts";

const families = [4, 6] as const;

function nft(host: Host, ...args: readonly string[]): string {
  return host.netns.run(() => execFileSync("nft", args, { encoding: "utf8" }));
}

async function reconcile(host: Host, hosts: readonly Host[], options: Partial<TrafficOptions> = {}): Promise<void> {
  const all = { masquerade: true, fullyRandom: true, forward: true, ...options };
  const rules = trafficRules(makeNetwork({ families }), host.node, all);
  const { reconciler } = host.reconcile({ families, extras: nftTraffic(rules, "loden", all) });
  reconciler.replaceLeases(leasesFor(hosts, host, { families }));
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
}

describe("the table", () => {
  test("is what it should be, in nft's words", async () => {
    const host = makeHost(1);
    try {
      await reconcile(host, [host]);
      // As people do who keep their ruleset in a file.
      host.netns.run(() => execFileSync("nft", ["-c", "-f", "-"], { input: nft(host, "list", "ruleset") }));
      expect(nft(host, "list", "ruleset").replaceAll("\t", "  ")).toMatchInlineSnapshot(`
        "table inet loden {
          chain postrouting {
            type nat hook postrouting priority srcnat; policy accept;
            meta nfproto ipv4 meta mark & 0x00004000 == 0x00004000 return
            ip saddr 10.5.1.0/24 ip daddr 10.5.0.0/16 return
            ip saddr 10.5.0.0/16 ip daddr 10.5.1.0/24 return
            ip saddr != 10.5.0.0/16 ip daddr 10.5.1.0/24 return
            ip saddr 10.5.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random
            ip saddr != 10.5.0.0/16 ip daddr 10.5.0.0/16 masquerade fully-random
            meta nfproto ipv6 meta mark & 0x00004000 == 0x00004000 return
            ip6 saddr fd00:5:1::/64 ip6 daddr fd00:5::/32 return
            ip6 saddr fd00:5::/32 ip6 daddr fd00:5:1::/64 return
            ip6 saddr != fd00:5::/32 ip6 daddr fd00:5:1::/64 return
            ip6 saddr fd00:5::/32 ip6 daddr != ff00::/8 masquerade fully-random
            ip6 saddr != fd00:5::/32 ip6 daddr fd00:5::/32 masquerade fully-random
          }
        }
        "
      `);
    } finally {
      host[Symbol.dispose]();
    }
  });
});

describe("the source address of what arrives", () => {
  let hosts: [Host, Host, Host];
  let underlay: Disposable;

  /** Hosts 1 and 2 are the fabric's; host 3 is the world outside. */
  beforeAll(async () => {
    hosts = [makeHost(1), makeHost(2), makeHost(3)];
    underlay = joinHosts(hosts);
    for (const host of hosts) {
      addPod(host, families);
      nft(host, "add table inet probe; add chain inet probe in { type filter hook prerouting priority -300; }");
    }
    await reconcile(hosts[0], hosts.slice(0, 2));
    await reconcile(hosts[1], hosts.slice(0, 2));
    for (const [index, family] of families.entries()) {
      const forwarding = index === 0 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
      for (const host of hosts) host.netns.run(() => writeSysctl(forwarding, "1"));
      // The way back to pods that are not hidden, which only un-masqueraded packets need.
      hosts[2].ip("route", "add", subnetOf(1, family).toString(), "via", underlayOf(1, family).toString());
    }
  });
  afterAll(() => {
    underlay[Symbol.dispose]();
    for (const host of hosts) host[Symbol.dispose]();
  });

  /** Sends an echo request and tells whether the receiver saw it come from `seen`. */
  async function arrives(
    from: Host,
    source: string,
    to: Host,
    destination: string,
    seen: string,
    more: readonly string[] = [],
  ): Promise<boolean> {
    const family: Family = destination.includes(":") ? 6 : 4;
    const [ip, icmp] = family === 4 ? ["ip", "icmp"] : ["ip6", "icmpv6"];
    nft(to, `flush chain inet probe in; add rule inet probe in ${ip} saddr ${seen} ${icmp} type echo-request counter`);
    const args = ["-n", "-q", "-c", "1", "-W", "1", "-I", source, ...more, destination];
    await once(
      from.netns.run(() => spawn("ping", args, { stdio: "ignore" })),
      "close",
    );
    return /counter packets [1-9]/.test(nft(to, "list", "chain", "inet", "probe", "in"));
  }
  const pod = (host: Host, family: Family): string => podOf(host.n, family).address.toString();
  const node = (host: Host, family: Family): string => underlayOf(host.n, family).toString();

  test.each(families)("pod to pod keeps it, family %i", async (family) => {
    const [a, b] = hosts;
    expect(await arrives(a, pod(a, family), b, pod(b, family), pod(a, family))).toBe(true);
  });

  test.each(families)("pod to the world is the node's, family %i", async (family) => {
    const [a, , world] = hosts;
    expect(await arrives(a, pod(a, family), world, node(world, family), node(a, family))).toBe(true);
  });

  test.each(families)(
    "host to a remote pod is the tunnel's, as flannel's iptables rules have it, family %i",
    async (family) => {
      const [a, b] = hosts;
      const tunnel = subnetOf(1, family).first.toString();
      expect(await arrives(a, node(a, family), b, pod(b, family), tunnel)).toBe(true);
    },
  );

  test("what kube-proxy marked is left to it", async () => {
    const [a, , world] = hosts;
    const marked = ["-m", `${0x4000 | 1}`];
    expect(await arrives(a, pod(a, 4), world, node(world, 4), pod(a, 4), marked)).toBe(true);
  });

  test("the world to a pod keeps it", async () => {
    const [a, , world] = hosts;
    expect(await arrives(world, node(world, 4), a, pod(a, 4), node(world, 4))).toBe(true);
  });
});
