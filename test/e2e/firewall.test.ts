// The firewall of real daemons: spoofed packets, restarts under traffic, the choice of iptables, other firewalls in the
// way, and cleanup at the end.
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { startEtcd } from "../support/etcd.ts";
import { LODEN, LodendHost, makeSwitch, SWITCH_ADDRESS } from "../support/lodend.ts";
import { enterFreshNetns, iproute, iprouteJson } from "../support/netns.ts";
import { Pings } from "../support/pings.ts";
import type { Started } from "../support/processes.ts";
import { sendRaw, udpPacket, vxlanFrame } from "../support/spoof.ts";
import type { StoreServer } from "../support/store-server.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const CONFIG = '{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan"}}';
const READY = /"msg":"ready: /;
const KEY = "/coreos.com/network/config";

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: [LodendHost, LodendHost];
let daemons: Started[] = [];

beforeAll(async () => {
  enterFreshNetns();
  directory = tempDir("firewall");
  etcd = await startEtcd();
  makeSwitch();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  hosts = [new LodendHost(1, directory.path), new LodendHost(2, directory.path)];
  etcd.ctl("put", KEY, CONFIG);
});

afterAll(async () => {
  for (const { child } of daemons) child.kill("SIGKILL");
  await Promise.all(daemons.map(({ finished }) => finished));
  for (const host of hosts) host[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function start(host: LodendHost, ...args: readonly string[]): Started {
  const daemon = host.start(`-etcd-endpoints=http://${proxy.authority}`, "--ip-masq", "-v", "1", ...args);
  daemons.push(daemon);
  return daemon;
}

async function stop(daemon: Started, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  daemon.child.kill(signal);
  await daemon.finished;
  daemons = daemons.filter((other) => other !== daemon);
}

const run = (host: LodendHost, program: string, ...args: readonly string[]): string =>
  host.netns.run(() => execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));

describe("two hosts", () => {
  let first: Started;
  let second: Started;

  test("take no packets from who is no peer, and say how many there were", async () => {
    [first, second] = [start(hosts[0], "--healthz-port=8081"), start(hosts[1])];
    await Promise.all([first.printed(READY), second.printed(READY)]);
    const [host, peer] = hosts;
    run(
      host,
      "nft",
      "add table inet probe; add chain inet probe in { type filter hook input priority 0; }; " +
        'add rule inet probe in iifname "flannel.1" udp dport 9999 counter',
    );
    const inside = (): number =>
      Number(/counter packets (\d+)/.exec(run(host, "nft", "list", "table", "inet", "probe"))![1]);
    // The first may have been ready before the second had a lease.
    await expect.poll(() => run(host, "nft", "list", "set", "inet", "loden-peers", "peers4")).toContain(peer.address);
    const [link] = host.netns.run(() => iprouteJson("link", "show", "flannel.1"));
    const send = (source: string): void => {
      const inner = udpPacket({
        source: peer.subnet.address.add(9),
        destination: host.subnet.address,
        port: 9999,
        payload: new Uint8Array(4),
      });
      const payload = vxlanFrame(1, Mac.parse(String(link?.["address"])), Mac.parse("02:00:00:00:00:09"), inner);
      const destination = Address.parse(host.address);
      // The switch's own namespace, which is this process's, is the stranger.
      sendRaw(udpPacket({ source: Address.parse(source), destination, port: 8472, payload }), destination);
      execFileSync("ping", ["-n", "-q", "-c", "1", host.address]);
    };
    send(SWITCH_ADDRESS);
    send("192.168.99.77");
    expect(inside()).toBe(0);
    send(peer.address);
    expect(inside()).toBe(1);
    const response = await fetch(`http://${host.address}:8081/status`);
    expect(await response.json()).toMatchObject({ sourceFilter: { dropped: 2 } });
  });

  test("lose no packet while a daemon starts again and again, with filter and without, with each firewall", async () => {
    const pings = await Pings.start(hosts[1], hosts[0]);
    for (const [signal, ...flags] of [
      ["SIGTERM"],
      ["SIGKILL"],
      ["SIGTERM", "--firewall=iptables-nft"],
      ["SIGKILL", "--firewall=iptables-legacy"],
      ["SIGTERM", "--source-filter=false"],
      ["SIGKILL"],
    ] as const) {
      await stop(first, signal);
      first = start(hosts[0], ...flags);
      await first.printed(READY);
    }
    expect(await pings.stop()).toMatchObject({ missing: [] });
  });

  test("keep the filter as it is while the store is away, also over a restart", async () => {
    const before = run(hosts[0], "nft", "list", "set", "inet", "loden-peers", "peers4");
    expect(before).toContain(hosts[1].address);
    proxy.cut();
    await stop(first);
    first = start(hosts[0]);
    await first.printed(READY);
    expect(run(hosts[0], "nft", "list", "set", "inet", "loden-peers", "peers4")).toBe(before);
    proxy.mend();
    await first.printed(/"code":"ERR_STORE_UNAVAILABLE","msg":"over: /);
  });

  test("change the firewall with the network's configuration", async () => {
    etcd.ctl("put", KEY, CONFIG.replace("{", '{"EnableNFTables":false,'));
    await expect.poll(() => run(hosts[0], "iptables", "-S", "FORWARD")).toContain("-j FLANNEL-FWD");
    await expect.poll(() => run(hosts[0], "nft", "list", "tables")).not.toMatch(/inet loden$/m);
    etcd.ctl("put", KEY, CONFIG.replace("{", '{"EnableNFTables":true,'));
    await expect.poll(() => run(hosts[0], "nft", "list", "tables")).toMatch(/inet loden$/m);
    await expect.poll(() => run(hosts[0], "iptables", "-S")).not.toContain("FLANNEL");
    etcd.ctl("put", KEY, CONFIG);
  });

  test("see a firewall that comes up and drops, and get through it or say why not", async () => {
    run(hosts[0], "iptables-nft", "-P", "FORWARD", "DROP");
    await expect.poll(() => run(hosts[0], "iptables-nft", "-S")).toContain("-A FLANNEL-FWD -s 10.77.0.0/16");
    const told = first.printed(/the chain inet other forward of nftables has the policy drop/);
    run(
      hosts[0],
      "nft",
      "add table inet other; add chain inet other forward { type filter hook forward priority 0; policy drop; }",
    );
    await told;
    const over = first.printed(/"msg":"over: the chain inet other forward/);
    run(hosts[0], "nft", "delete table inet other");
    await over;
    run(hosts[0], "iptables-nft", "-P", "FORWARD", "ACCEPT");
    await expect.poll(() => run(hosts[0], "iptables-nft", "-S")).not.toContain("FLANNEL");
  });

  test("tell in a plan, without a daemon, of the accepts that a start would add, and of nothing without a drop", async () => {
    await stop(first);
    const files = [`--subnet-file=${hosts[0].subnetFile}`, `--state-dir=${hosts[0].stateDirectory}`];
    const plan = (...more: readonly string[]) =>
      hosts[0].run(process.execPath, LODEN, "plan", ...files, "--ip-masq", ...more);
    expect(await plan()).toMatchObject({ status: 0, stdout: expect.stringContaining("nothing to change") as unknown });
    for (const variant of ["nft", "legacy"]) run(hosts[0], `iptables-${variant}`, "-P", "FORWARD", "DROP");
    const { status, stdout } = await plan();
    expect([status, stdout.match(/^ {2}[+~-] .*(?=:)/gm)]).toEqual([
      4,
      ["nft", "legacy"].map((variant) => `  + iptables iptables-${variant} (wanted by base)`),
    ]);
    expect((await plan("--firewall=nftables")).stdout).toContain("nothing to change");
    expect((await plan("--iptables-forward-rules=false")).stdout).toContain("nothing to change");
    expect(run(hosts[0], "iptables-nft", "-S")).not.toContain("FLANNEL");
    for (const variant of ["nft", "legacy"]) run(hosts[0], `iptables-${variant}`, "-P", "FORWARD", "ACCEPT");
    first = start(hosts[0]);
    await first.printed(READY);
  });

  test("are without anything of Loden after cleanup", async () => {
    const cleanup = (...flags: readonly string[]) =>
      hosts[0].run(
        process.execPath,
        LODEN,
        "cleanup",
        "--subnet-file",
        hosts[0].subnetFile,
        "--state-dir",
        hosts[0].stateDirectory,
        ...flags,
      );
    expect(await cleanup()).toMatchObject({ status: 1, stderr: expect.stringContaining("lodend runs") as unknown });
    await stop(first);
    run(hosts[0], "nft", "delete table inet probe");
    const { status, stdout } = await cleanup("--files");
    expect([status, stdout]).toEqual([0, expect.stringContaining("removed link flannel.1\n")]);
    expect(run(hosts[0], "nft", "list", "tables")).not.toContain("loden");
    expect(hosts[0].netns.run(() => iproute("route"))).not.toContain("10.77.");
    expect((await cleanup("--files")).stdout).toBe("there is nothing of Loden's to remove\n");
  });
});
