// The traffic rules through iptables, in both of its variants and families, as `iptables -S` shows them; their repair; and
// the change from one firewall to the other.
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Family } from "#kernel/ip/address";
import { composeFabric, type ExtrasOptions } from "../../../daemon/fabric.ts";
import type { AcceptPlace, Firewall } from "../../../daemon/traffic/firewall.ts";
import { makeFabric, makeLease, TEST_MARKS } from "../../support/fabric.ts";
import { makeHost, type Host, type Running } from "../../support/hosts.ts";

const families = [4, 6] as const;

let host: Host;
let running: Running;
let end: AbortController;

beforeEach(() => {
  host = makeHost(1);
  end = new AbortController();
  running = host.reconcile({ families }, end.signal);
});
afterEach(() => host[Symbol.dispose]());

function options(firewall: Firewall, more: Partial<ExtrasOptions> = {}): ExtrasOptions {
  const { nftTable, peersTable } = TEST_MARKS;
  const all = { masquerade: true, fullyRandom: true, forward: true, blackhole: false, sourceFilter: false };
  return { ...all, nftTable, peersTable, firewall, ...more };
}

async function configure(
  firewall: Firewall,
  more: Partial<ExtrasOptions> = {},
  accepts: readonly AcceptPlace[] = [],
  { reconciler }: Running = running,
): Promise<void> {
  const { network, node, backends } = makeFabric({ families }, host.node);
  reconciler.configure(
    composeFabric(network, node, backends, options(firewall, more), { arePeersKnown: true, accepts }),
  );
  reconciler.replaceLeases([makeLease(2, { families })]);
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
}

function run(program: string, ...args: readonly string[]): string {
  return host.netns.run(() => execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
}

const program = (family: Family, variant: string): string => `${family === 4 ? "iptables" : "ip6tables"}-${variant}`;
const shown = (family: Family, variant: string): string =>
  [run(program(family, variant), "-t", "nat", "-S"), run(program(family, variant), "-t", "filter", "-S")].join("");
const without = (text: string): string =>
  text
    .split("\n")
    .filter((line) => line.includes("FLANNEL"))
    .join("\n");

/** Once nothing of ours is altered from outside any more. */
async function repaired(act: () => void): Promise<void> {
  const drift = running.event(({ type }) => type === "drift");
  act();
  await drift;
  await running.reconciler.settled();
}

describe.each(["nft", "legacy"] as const)("iptables-%s", (variant) => {
  const firewall = `iptables-${variant}` as const;

  test("has flannel's chains, in flannel's words and order", async () => {
    await configure(firewall);
    // What flannel's own end-to-end tests expect, with the networks of this test.
    expect(without(shown(4, variant))).toBe(
      `
-N FLANNEL-POSTRTG
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.5.1.0/24 -d 10.5.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.5.0.0/16 -d 10.5.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.5.0.0/16 -d 10.5.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.5.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.5.0.0/16 -d 10.5.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-N FLANNEL-FWD
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.5.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 10.5.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT`.trim(),
    );
    const six = shown(6, variant);
    expect(six).toContain("! -d ff00::/8");
    expect(six).toContain("-A FLANNEL-FWD -s fd00:5::/32 ");
    // nftables of our own has none of it.
    expect(run("nft", "list", "tables")).not.toContain("inet loden");
  });

  test("ports may be kept, and each of the two be left out", async () => {
    await configure(firewall, { fullyRandom: false, forward: false });
    expect(shown(4, variant)).not.toContain("--random-fully");
    expect(shown(4, variant)).not.toContain("FLANNEL-FWD");
    await configure(firewall, { masquerade: false });
    expect(shown(4, variant)).not.toContain("FLANNEL-POSTRTG");
    expect(shown(4, variant)).toContain("-A FLANNEL-FWD");
  });

  test("what is removed, altered, added or put twice is found by the comparison, and repaired", async () => {
    await configure(firewall);
    const whole = [shown(4, variant), shown(6, variant)];
    const [ip, nat] = [program(4, variant), ["-t", "nat"]];
    for (const damage of [
      ["-D", "FORWARD", "-m", "comment", "--comment", "flanneld forward", "-j", "FLANNEL-FWD"],
      ["-A", "FORWARD", "-j", "FLANNEL-FWD"],
      ["-D", "FLANNEL-FWD", "1"],
      ["-I", "FLANNEL-FWD", "-s", "10.5.9.0/24", "-j", "DROP"],
      [...nat, "-F", "FLANNEL-POSTRTG"],
      [...nat, "-F"],
    ]) {
      await repaired(() => {
        run(ip, ...damage);
        running.reconciler.resync();
      });
      expect([shown(4, variant), shown(6, variant)], damage.join(" ")).toEqual(whole);
    }
  });

  test("what others have in their chains stays as it is and where it is", async () => {
    const ip = program(4, variant);
    run(ip, "-A", "FORWARD", "-s", "192.0.2.0/24", "-j", "ACCEPT");
    run(ip, "-P", "FORWARD", "DROP");
    run(ip, "-t", "nat", "-A", "POSTROUTING", "-s", "172.17.0.0/16", "-j", "MASQUERADE");
    const before = shown(4, variant);
    await configure(firewall);
    expect(shown(4, variant)).toContain("-P FORWARD DROP");
    await configure("nftables");
    expect(shown(4, variant)).toBe(before);
    expect(run("nft", "list", "tables")).toContain("inet loden");
  });

  test("is left alone by a daemon that starts again, and told nothing twice", async () => {
    await configure(firewall);
    const second = host.reconcile({ families });
    const { reconciler, events } = second;
    await configure(firewall, {}, [], second);
    reconciler.resync();
    await reconciler.settled();
    const passes = events.flatMap((event) => (event.type === "pass" ? [event.changes] : []));
    expect(passes.at(-1)).toBe(0);
    expect(events.filter(({ type }) => type === "drift")).toEqual([]);
  });

  test("takes over what flannel left there, without a moment without it", async () => {
    const ip = program(4, variant);
    run(ip, "-t", "nat", "-N", "FLANNEL-POSTRTG");
    run(ip, "-t", "nat", "-A", "FLANNEL-POSTRTG", "-s", "10.5.77.0/24", "-d", "10.5.0.0/16", "-j", "RETURN");
    run(ip, "-t", "nat", "-A", "POSTROUTING", "-m", "comment", "--comment", "flanneld masq", "-j", "FLANNEL-POSTRTG");
    await configure(firewall);
    expect(shown(4, variant)).not.toContain("10.5.77.0");
    expect(shown(4, variant).match(/-j FLANNEL-POSTRTG/g)).toHaveLength(1);
  });

  test("with nftables, what flannel left goes where it speaks of this network alone", async () => {
    const ip = program(4, variant);
    run(ip, "-N", "FLANNEL-FWD");
    run(ip, "-A", "FLANNEL-FWD", "-s", "10.5.0.0/16", "-j", "ACCEPT");
    run(ip, "-A", "FORWARD", "-j", "FLANNEL-FWD");
    run(
      "nft",
      "add table ip flannel-ipv4; add chain ip flannel-ipv4 postrtg; add rule ip flannel-ipv4 postrtg ip saddr 10.5.1.0/24 ip daddr 10.5.0.0/16 return",
    );
    run(
      "nft",
      "add table ip6 flannel-ipv6; add chain ip6 flannel-ipv6 postrtg; add rule ip6 flannel-ipv6 postrtg ip6 saddr fd77::/64 return",
    );
    await configure("nftables");
    expect(shown(4, variant)).not.toContain("FLANNEL-FWD");
    expect(run("nft", "list", "tables")).not.toContain("flannel-ipv4");
    expect(run("nft", "list", "tables")).toContain("flannel-ipv6");
  });

  test("with nftables, what flannel has for another network stays", async () => {
    const ip = program(4, variant);
    run(ip, "-N", "FLANNEL-FWD");
    run(ip, "-A", "FLANNEL-FWD", "-s", "10.99.0.0/16", "-j", "ACCEPT");
    await configure("nftables");
    expect(shown(4, variant)).toContain("-A FLANNEL-FWD -s 10.99.0.0/16");
  });

  test("an accept alone is given where it is asked for, beside nftables", async () => {
    run(program(4, variant), "-P", "FORWARD", "DROP");
    await configure("nftables", {}, [{ family: 4, variant }]);
    expect(shown(4, variant)).toContain("-A FLANNEL-FWD -d 10.5.0.0/16");
    expect(shown(4, variant)).not.toContain("POSTRTG");
    await configure("nftables");
    expect(shown(4, variant)).not.toContain("FLANNEL");
  });
});

test.each(["made", "found"])("changes of others on nf_tables are answered at once in chains it %s", async (how) => {
  await configure("iptables-nft");
  if (how === "found") {
    end.abort();
    running = host.reconcile({ families });
    await configure("iptables-nft");
  }
  const whole = shown(4, "nft");
  await repaired(() => run("iptables-nft", "-F", "FLANNEL-FWD"));
  expect(shown(4, "nft")).toBe(whole);
  await repaired(() => run("nft", "delete", "table", "ip", "nat"));
  expect(shown(4, "nft")).toContain("-A FLANNEL-POSTRTG ! -s 10.5.0.0/16 -d 10.5.0.0/16");
});

test("iptables without a variant is the host's own", async () => {
  await configure("iptables");
  expect(run("iptables", "-S")).toContain("-N FLANNEL-FWD");
});
