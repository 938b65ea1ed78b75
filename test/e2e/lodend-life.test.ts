// What befalls a real daemon on a real host with a real etcd: a boot while the store is away, another address, another
// network configuration, and the end of its lease by intent. Packets flow all the while.
import { execFileSync } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { pretendBoot } from "../support/boot.ts";
import { Echo } from "../support/echo-stream.ts";
import { startEtcd } from "../support/etcd.ts";
import { LODEN, LodendHost, makeSwitch, SWITCH_ADDRESS } from "../support/lodend.ts";
import { enterFreshNetns, iproute, iprouteJson } from "../support/netns.ts";
import type { Finished, Started } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const READY = /"msg":"ready: /;
const PREFIX = "/coreos.com/network";

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: [LodendHost, LodendHost];
let daemons: Started[] = [];

beforeAll(async () => {
  enterFreshNetns();
  directory = tempDir("lodend-life");
  etcd = await startEtcd();
  makeSwitch();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  hosts = [new LodendHost(1, directory.path), new LodendHost(2, directory.path)];
  config('{"Network":"10.78.0.0/16","Backend":{"Type":"vxlan"}}');
});

afterAll(async () => {
  for (const { child } of daemons) child.kill("SIGKILL");
  await Promise.all(daemons.map(({ finished }) => finished));
  for (const host of hosts) host[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function config(text: string): void {
  etcd.ctl("put", `${PREFIX}/config`, text);
}

function start(host: LodendHost, ...args: readonly string[]): Started {
  const daemon = host.start(`--etcd-endpoints=http://${proxy.authority}`, "-v", "1", ...args);
  daemons.push(daemon);
  return daemon;
}

async function end(daemon: Started, signal: NodeJS.Signals): Promise<number | null> {
  daemon.child.kill(signal);
  const { status } = await daemon.finished;
  daemons = daemons.filter((other) => other !== daemon);
  return status;
}

/** What containers would be reached at, whatever the backend: the address of their bridge. */
function bridgeOf(host: LodendHost): string {
  return host.subnet.address.add(1).toString();
}

/** 0 once there is an answer over the overlay, within a minute. */
async function ping(from: LodendHost, to: LodendHost): Promise<number | null> {
  const { status } = await from.run("ping", "-n", "-c", "1", "-i", "0.05", "-w", "60", bridgeOf(to));
  return status;
}

/** Packets lost of those sent while `during` runs. */
async function lostWhile(from: LodendHost, to: LodendHost, during: () => Promise<void>): Promise<number> {
  const echo = await Echo.start(from.netns, bridgeOf(to), 1);
  await echo.answeredAfter(20);
  await during();
  await echo.answeredAfter(echo.last);
  return (await echo.stop()).lost;
}

function record(host: LodendHost): Record<string, unknown> {
  const key = `${PREFIX}/subnets/${host.subnet.toString().replace("/", "-")}`;
  return JSON.parse(etcd.ctl("get", "--print-value-only", key) || "null") as Record<string, unknown>;
}

function drain(host: LodendHost, ...args: readonly string[]): Promise<Finished> {
  return host.run(process.execPath, LODEN, "drain", "--subnet-file", host.subnetFile, ...args);
}

describe("two hosts", () => {
  let first: Started;
  let second: Started;

  test("keep their last known state in a directory of their own", async () => {
    [first, second] = [start(hosts[0]), start(hosts[1])];
    await Promise.all([first.printed(READY), second.printed(READY)]);
    for (const host of hosts) {
      host.netns.run(() => {
        iproute("link", "add", "cni0", "type", "bridge");
        iproute("addr", "add", `${bridgeOf(host)}/24`, "dev", "cni0");
        iproute("link", "set", "cni0", "up");
      });
    }
    expect(await ping(hosts[0], hosts[1])).toBe(0);
    expect(await end(first, "SIGTERM")).toBe(0);
    expect(statSync(hosts[0].stateDirectory).mode & 0o777).toBe(0o700);
  });

  test("come up from it after a boot while the store is away, with packets, and go on with the store after it", async () => {
    const { subnetEnv } = hosts[0];
    const [before] = hosts[0].netns.run(() => iprouteJson("link", "show", "flannel.1"));
    const value = record(hosts[0]);
    // A boot: the kernel is as it begins, and /run is empty.
    hosts[0].netns.run(() => {
      iproute("link", "del", "flannel.1");
      execFileSync("nft", ["flush", "ruleset"]);
      writeSysctl("net/ipv4/ip_forward", "0");
    });
    const bootId = pretendBoot(directory.path);
    rmSync(hosts[0].subnetFile);
    rmSync(path.join(path.dirname(hosts[0].subnetFile), "loden.json"));
    proxy.cut();
    first = start(hosts[0], "--healthz-port=8081");
    await first.printed(READY);
    expect(hosts[0].subnetEnv).toBe(subnetEnv);
    expect(hosts[0].status).toMatchObject({ bootId, ready: true });
    expect(hosts[0].netns.run(() => readSysctl("net/ipv4/ip_forward"))).toBe("1");
    expect(hosts[0].status.problems.map(({ text }) => text).join("\n")).toContain("runs from the last known state");
    const [after] = hosts[0].netns.run(() => iprouteJson("link", "show", "flannel.1"));
    expect(after?.["address"]).toBe(before?.["address"]);
    expect(await ping(hosts[0], hosts[1])).toBe(0);
    const confirmed = first.printed(/the store confirms the lease of the last known state/);
    proxy.mend();
    await confirmed;
    expect(record(hosts[0])).toEqual(value);
  });

  test("follow a new address: the subnet stays, and pings between the overlays go on", async () => {
    const { subnetEnv } = hosts[0];
    const told = first.printed(/the lease tells the other nodes/);
    const [before] = hosts[0].netns.run(() => iprouteJson("link", "show", "flannel.1"));
    hosts[0].netns.run(() => {
      iproute("addr", "flush", "dev", "eth0");
      iproute("addr", "add", "192.168.99.31/24", "dev", "eth0");
      iproute("route", "add", "default", "via", SWITCH_ADDRESS);
    });
    await told;
    expect(record(hosts[0])["PublicIP"]).toBe("192.168.99.31");
    expect(hosts[0].subnetEnv).toBe(subnetEnv);
    expect(await ping(hosts[0], hosts[1])).toBe(0);
    const [after] = hosts[0].netns.run(() => iprouteJson("-d", "link", "show", "flannel.1"));
    expect(after).toMatchObject({ ifindex: before?.["ifindex"], linkinfo: { info_data: { local: "192.168.99.31" } } });
  });

  test("take another MTU up without a lost packet", async () => {
    const taken = [first, second].map((daemon) => daemon.printed(/has changed, and is taken up/));
    const lost = await lostWhile(hosts[0], hosts[1], async () => {
      config('{"Network":"10.78.0.0/16","Backend":{"Type":"vxlan","MTU":1400}}');
      await Promise.all(taken);
      await expect.poll(() => hosts[0].subnetEnv).toContain("FLANNEL_MTU=1350\n");
    });
    expect(lost).toBe(0);
    expect(hosts[0].netns.run(() => iprouteJson("link", "show", "flannel.1"))).toMatchObject([{ mtu: 1350 }]);
  });

  test("move to another VNI and to host-gw with no packet lost, and drop what they had before", async () => {
    for (const [backend, device] of [
      ['{"Type":"vxlan","VNI":9}', "flannel.1"],
      ['{"Type":"host-gw"}', "flannel.9"],
    ] as const) {
      const lost = await lostWhile(hosts[0], hosts[1], async () => {
        config(`{"Network":"10.78.0.0/16","Backend":${backend}}`);
        for (const host of hosts) {
          await expect
            .poll(() =>
              host.netns.run(() => iprouteJson("link", "show", "type", "vxlan")).map((link) => link["ifname"]),
            )
            .not.toContain(device);
        }
      });
      expect([backend, lost]).toEqual([backend, 0]);
    }
    expect(record(hosts[0])["BackendType"]).toBe("host-gw");
  });

  test("refuse what they cannot take up, and say why", async () => {
    const refused = first.printed(/10\.80\.0\.0\/16 does not hold this node's subnet/);
    config('{"Network":"10.80.0.0/16","Backend":{"Type":"host-gw"}}');
    await refused;
    expect(hosts[0].status).toMatchObject({ ready: true });
    const over = first.printed(/"msg":"over: the network configuration has changed/);
    config('{"Network":"10.78.0.0/16","Backend":{"Type":"host-gw"}}');
    await over;
  });

  test("refuse a live node's address to another, and name it", async () => {
    const file = `--subnet-file=${path.join(directory.path, "twin", "subnet.env")}`;
    const twin = start(hosts[1], file, "--node-id=twin");
    const [text] = await twin.printed(/another live node [^"]*/);
    expect(text).toContain(`(id ${String(hosts[1].status.nodeId)})`);
    expect(text).toContain(hosts[1].address);
    const told = async () => (await hosts[1].run(process.execPath, LODEN, "status", file)).stdout;
    await expect.poll(told, { timeout: 10_000 }).toMatch(/^not ready, in phase lease: another live node .*CONFLICT/);
    await end(twin, "SIGKILL");
  });

  test("are drained: the lease is gone, and peers drop the way to it", async () => {
    const key = hosts[0].subnet.toString().replace("/", "-");
    const route = (): unknown[] => hosts[1].netns.run(() => iprouteJson("route", "show", hosts[0].subnet.toString()));
    expect(route()).toHaveLength(1);
    const subnet = hosts[0].subnet.toString();
    const drained = await drain(hosts[0]);
    expect(drained).toMatchObject({ status: 0, stdout: `given back: ${subnet}\n` });
    await first.finished;
    expect(etcd.ctl("get", "--prefix", `${PREFIX}/subnets/`)).not.toContain(key);
    await expect.poll(() => hosts[1].netns.run(() => iprouteJson("route", "show", subnet))).toEqual([]);
    expect((await drain(hosts[0])).status).toBe(3);
  });

  test("are not drained while containers are attached, unless forced", async () => {
    const host = hosts[1];
    host.netns.run(() => {
      iproute("link", "add", "vpod", "type", "veth", "peer", "name", "pod");
      iproute("link", "set", "vpod", "master", "cni0");
    });
    expect(await drain(host)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/1 containers are attached \(vpod\)/),
    });
    expect(host.status).toMatchObject({ ready: true });
    expect(await drain(host, "--force")).toMatchObject({ status: 0 });
    expect(etcd.ctl("get", "--prefix", `${PREFIX}/subnets/`)).toBe("");
  });
});
