// The running reconciler on Linux: whatever others remove or alter of ours is found by its notification and put right,
// and what is not ours stays as it is. Each test waits for the reconciler's own word, never for time to pass.
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Prefix } from "#kernel/ip/prefix";
import { FORWARDING } from "#kernel/netlink/netconf";
import { routeDelete } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { sysctlObject } from "../../../daemon/reconcile/objects.ts";
import { nftTraffic } from "../../../daemon/traffic/nftables.ts";
import { trafficRules } from "../../../daemon/traffic/rules.ts";
import { TEST_MARKS, makeLease, makeNetwork } from "../../support/fabric.ts";
import { makeHost, type Host, type Running } from "../../support/hosts.ts";

const families = [4, 6] as const;
/** Wanted, and of those that nobody tells of. */
const UNTOLD = "net/ipv4/conf/flannel.1/log_martians";

let host: Host;
let running: Running;

beforeEach(async () => {
  host = makeHost(1);
  host.ip("link", "add", "a-bridge", "type", "bridge");
  const rules = trafficRules(makeNetwork({ families }), host.node, {
    masquerade: true,
    fullyRandom: true,
    forward: true,
  });
  const extras = [
    ...nftTraffic(rules, TEST_MARKS.nftTable, { fullyRandom: true }),
    ...families.map((family) => sysctlObject({ path: FORWARDING[family], value: "1" })),
    sysctlObject({ path: UNTOLD, value: "1", link: "flannel.1" }),
  ];
  running = host.reconcile({ families, extras });
  running.reconciler.replaceLeases([makeLease(2, { families }), makeLease(3, { families })]);
  await running.reconciler.settled();
  expect(running.reconciler.state()).toMatchObject({ failed: [], ready: true, peers: 2 });
});
afterEach(() => host[Symbol.dispose]());

const nft = (...args: readonly string[]): string =>
  host.netns.run(() => execFileSync("nft", args, { encoding: "utf8" }));

/** All that the kernel holds of ours, as iproute2 and nft tell it, less what is different every time. */
function picture(): unknown {
  const json = (...args: readonly string[]): unknown => JSON.parse(host.ip("-j", ...args) || "[]");
  const links = (json("-d", "link", "show", "type", "vxlan") as Record<string, unknown>[])
    .map(({ ifindex: _, ...link }) => link)
    .toSorted((a, b) => (String(a["ifname"]) < String(b["ifname"]) ? -1 : 1));
  const sorted = (value: unknown): string[] => (value as unknown[]).map((each) => JSON.stringify(each)).toSorted();
  const fdb = ["flannel.1", "flannel-v6.1"].flatMap((dev) =>
    host.netns
      .run(() => execFileSync("bridge", ["fdb", "show", "dev", dev], { encoding: "utf8" }))
      .trim()
      .split("\n")
      .toSorted(),
  );
  return {
    links,
    fdb,
    addresses: ["flannel.1", "flannel-v6.1"].map((dev) =>
      host.ip("-o", "address", "show", "dev", dev, "scope", "global").replaceAll(/^\d+:/gm, ""),
    ),
    // The kernel gives links their local IPv6 routes by itself, and may be late.
    routes: [sorted(json("-4", "route")), sorted(json("-6", "route")).filter((route) => !route.includes('"fe80:'))],
    neighbours: sorted(json("neighbour", "show", "nud", "permanent")),
    table: nft("list", "table", "inet", "loden"),
    forwarding: families.map((family) => host.netns.run(() => readSysctl(FORWARDING[family]))),
  };
}

const drift = (): Promise<unknown> => running.event(({ type }) => type === "drift");

const ALTERATIONS: readonly [string, () => void][] = [
  ["a route removed", () => host.ip("route", "delete", "10.5.2.0/24")],
  ["an IPv6 route removed", () => host.ip("route", "delete", "fd00:5:2::/64")],
  ["a route led elsewhere", () => host.ip("route", "replace", "10.5.2.0/24", "via", "192.168.0.77")],
  ["a route without onlink", () => host.ip("route", "replace", "10.5.2.0/24", "dev", "flannel.1")],
  ["all routes of the device flushed", () => host.ip("route", "flush", "dev", "flannel.1")],
  [
    "a stray route on our device",
    () => host.ip("route", "add", "10.5.99.0/24", "via", "10.5.99.0", "dev", "flannel.1", "onlink"),
  ],
  [
    "a stray route with our number",
    () => host.ip("route", "add", "10.5.99.0/24", "via", "192.168.0.9", "protocol", "76"),
  ],
  ["a neighbour removed", () => host.ip("neighbour", "delete", "10.5.2.0", "dev", "flannel.1")],
  [
    "a neighbour altered",
    () =>
      host.ip(
        "neighbour",
        "replace",
        "10.5.2.0",
        "lladdr",
        "02:00:00:00:00:99",
        "dev",
        "flannel.1",
        "nud",
        "permanent",
      ),
  ],
  [
    "a neighbour made temporary",
    () =>
      host.ip(
        "neighbour",
        "replace",
        "10.5.2.0",
        "lladdr",
        "02:00:00:00:00:99",
        "dev",
        "flannel.1",
        "nud",
        "reachable",
      ),
  ],
  [
    "a stray neighbour",
    () =>
      host.ip("neighbour", "add", "10.5.99.0", "lladdr", "02:00:00:00:00:99", "dev", "flannel.1", "nud", "permanent"),
  ],
  ["an IPv6 neighbour removed", () => host.ip("neighbour", "delete", "fd00:5:2::", "dev", "flannel-v6.1")],
  ["an FDB entry removed", () => bridge("delete", "0a:00:00:00:04:02", "dev", "flannel.1")],
  [
    "an FDB entry altered",
    () => bridge("replace", "0a:00:00:00:04:02", "dev", "flannel.1", "dst", "192.168.0.88", "self", "permanent"),
  ],
  [
    "a stray FDB entry",
    () => bridge("add", "0a:00:00:00:04:99", "dev", "flannel.1", "dst", "192.168.0.99", "self", "permanent"),
  ],
  ["the address removed", () => host.ip("address", "delete", "10.5.1.0/32", "dev", "flannel.1")],
  ["the IPv6 address removed", () => host.ip("address", "delete", "fd00:5:1::/128", "dev", "flannel-v6.1")],
  ["a stray address of the network", () => host.ip("address", "add", "10.5.9.0/32", "dev", "flannel.1")],
  ["the device removed", () => host.ip("link", "delete", "flannel.1")],
  ["the IPv6 device removed", () => host.ip("link", "delete", "flannel-v6.1")],
  ["the device put down", () => host.ip("link", "set", "flannel.1", "down")],
  ["the IPv6 device put down", () => host.ip("link", "set", "flannel-v6.1", "down")],
  [
    "the device put down and up at once",
    () =>
      host.netns.run(() =>
        execFileSync("ip", ["-batch", "-"], { input: "link set flannel.1 down\nlink set flannel.1 up\n" }),
      ),
  ],
  ["the device's MTU altered", () => host.ip("link", "set", "flannel.1", "mtu", "1300")],
  ["the device's MAC altered", () => host.ip("link", "set", "flannel.1", "address", "02:00:00:00:00:99")],
  ["the device made a port of a bridge", () => host.ip("link", "set", "flannel.1", "master", "a-bridge")],
  ["the device's learning altered", () => host.ip("link", "set", "flannel.1", "type", "vxlan", "learning")],
  ["the device's mark taken off", () => host.ip("link", "set", "flannel.1", "alias", "")],
  [
    "the device renamed",
    () =>
      host.netns.run(() =>
        execFileSync("ip", ["-batch", "-"], { input: "link set flannel.1 down\nlink set flannel.1 name other\n" }),
      ),
  ],
  [
    "the device replaced by another",
    () =>
      host.netns.run(() =>
        execFileSync("ip", ["-batch", "-"], { input: "link delete flannel.1\nlink add flannel.1 type bridge\n" }),
      ),
  ],
  ["the table flushed", () => nft("flush", "table", "inet", "loden")],
  ["the table removed", () => nft("delete", "table", "inet", "loden")],
  ["the whole ruleset flushed", () => nft("flush", "ruleset")],
  ["forwarding switched off", () => host.netns.run(() => writeSysctl(FORWARDING[4], "0"))],
  ["IPv6 forwarding switched off", () => host.netns.run(() => writeSysctl(FORWARDING[6], "0"))],
  ["a rule added to the table", () => nft("add", "rule", "inet", "loden", "postrouting", "drop")],
];

function bridge(...args: readonly string[]): void {
  host.netns.run(() => execFileSync("bridge", ["fdb", ...args]));
}

describe("what others do to ours is put right", () => {
  test.each(ALTERATIONS)("%s", async (_, alter) => {
    const before = picture();
    const repaired = drift();
    alter();
    await repaired;
    for (;;) {
      await running.reconciler.settled();
      const now = picture();
      if (JSON.stringify(now) === JSON.stringify(before)) break;
      // More notifications of the same alteration are on their way; their pass is told of.
      await running.event(({ type }) => type === "pass");
    }
    expect(running.reconciler.state()).toMatchObject({ failed: [], ready: true });
  });

  test("a sysctl, of which nobody tells, is found by a comparison of everything", async () => {
    host.netns.run(() => writeSysctl(UNTOLD, "0"));
    running.reconciler.resync();
    await drift();
    expect(host.netns.run(() => readSysctl(UNTOLD))).toBe("1");
  });
});

describe("who did it", () => {
  test("a process that fights us over a route is named, answered less and less often, and told of when it gives up", async () => {
    using socket = host.netns.run(() => NetlinkSocket.open(sys));
    const destination = Prefix.parse("10.5.2.0/24");
    const fight = running.event(({ type }) => type === "fight");
    const seen = { fight: false };
    void fight.then(() => (seen.fight = true));
    while (!seen.fight) {
      const repaired = drift();
      expect(socket.batch([routeDelete({ destination })])).toEqual([undefined]);
      await repaired;
      await running.reconciler.settled();
    }
    const [found] = running.reconciler.state().fights;
    // Not the first socket of this process, so that its port id is not the pid.
    expect(found).toMatchObject({ key: "route 10.5.2.0/24", repairs: 5 });
    expect(found!.by).toEqual([expect.stringMatching(new RegExp(`^.+ \\(pid ${process.pid}\\)$`))]);
    expect(running.events.flatMap((event) => (event.type === "drift" ? event.repairs : []))).toContainEqual(
      expect.objectContaining({ key: "route 10.5.2.0/24", by: found!.by }),
    );
  });

  test("nft is named by the kernel itself", async () => {
    const repaired = drift();
    nft("flush", "table", "inet", "loden");
    expect(await repaired).toMatchObject({
      repairs: [{ key: "nft-table inet loden", by: [expect.stringMatching(/^nft \(pid \d+\)$/)] }],
    });
  });
});

describe("routes over the underlay", () => {
  test("are back when it was down, as soon as it is up", async () => {
    const direct = makeHost(1);
    try {
      const gw = direct.reconcile({ type: "host-gw" });
      gw.reconciler.replaceLeases([makeLease(2, { type: "host-gw" })]);
      await gw.reconciler.settled();
      const failed = gw.event(({ type }) => type === "failed");
      direct.ip("link", "set", "eth0", "down");
      await failed;
      const recovered = gw.event(({ type }) => type === "recovered");
      direct.ip("link", "set", "eth0", "up");
      await recovered;
      expect(direct.ip("route")).toMatch(/10\.5\.2\.0\/24 via 192\.168\.0\.2 dev eth0/);
    } finally {
      direct[Symbol.dispose]();
    }
  });
});

test("what is not ours stays", async () => {
  host.ip("link", "add", "vx9", "type", "vxlan", "id", "9", "dstport", "4789", "local", "192.168.0.1", "dev", "eth0");
  host.ip("link", "set", "vx9", "up");
  host.ip("address", "add", "172.30.0.1/24", "dev", "vx9");
  host.ip("address", "add", "172.31.0.1/32", "dev", "flannel.1");
  host.ip("route", "add", "10.77.0.0/24", "via", "192.168.0.9");
  host.ip("route", "add", "10.5.2.0/24", "metric", "50", "via", "192.168.0.9");
  host.ip("route", "add", "10.5.2.0/24", "table", "77", "via", "192.168.0.9");
  host.ip("neighbour", "add", "192.168.0.9", "lladdr", "02:00:00:00:00:09", "dev", "eth0", "nud", "permanent");
  bridge("append", "00:00:00:00:00:00", "dev", "vx9", "dst", "192.168.0.9", "self", "permanent");
  nft("add", "table", "ip", "somebody");
  const all = (): string =>
    [
      host.ip("-d", "link", "show", "vx9"),
      // The kernel gives IPv6 addresses to links by itself, and takes a second or two for it.
      host.ip("-4", "address", "show", "dev", "vx9"),
      host.ip("-4", "address", "show", "dev", "flannel.1"),
      host.ip("-4", "route", "show", "table", "all"),
      host.ip("neighbour", "show", "dev", "eth0"),
      nft("list", "ruleset"),
    ].join("\n");
  const before = all();
  running.reconciler.resync();
  await running.reconciler.settled();
  running.reconciler.resync();
  await running.event(({ type }) => type === "pass");
  expect(all()).toBe(before);
});

test("our own writes lead to no second pass at all", async () => {
  // Whoever alters something else entirely, later, is heard of after all that we have written.
  const before = running.reconciler.state().passes;
  running.reconciler.putLease(makeLease(4, { families }));
  running.reconciler.deleteLease(makeLease(3, { families }).key);
  await running.reconciler.settled();
  expect(running.reconciler.state().passes).toBe(before + 1);
  const stray = drift();
  host.ip("route", "add", "10.5.99.0/24", "via", "10.5.99.0", "dev", "flannel.1", "onlink");
  await stray;
  expect(running.reconciler.state().passes).toBe(before + 2);
});

test("our own writes lead to no second pass that writes", async () => {
  running.events.length = 0;
  running.reconciler.putLease(makeLease(4, { families }));
  running.reconciler.deleteLease(makeLease(3, { families }).key);
  await running.event(({ type }) => type === "pass");
  running.reconciler.resync();
  await running.event((event) => event.type === "pass" && event.dumped.length > 0);
  const passes = running.events.filter((event) => event.type === "pass");
  expect(passes.map(({ changes, dumped }) => [changes, dumped.length > 0])).toEqual([
    [12, false],
    [0, true],
  ]);
});
