// flannel with the real chain below it: what it stores, what it asks of the bridge, STATUS, GC, and files of flannel's
// own plugin.
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { leaseConflict } from "../../../cni-plugins/meta/flannel/daemon-status.ts";
import type { Invocation } from "../../support/cni.ts";
import { FORMS, Host, addressesOf, fail, succeed } from "../../support/cni-rig.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
});
afterAll(() => host[Symbol.dispose]());

let serial = 0;

const ENV = "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";
const DUAL = `${ENV}FLANNEL_IPV6_NETWORK=fd05::/48\nFLANNEL_IPV6_SUBNET=fd05:0:0:3::1/64\n`;

function overlay(directory: string, env: string | undefined, more: object = {}) {
  const work = path.join(host.work, `flannel${++serial}`);
  fs.mkdirSync(work);
  const subnetFile = path.join(work, "subnet.env");
  if (env !== undefined) fs.writeFileSync(subnetFile, env);
  const dataDir = path.join(work, "data");
  const bridge = `fl${serial}`;
  const document = {
    cniVersion: "1.1.0",
    name: "cbr0",
    type: "flannel",
    subnetFile,
    dataDir,
    ipam: { dataDir: path.join(work, "ipam") },
    delegate: { bridge, isDefaultGateway: true, hairpinMode: true },
    ...more,
  };
  const call = (command: string, other: Partial<Invocation> = {}): Invocation => ({
    command,
    directory,
    plugin: "flannel",
    config: document,
    ...other,
  });
  const stored = (): string[] => (fs.existsSync(dataDir) ? fs.readdirSync(dataDir).toSorted() : []);
  const reservations = (): string[] =>
    fs.readdirSync(path.join(work, "ipam/cbr0")).filter((name) => /^[\da-f.:]+$/.test(name));
  return { work, document, call, stored, reservations, dataDir, bridge, subnetFile };
}

describe.each(FORMS)("on $form", ({ directory: directoryOf }) => {
  const directory = directoryOf();

  test("stores and runs the delegate's configuration as flannel's plugin would", () => {
    const { call, dataDir, stored, bridge, work, reservations } = overlay(directory, DUAL);
    using sandbox = host.sandbox();
    const result = succeed(call("ADD", { netns: sandbox.path }));
    expect(addressesOf(result).map(({ address }) => address)).toEqual(["10.5.3.2/24", "fd05:0:0:3::2/64"]);
    expect(stored()).toEqual(["c1", "c1:eth0"]);
    expect(fs.statSync(path.join(dataDir, "c1")).mode & 0o777).toBe(0o600);
    expect(fs.statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(fs.readFileSync(path.join(dataDir, "c1"), "utf8")).toBe(
      JSON.stringify({
        bridge,
        cniVersion: "1.1.0",
        hairpinMode: true,
        ipMasq: false,
        ipam: {
          dataDir: path.join(work, "ipam"),
          ranges: [[{ subnet: "10.5.3.0/24" }], [{ subnet: "fd05:0:0:3::/64" }]],
          routes: [{ dst: "10.5.0.0/16" }, { dst: "fd05::/48" }],
          type: "host-local",
        },
        isDefaultGateway: true,
        isGateway: true,
        mtu: 1450,
        name: "cbr0",
        type: "bridge",
      }),
    );
    expect(host.linksIn(sandbox).find(({ name }) => name === "eth0")?.mtu).toBe(1450);
    const prevResult = result;
    succeed(call("CHECK", { netns: sandbox.path, config: { ...(call("CHECK").config as object), prevResult } }));
    fs.rmSync(path.join(work, "subnet.env"));
    succeed(call("DEL", { netns: "" }));
    succeed(call("DEL", { netns: "" }));
    expect(stored()).toEqual([]);
    expect(reservations()).toEqual([]);
    expect(host.veths()).toEqual([]);
  });

  test("stock configuration, 0.3.1: no prevResult ever comes", () => {
    const { call, stored, reservations } = overlay(directory, ENV, { cniVersion: "0.3.1" });
    using sandbox = host.sandbox();
    expect(addressesOf(succeed(call("ADD", { netns: sandbox.path })))).toEqual([
      { version: "4", interface: 2, address: "10.5.3.2/24", gateway: "10.5.3.1" },
    ]);
    succeed(call("DEL", { netns: sandbox.path }));
    expect([...stored(), ...reservations(), ...host.veths()]).toEqual([]);
  });

  test("two interfaces of one container keep a file each", () => {
    const { call, stored, reservations } = overlay(directory, ENV);
    using sandbox = host.sandbox();
    const calls = ["eth0", "eth1"].map(
      (ifname) => (command: string) => call(command, { netns: sandbox.path, ifname, containerId: "pod" }),
    );
    for (const attachment of calls) succeed(attachment("ADD"));
    expect(stored()).toEqual(["pod", "pod:eth0", "pod:eth1"]);
    succeed(calls[0]!("DEL"));
    expect(stored()).toEqual(["pod:eth1"]);
    expect(reservations()).toHaveLength(1);
    succeed(calls[1]!("DEL"));
    expect([...stored(), ...reservations()]).toEqual([]);
  });

  test("a file of flannel's plugin is read, another network's is not, a torn one is no obstacle", () => {
    const { call, dataDir, stored, reservations } = overlay(directory, ENV);
    using sandbox = host.sandbox();
    succeed(call("ADD", { netns: sandbox.path }));
    const text = fs.readFileSync(path.join(dataDir, "c1"));
    for (const name of stored()) fs.rmSync(path.join(dataDir, name));
    fs.writeFileSync(path.join(dataDir, "c1"), text, { mode: 0o600 });
    succeed(call("DEL", { netns: sandbox.path, config: { ...(call("DEL").config as object), name: "other" } }));
    expect(reservations()).toHaveLength(1);
    succeed(call("DEL", { netns: sandbox.path }));
    expect([...stored(), ...reservations()]).toEqual([]);
    fs.writeFileSync(path.join(dataDir, "c1:eth0"), "{");
    succeed(call("DEL", { netns: sandbox.path }));
    expect(stored()).toEqual([]);
  });

  test("a DEL that fails keeps the file for the next one", () => {
    const { call, stored, reservations } = overlay(directory, ENV);
    using sandbox = host.sandbox();
    succeed(call("ADD", { netns: sandbox.path }));
    expect(fail(call("DEL", { netns: sandbox.path, path: "/nonexistent" })).msg).toContain("failed to find plugin");
    expect(stored()).toEqual(["c1", "c1:eth0"]);
    succeed(call("DEL", { netns: sandbox.path }));
    expect([...stored(), ...reservations()]).toEqual([]);
  });

  test("an ADD that fails leaves no file, and a live attachment's file alone", () => {
    const { call, stored, reservations } = overlay(directory, ENV);
    using sandbox = host.sandbox();
    fail(
      call("ADD", { netns: sandbox.path, config: { ...(call("ADD").config as object), delegate: { bridge: "lo" } } }),
    );
    expect([...stored(), ...host.veths()]).toEqual([]);
    succeed(call("ADD", { netns: sandbox.path }));
    fail(call("ADD", { netns: sandbox.path }));
    expect(stored()).toEqual(["c1", "c1:eth0"]);
    expect(reservations()).toHaveLength(1);
    succeed(call("DEL", { netns: sandbox.path }));
    expect([...stored(), ...reservations(), ...host.veths()]).toEqual([]);
  });

  test("GC removes files, links and reservations of what is not valid", () => {
    const { call, document, dataDir, stored, reservations } = overlay(directory, ENV);
    using kept = host.sandbox();
    using stale = host.sandbox();
    succeed(call("ADD", { netns: kept.path, containerId: "kept" }));
    succeed(call("ADD", { netns: stale.path, containerId: "stale" }));
    fs.writeFileSync(path.join(dataDir, "of-flannel"), JSON.stringify({ name: "cbr0", type: "bridge" }));
    fs.writeFileSync(path.join(dataDir, "of-another"), JSON.stringify({ name: "net2", type: "bridge" }));
    const valid = [{ containerID: "kept", ifname: "eth0" }];
    succeed(call("GC", { config: { ...document, "cni.dev/valid-attachments": valid } }));
    expect(stored()).toEqual(["kept", "kept:eth0", "of-another"]);
    expect(reservations()).toHaveLength(1);
    expect(host.veths()).toHaveLength(1);
    succeed(call("DEL", { netns: kept.path, containerId: "kept" }));
  });

  test("ADD is refused while another node has the lease; what is attached is checked and removed", () => {
    const { call, work, stored, reservations, subnetFile } = overlay(directory, ENV);
    using sandbox = host.sandbox();
    using other = host.sandbox();
    const result = succeed(call("ADD", { netns: sandbox.path }));
    const bootId = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const reason = { code: "ERR_LEASE_CONFLICT", text: "the node at 10.0.0.9 (id b) has taken 10.5.3.0-24", since: "" };
    const lease = { key: "10.5.3.0-24", subnets: [], publicAddresses: ["10.0.0.1"], expires: null };
    const status = { format: 1, pid: 1, bootId, nodeId: "a", ready: false, phase: "running", reason, lease };
    const says = (text: string): void => fs.writeFileSync(path.join(work, "loden.json"), text);
    const added = call("ADD", { netns: other.path, containerId: "c2" });
    says(JSON.stringify(status));
    expect(fail(added)).toMatchObject({
      code: 11,
      msg: "the node a at 10.0.0.1 takes no new containers: the node at 10.0.0.9 (id b) has taken 10.5.3.0-24",
    });
    expect([stored(), reservations().length]).toEqual([["c1", "c1:eth0"], 1]);
    const checked = { ...(call("CHECK").config as object), prevResult: result };
    succeed(call("CHECK", { netns: sandbox.path, config: checked }));
    succeed(call("DEL", { netns: sandbox.path }));
    says(JSON.stringify({ ...status, phase: "stopped" }));
    expect(fail(added).code).toBe(11);
    const harmless = [
      { ...status, bootId: "before" },
      { ...status, format: 99 },
      { ...status, ready: true },
      { ...status, ready: true, reason: null, problems: [reason] },
      { ...status, reason: { ...reason, code: "ERR_NOT_READY" } },
    ].map((document) => JSON.stringify(document));
    for (const text of [...harmless, JSON.stringify(status).slice(0, -1)]) {
      says(text);
      expect(leaseConflict(sys, subnetFile)).toBeUndefined();
    }
    succeed(added);
    succeed(call("DEL", { netns: other.path, containerId: "c2" }));
  });

  test("STATUS tells why the daemon is not ready", () => {
    const { call, subnetFile, work } = overlay(directory, undefined);
    expect(fail(call("STATUS"))).toMatchObject({ code: 50, msg: expect.stringContaining("subnet.env") as string });
    const bootId = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const problem = { code: "ERR_STORE_UNAVAILABLE", text: "the store at 10.0.0.1:2379 does not answer", since: "" };
    const status = { format: 1, pid: process.pid, bootId, ready: false, phase: "config", reason: problem };
    fs.writeFileSync(path.join(work, "loden.json"), JSON.stringify(status));
    fs.writeFileSync(path.join(work, "loden.lock"), "");
    const why = (): string => fail(call("STATUS")).msg;
    expect(why()).toBe("the daemon is not running; the last it said: the store at 10.0.0.1:2379 does not answer");
    const lock = sys.open(path.join(work, "loden.lock"), 0);
    sys.flock(lock, 2);
    expect(why()).toBe("the daemon is not ready: the store at 10.0.0.1:2379 does not answer");
    fs.writeFileSync(subnetFile, ENV);
    expect(why()).toBe("the daemon is not ready: the store at 10.0.0.1:2379 does not answer");
    fs.writeFileSync(path.join(work, "loden.json"), JSON.stringify({ ...status, ready: true, reason: null }));
    succeed(call("STATUS"));
    sys.close(lock);
  });
});
