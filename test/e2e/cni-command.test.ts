// `loden cni` and `loden install-cni` through the executable: namespaces attached by hand with the plugins of dist/cni, beside
// the configurations and cached results that other runtimes leave.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enterFreshNetnsWithNames } from "../support/netns.ts";
import { type Finished, runProcess } from "../support/processes.ts";
import { tempDir } from "../support/temp-dir.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const dir = tempDir("cni-command");
const confDir = path.join(dir.path, "net.d");
const cacheDir = path.join(dir.path, "results");

beforeAll(() => {
  enterFreshNetnsWithNames();
  execFileSync("ip", ["netns", "add", "one"]);
  execFileSync("ip", ["netns", "add", "two"]);
  mkdirSync(confDir);
  const ipam = { type: "host-local", subnet: "10.77.0.0/24", dataDir: path.join(dir.path, "networks") };
  conf("20-net.conflist", {
    cniVersion: "0.4.0",
    cniVersions: ["1.0.0", "1.1.0", "9.0.0"],
    name: "net",
    plugins: [{ type: "bridge", bridge: "br0", isGateway: true, ipam, capabilities: { mac: true } }],
  });
  conf("30-old.conf", { cniVersion: "0.3.1", name: "old", type: "loopback" });
  conf("40-broken.conflist", { name: "broken", plugins: [] });
});

afterAll(() => dir[Symbol.asyncDispose]());

function conf(name: string, document: unknown): void {
  writeFileSync(path.join(confDir, name), JSON.stringify(document));
}

function cni(...args: string[]): Promise<Finished> {
  const places = [`--conf-dir=${confDir}`, `--cache-dir=${cacheDir}`, `--bin-dir=${dist}/cni`];
  return runProcess(path.join(dist, "bin/loden"), ["cni", ...args, ...places]);
}

function linksOf(netns: string): { ifname: string; address: string }[] {
  return JSON.parse(execFileSync("ip", ["-n", netns, "-j", "link"], { encoding: "utf8" })) as [];
}

describe("loden cni", () => {
  test("attaches, checks and detaches; the result is kept as other runtimes keep it", async () => {
    const mac = "02:11:22:33:44:55";
    const added = await cni("add", "net", "one", `--cap-args={"mac":"${mac}","portMappings":[]}`, "--container-id=c1");
    expect(added.stderr).toBe("");
    const result = JSON.parse(added.stdout) as { cniVersion: string; ips: { address: string }[] };
    expect(result).toMatchObject({ cniVersion: "1.1.0", ips: [{ address: "10.77.0.2/24", gateway: "10.77.0.1" }] });
    expect(linksOf("one")).toContainEqual(expect.objectContaining({ ifname: "eth0", address: mac }));
    const file = path.join(cacheDir, "net-c1-eth0");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      kind: "cniCacheV1",
      containerId: "c1",
      ifName: "eth0",
      networkName: "net",
      netns: "/var/run/netns/one",
      result,
    });
    expect((await cni("check", "net", "one", "--container-id=c1")).status).toBe(0);
    execFileSync("ip", ["-n", "one", "addr", "flush", "dev", "eth0"]);
    const broken = await cni("check", "net", "one", "--container-id=c1");
    expect([broken.status, broken.stderr]).toEqual([1, expect.stringMatching(/bridge CHECK for c1: .*10\.77\.0\.2/)]);
    const listed = await cni("list");
    expect(listed.stdout).toMatch(/^network net \(CNI 1\.1\.0\): bridge; .*20-net\.conflist$/m);
    expect(listed.stdout).toMatch(/^network old \(CNI 0\.3\.1\): loopback; /m);
    expect(listed.stdout).toMatch(/^attached c1 eth0 to net: 10\.77\.0\.2\/24$/m);
    expect(listed.stderr).toMatch(/40-broken\.conflist: .*plugins is \[\], must be an array of 1 or more/);
    for (const _ of [1, 2]) expect((await cni("del", "net", "one", "--container-id=c1")).status).toBe(0);
    expect(linksOf("one").map(({ ifname }) => ifname)).toEqual(["lo"]);
    expect(existsSync(file)).toBe(false);
  });

  test("an ADD that fails in the second plugin takes the first one's work back", async () => {
    const ipam = { type: "host-local", subnet: "10.78.0.0/24", dataDir: path.join(dir.path, "networks") };
    const file = path.join(dir.path, "half.conflist");
    const plugins = [{ type: "bridge", bridge: "br1", ipam }, { type: "no-such-plugin" }];
    writeFileSync(file, JSON.stringify({ cniVersion: "1.0.0", name: "half", plugins }));
    const done = await cni("add", file, "two");
    expect([done.status, done.stderr]).toEqual([1, expect.stringContaining('there is no plugin "no-such-plugin" in')]);
    expect(linksOf("two").map(({ ifname }) => ifname)).toEqual(["lo"]);
    expect(readdirSync(path.join(dir.path, "networks/half")).filter((name) => name.startsWith("10"))).toEqual([]);
    expect(existsSync(path.join(cacheDir, "half-cnitool-eth0"))).toBe(false);
  });

  test("gc detaches what is cached and gone, and has the plugins look for the rest", async () => {
    execFileSync("ip", ["netns", "add", "three"]);
    for (const [netns, id] of [
      ["one", "stays"],
      ["three", "goes"],
    ] as const) {
      expect((await cni("add", "net", netns, `--container-id=${id}`)).status).toBe(0);
    }
    const reserved = path.join(dir.path, "networks/net");
    writeFileSync(path.join(reserved, "10.77.0.99"), "nobody\r\neth0");
    execFileSync("ip", ["netns", "del", "three"]);
    const done = await cni("gc", "net");
    expect(done.stderr).toBe("");
    expect(done.stdout).toBe("valid: stays/eth0\ndetached: goes/eth0\n");
    expect(readdirSync(reserved).filter((name) => name.startsWith("10"))).toHaveLength(1);
    expect((await cni("status", "net")).status).toBe(0);
    expect((await cni("gc", "net", "--valid=other/eth0")).stdout).toContain("detached: stays/eth0");
    expect(linksOf("one").map(({ ifname }) => ifname)).toEqual(["lo"]);
  });

  test.each<[string[], number, RegExp]>([
    [["ad", "net", "one"], 2, /loden cni takes add, check, del, gc, status, list, not "ad"/],
    [["add", "net"], 2, /loden cni add takes a network and a namespace/],
    [["add", "nothing", "one"], 2, /has no network "nothing": there are net, old; not readable: .*40-broken/],
    [["add", "net", "one", "--ifname=a/b"], 2, /--ifname is "a\/b", must be an interface name/],
    [["add", "net", "one", "--container-id=../x"], 2, /--container-id is "\.\.\/x", must be a letter or digit/],
    [["add", "net", "one", "--cap-args=7"], 2, /--cap-args is "7", must be a JSON object/],
    [["add", "net", "nowhere"], 1, /\/var\/run\/netns\/nowhere is no network namespace/],
    [["check", "net", "two"], 1, /has no eth0 in network net, as far as is known/],
    [["gc", "old"], 1, /network old is of cniVersion 0\.3\.1; GC is for 1\.1\.0 and later/],
    [["gc", "net", "--valid=x"], 2, /--valid is "x", must be a container id, "\/" and an interface/],
  ])("%j: exit status %i and why", async (args, status, text) => {
    const done = await cni(...args);
    expect(done.stderr).toMatch(text);
    expect(done.status).toBe(status);
  });
});

describe("loden install-cni", () => {
  const install = (...args: string[]): Promise<Finished> =>
    runProcess(path.join(dist, "bin/loden"), ["install-cni", ...args]);

  test("puts executables and configuration in place, over older ones, and leaves a changed configuration alone", async () => {
    const binDir = path.join(dir.path, "install/bin");
    const into = path.join(dir.path, "install/net.d");
    mkdirSync(binDir, { recursive: true });
    writeFileSync(path.join(binDir, "bridge"), "an older one");
    const places = [`--bin-dir=${binDir}`, `--conf-dir=${into}`];
    const first = await install(...places);
    expect([first.status, first.stderr]).toEqual([0, ""]);
    const names = readdirSync(path.join(dist, "cni")).filter((name) => !name.startsWith("."));
    expect(readdirSync(binDir).toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(statSync(path.join(binDir, name)).mode & 0o777).toBe(0o755);
    expect(statSync(path.join(binDir, "bridge")).ino).toBe(statSync(path.join(binDir, "flannel")).ino);
    const version = execFileSync(path.join(binDir, "bridge"), { env: { CNI_COMMAND: "VERSION" }, input: "{}" });
    expect(JSON.parse(String(version))).toMatchObject({ supportedVersions: expect.arrayContaining(["1.1.0"]) });
    const file = path.join(into, "10-flannel.conflist");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ name: "cbr0", plugins: [{ type: "flannel" }, {}] });
    writeFileSync(file, '{"name":"mine","plugins":[{"type":"bridge"}]}');
    expect((await install(...places)).stdout).toContain("kept as it is, though it differs");
    expect(readFileSync(file, "utf8")).toContain("mine");
    expect((await install(...places, "--overwrite-conf")).stdout).toContain(`${file}: written`);
    writeFileSync(path.join(into, "05-other.conf"), '{"name":"other","type":"bridge"}');
    expect((await install(...places)).stdout).toMatch(/warning: .*05-other\.conf \(network other\) comes before it/);
  });

  test.each<[string[], number, RegExp]>([
    [["--conf-name=../x.conflist"], 2, /--conf-name is "\.\.\/x\.conflist", must be a file name that ends in/],
    [["--conf-file=/nowhere"], 2, /--conf-file: there is no \/nowhere/],
    [["--bin-dir=/dev/null/bin", "--conf-dir="], 1, /the executables could not be put into \/dev\/null\/bin/],
    [["more"], 2, /unexpected argument "more"/],
  ])("%j: exit status %i and why", async (args, status, text) => {
    const done = await install(...args);
    expect(done.stderr).toMatch(text);
    expect(done.status).toBe(status);
  });
});
