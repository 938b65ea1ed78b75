// Flawed input to the real daemon: each ends with the right status and a text that names what is wrong, or waits and says
// what for; and nothing is half made: no lease, no device, no rules, no subnet file.
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEtcd } from "../support/etcd.ts";
import { LODEND, runLoden, startLodend } from "../support/lodend.ts";
import { enterFreshNetns, iproute, iprouteJson, nftRuleset } from "../support/netns.ts";
import { runProcess } from "../support/processes.ts";
import { ownLoopback, type StoreServer } from "../support/store-server.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const GOOD = '{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan"}}';

let directory: TempDir;
let etcd: StoreServer;
let taken: Server;
let count = 0;

beforeAll(async () => {
  enterFreshNetns();
  iproute("link", "add", "eth0", "type", "veth", "peer", "name", "far0");
  iproute("addr", "add", "192.168.99.1/24", "dev", "eth0");
  for (const name of ["eth0", "far0"]) iproute("link", "set", name, "up");
  iproute("route", "add", "default", "via", "192.168.99.254");
  directory = tempDir("flaws");
  etcd = await startEtcd();
  taken = createServer().listen(0, ownLoopback());
  await once(taken, "listening");
  writeFileSync(path.join(directory.path, "file"), "not a PEM file\n");
});

afterAll(async () => {
  taken.close();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** A prefix and subnet file of this case's own. */
function freshCase(): { prefix: string; subnetFile: string; args: string[] } {
  count++;
  const prefix = `/case/${count}`;
  const subnetFile = path.join(directory.path, `case-${count}`, "subnet.env");
  const args = [`--etcd-endpoints=${etcd.endpoint}`, `--etcd-prefix=${prefix}`, `--subnet-file=${subnetFile}`];
  return { prefix, subnetFile, args };
}

function expectNothingMade(prefix: string, subnetFile: string): void {
  const names = iprouteJson("link", "show").map((link) => String(link["ifname"]));
  expect(new Set(names)).toEqual(new Set(["eth0", "far0", "lo"]));
  expect(iprouteJson("route", "show")).toHaveLength(2);
  expect(nftRuleset()).toEqual([]);
  expect(existsSync(subnetFile)).toBe(false);
  expect(etcd.ctl("get", "--prefix", "--keys-only", `${prefix}/subnets`).trim()).toBe("");
}

describe("the command line and the environment: exit status 2", () => {
  test.each<[string[], Record<string, string>, RegExp]>([
    [["--no-such-flag"], {}, /^lodend: flag provided but not defined: --no-such-flag\nTry 'lodend --help'\.\n$/],
    [["stray"], {}, /unexpected argument "stray"/],
    [["--ip-masq=perhaps"], {}, /"perhaps" for --ip-masq/],
    [[], { FLANNELD_IP_MASQ: "perhaps" }, /"perhaps" for FLANNELD_IP_MASQ/],
    [["--kube-subnet-mgr"], {}, /--kube-subnet-mgr is not served/],
    [["--subnet-lease-renew-margin=1440"], {}, /--subnet-lease-renew-margin must be/],
    [["--etcd-endpoints=localhost:2379"], {}, /--etcd-endpoints "localhost:2379" must begin with/],
    [["--etcd-certfile=/c"], {}, /--etcd-certfile needs --etcd-keyfile/],
    [["--etcd-endpoints=https://127.0.0.1:1", "--etcd-cafile=/no/such/file"], {}, /--etcd-cafile.*no\/such\/file/],
  ])("%j %j", async (args, environment, expected) => {
    const { prefix, subnetFile } = freshCase();
    const { status, stdout, stderr } = await startLodend([`--subnet-file=${subnetFile}`, ...args], environment)
      .finished;
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(expected);
    expectNothingMade(prefix, subnetFile);
  });
});

test("help and version go to standard output", async () => {
  const help = await startLodend(["-h"]).finished;
  expect([help.status, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toContain("--etcd-endpoints=url,…");
  const version = await startLodend(["--version"]).finished;
  expect([version.status, version.stderr]).toEqual([0, ""]);
  expect(version.stdout).toMatch(/^lodend \d+\.\d+\.\d+\n$/);
});

describe("the network configuration: exit status 1", () => {
  test.each<[string, RegExp]>([
    ["", /it is empty/],
    ["Network: 10.77.0.0/16", /not JSON/],
    ["[]", /object/],
    ["{}", /please define a correct Network parameter/],
    ['{"Network":"10.77.0.0/16","Backend":{"Type":"gre"}}', /"gre"; this build of Loden has vxlan/],
    ['{"Network":"10.77.0.0","Backend":{"Type":"vxlan"}}', /Network is /],
    ['{"Network":"10.77.0.0/30","Backend":{"Type":"vxlan"}}', /network is too small/],
    ['{"Network":"10.77.0.0/16","SubnetLen":31,"Backend":{"Type":"vxlan"}}', /SubnetLen must be less than/],
    ['{"Network":"10.77.0.0/16","SubnetMin":"10.78.0.0","Backend":{"Type":"vxlan"}}', /SubnetMin is not in the range/],
    ['{"Network":"10.77.0.0/16","Backend":{"Type":"nothing"}}', /nothing/],
    ['{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}', /VNI/],
    ['{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan","Port":"many"}}', /Port/],
  ])("%s", async (config, expected) => {
    const { prefix, subnetFile, args } = freshCase();
    etcd.ctl("put", `${prefix}/config`, "--", config);
    const { status, stderr } = await startLodend(args).finished;
    expect(status).toBe(1);
    expect(stderr.replaceAll("\\", "")).toMatch(expected);
    expectNothingMade(prefix, subnetFile);
    const told = await runLoden("status", "--subnet-file", subnetFile);
    expect(told.status).toBe(3);
    expect(told.stdout).toMatch(/^lodend is not running; .*it ended with: /);
  });
});

describe("the host: exit status 1", () => {
  test("no capability", async () => {
    const { prefix, subnetFile, args } = freshCase();
    etcd.ctl("put", `${prefix}/config`, GOOD);
    const dropped = ["--bounding-set=-net_admin", "--inh-caps=-net_admin", "--", process.execPath, LODEND, ...args];
    const { status, stderr } = await runProcess("/usr/bin/setpriv", dropped);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ERR_PRIVILEGE.*CAP_NET_ADMIN/)]);
    expectNothingMade(prefix, subnetFile);
  });

  test("a health port that is taken", async () => {
    const { prefix, subnetFile, args } = freshCase();
    const { port } = taken.address() as { port: number };
    const listen = [`--healthz-ip=${ownLoopback()}`, `--healthz-port=${port}`];
    const { status, stderr } = await startLodend([...args, ...listen]).finished;
    expect([status, stderr]).toEqual([1, expect.stringMatching(new RegExp(`--healthz-port=${port}: .*EADDRINUSE`))]);
    expectNothingMade(prefix, subnetFile);
  });

  test("a subnet file where no directory can be", async () => {
    const { prefix, args } = freshCase();
    const subnetFile = path.join(directory.path, "file/below/subnet.env");
    const { status, stderr } = await startLodend([...args, `--subnet-file=${subnetFile}`]).finished;
    expect([status, stderr]).toEqual([1, expect.stringMatching(/the directory of --subnet-file cannot be written/)]);
    expectNothingMade(prefix, subnetFile);
  });

  test("a subnet file that is a directory", async () => {
    const { prefix, subnetFile, args } = freshCase();
    etcd.ctl("put", `${prefix}/config`, '{"Network":"10.77.0.0/16","Backend":{"Type":"alloc"}}');
    mkdirSync(subnetFile, { recursive: true });
    const daemon = startLodend([...args, "--iptables-forward-rules=false"]);
    await daemon.printed(/ERR_SUBNET_ENV.*--subnet-file .* cannot be written/);
    const told = await runLoden("status", "--subnet-file", subnetFile);
    expect([told.status, told.stdout]).toEqual([
      1,
      expect.stringMatching(/^not ready, in phase running: --subnet-file/),
    ]);
    daemon.child.kill("SIGTERM");
    expect((await daemon.finished).status).toBe(0);
  });
});

describe("what may come right is waited for, in words", () => {
  test.each<[string, string | undefined, string[], RegExp, RegExp]>([
    [
      "a store that does not answer",
      undefined,
      ["--etcd-endpoints=http://127.0.0.1:1"],
      /ERR_STORE_UNAVAILABLE/,
      /problem .*127\.0\.0\.1:1/,
    ],
    ["a configuration that is not there", undefined, [], /ERR_CONFIG_MISSING/, /problem .*flannel config not found/],
    [
      "an interface that is not there",
      GOOD,
      ["--iface=wlan7"],
      /ERR_INTERFACE/,
      /--iface=wlan7: no interface has this name; there are lo,/,
    ],
    [
      "an address that is not there",
      GOOD,
      ["--public-ip=203.0.113.1"],
      /ERR_INTERFACE/,
      /--public-ip=203\.0\.113\.1: no interface has/,
    ],
    [
      "a host that cannot be reached",
      GOOD,
      ["--iface-can-reach=fd00::1"],
      /ERR_INTERFACE/,
      /--iface-can-reach=fd00::1: /,
    ],
  ])("%s", async (_, config, more, logged, told) => {
    const { prefix, subnetFile, args } = freshCase();
    if (config !== undefined) etcd.ctl("put", `${prefix}/config`, config);
    const daemon = startLodend([...args, ...more]);
    await daemon.printed(logged);
    // The status is written within a moment of the log line; a daemon that is stopped writes what it knows last.
    daemon.child.kill("SIGTERM");
    expect((await daemon.finished).status).toBe(0);
    const { stdout } = await runLoden("status", "--subnet-file", subnetFile);
    expect(stdout).toMatch(told);
    expectNothingMade(prefix, subnetFile);
  });
});
