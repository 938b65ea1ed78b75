// `loden cleanup` on a host that has everything Loden makes, and everything that only looks like it.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sys } from "#sys";
import { Prefix } from "#kernel/ip/prefix";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { clean } from "../../daemon/cli/cleanup/command.ts";
import type { CleanupContext } from "../../daemon/cli/cleanup/port.ts";
import { composeFabric } from "../../daemon/fabric.ts";
import { takeLock } from "../../daemon/status-board.ts";
import { makeFabric, makeLease, TEST_MARKS } from "../support/fabric.ts";
import { makeHost, type Host } from "../support/hosts.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const families = [4, 6] as const;
let host: Host;
let directory: TempDir;

beforeEach(() => {
  host = makeHost(1);
  directory = tempDir("cleanup");
});
afterEach(async () => {
  host[Symbol.dispose]();
  await directory[Symbol.asyncDispose]();
});

const run = (program: string, ...args: readonly string[]): string =>
  host.netns.run(() => execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));

/** Everything in the kernel that anybody may have made. */
const everything = (): string =>
  [
    // The state of a link that was put up is found out later.
    host
      .ip("-o", "link")
      .replaceAll(/^\d+: /gm, "")
      .replaceAll(/ (state|qdisc) \S+/g, ""),
    // The kernel gives links their local IPv6 routes by itself, and may be late.
    ...["-4", "-6"].map((family) => host.ip(family, "route", "show").replaceAll(/^fe80:.*\n/gm, "")),
    run("nft", "list", "ruleset"),
    run("iptables-nft-save").replaceAll(/^#.*$|\[\d+:\d+\]/gm, ""),
    run("iptables-legacy-save").replaceAll(/^#.*$|\[\d+:\d+\]/gm, ""),
  ].join("\n");

function cleanup(more: Partial<CleanupContext> = {}, isDryRun = false): { lines: string[]; isClean: boolean } {
  const lines: string[] = [];
  const isClean = host.netns.run(() => {
    using socket = NetlinkSocket.open(sys);
    const context = {
      sys,
      socket,
      prefix: undefined,
      subnetFile: path.join(directory.path, "subnet.env"),
      stateDirectory: directory.path,
      networks: [Prefix.parse("10.5.0.0/16"), Prefix.parse("fd00:5::/32")],
      withFlannel: false,
      withFiles: false,
      ...more,
    };
    return clean(context, isDryRun, (line) => lines.push(line));
  });
  return { lines, isClean };
}

/** A node of each backend: VXLAN with rules of nftables, then host-gw with those of iptables. */
async function live(): Promise<void> {
  const end = new AbortController();
  const { reconciler } = host.reconcile({ families }, end.signal);
  const { nftTable, peersTable } = TEST_MARKS;
  const options = { masquerade: true, fullyRandom: true, forward: true, blackhole: true, sourceFilter: true };
  for (const [type, firewall, accepts] of [
    ["vxlan", "nftables", []],
    ["host-gw", "iptables-legacy", []],
    ["vxlan", "nftables", [{ family: 4, variant: "nft" }]],
  ] as const) {
    const { network, node, backends } = makeFabric({ type, families }, host.node);
    const all = type === "vxlan" ? backends : [...backends, ...makeFabric({ families }, host.node).backends];
    const state = { arePeersKnown: true, accepts };
    reconciler.configure(composeFabric(network, node, all, { ...options, firewall, nftTable, peersTable }, state));
    reconciler.replaceLeases([makeLease(2, { type, families }), makeLease(3, { families })]);
    await reconciler.settled();
  }
  const { network, node } = makeFabric({ type: "host-gw", families }, host.node);
  const both = [
    ...makeFabric({ families }, host.node).backends,
    ...makeFabric({ type: "host-gw", families }, host.node).backends,
  ];
  const last = { ...options, firewall: "nftables" as const, nftTable, peersTable };
  const accepts = [{ family: 4, variant: "nft" }] as const;
  reconciler.configure(composeFabric(network, node, both, last, { arePeersKnown: true, accepts }));
  reconciler.replaceLeases([makeLease(2, { type: "host-gw", families }), makeLease(3, { families })]);
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
  end.abort();
}

function foreign(): void {
  host.ip("link", "add", "vx9", "type", "vxlan", "id", "9", "dev", "eth0", "dstport", "4789");
  host.ip("link", "set", "vx9", "alias", "somebody's", "up");
  host.ip("route", "add", "10.77.0.0/24", "via", "192.168.0.9");
  host.ip("route", "add", "10.5.77.0/24", "via", "192.168.0.9", "protocol", "80");
  run("nft", "add table inet loden-extra; add table ip loden; add table inet somebody");
  run("iptables-legacy", "-A", "FORWARD", "-s", "10.5.0.0/16", "-j", "ACCEPT");
}

test("everything of ours goes, what others have stays, and there is nothing to do then", async () => {
  foreign();
  run("iptables-nft", "-P", "FORWARD", "DROP");
  // The table itself stays once it was used.
  run("iptables-legacy", "-t", "nat", "-S");
  const before = everything();
  await live();
  const while_ = everything();
  expect(while_).not.toBe(before);
  const dry = cleanup({}, true);
  expect(everything()).toBe(while_);
  const { lines, isClean } = cleanup();
  expect(everything()).toBe(before);
  expect(isClean).toBe(true);
  expect(lines.map((line) => line.replace("removed", "would remove"))).toEqual(dry.lines);
  expect(lines.toSorted()).toEqual([
    "removed iptables-nft chains FLANNEL-FWD",
    "removed link flannel-v6.1",
    "removed link flannel.1",
    "removed nftables table inet loden",
    "removed nftables table inet loden-peers",
    "removed route 10.5.2.0/24",
    "removed route blackhole 10.5.1.0/24",
    "removed route blackhole fd00:5:1::/64",
    "removed route fd00:5:2::/64",
  ]);
  expect(cleanup()).toEqual({ lines: ["there is nothing of Loden's to remove"], isClean: true });
});

test("what another daemon's prefix made stays when one is named", async () => {
  await live();
  const before = everything();
  cleanup({ prefix: "/other/network" });
  // The chains have flannel's names whoever made them; they speak of this network.
  expect(everything().includes("flannel.1")).toBe(true);
  expect(everything()).toContain("table inet loden-peers");
  expect(before).toContain("table inet loden-peers");
  expect(cleanup({ prefix: "/coreos.com/network" }).isClean).toBe(true);
  expect(everything()).not.toContain("flannel");
});

test("flannel's chains and tables of networks unknown stay, are told of, and go on request", () => {
  run("iptables-legacy", "-N", "FLANNEL-FWD");
  run("iptables-legacy", "-A", "FLANNEL-FWD", "-s", "10.99.0.0/16", "-j", "ACCEPT");
  run(
    "nft",
    "add table ip flannel-ipv4; add chain ip flannel-ipv4 forward; add rule ip flannel-ipv4 forward ip saddr 10.99.0.0/16 accept",
  );
  const before = everything();
  expect(cleanup().lines).toEqual([
    "nftables table ip flannel-ipv4 stays: it is flannel's; --flannel removes it",
    "iptables-legacy chains FLANNEL-FWD stay: flannel may have made them; --flannel removes them",
    "there is nothing of Loden's to remove",
  ]);
  expect(everything()).toBe(before);
  expect(cleanup({ withFlannel: true }).isClean).toBe(true);
  expect(everything().toLowerCase()).not.toContain("flannel");
});

test("files stay unless they are to go, and others' files always", () => {
  for (const name of ["subnet.env", "loden.json", "loden.lock", "state.json", "state-0123abcd.json", "notes.json"]) {
    writeFileSync(path.join(directory.path, name), "");
  }
  expect(cleanup().lines).toContain(`file ${path.join(directory.path, "state.json")} stays; --files removes it`);
  expect(existsSync(path.join(directory.path, "subnet.env"))).toBe(true);
  cleanup({ withFiles: true });
  expect(readdirSync(directory.path)).toEqual(["notes.json"]);
});

test("the command refuses while a daemon runs, and tells what it would do all the same", () => {
  const subnetFile = path.join(directory.path, "subnet.env");
  const command = ["daemon/cli/loden.ts", "cleanup", "--subnet-file", subnetFile, "--state-dir", directory.path];
  const attempt = (...flags: readonly string[]): string => {
    try {
      return host.netns.run(() =>
        execFileSync(process.execPath, [...command, ...flags], { encoding: "utf8", stdio: "pipe" }),
      );
    } catch (error) {
      return (error as { stderr: string }).stderr;
    }
  };
  {
    using _lock = takeLock(sys, path.join(directory.path, "other.env"));
    expect(attempt()).toContain("lodend runs on this host");
    expect(attempt("--dry-run")).toContain("nothing of Loden's");
    expect(attempt("--force")).toContain("nothing of Loden's");
  }
  expect(attempt()).toContain("nothing of Loden's");
});
