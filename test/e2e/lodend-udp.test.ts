// Real daemons over the udp backend with the kernel's data path: ready, drift repaired while they run, and twenty restarts,
// half of them kill -9, without a packet lost.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startEtcd } from "../support/etcd.ts";
import { enterFreshBpfFs } from "../support/bpf.ts";
import { LODEN, LodendHost, makeSwitch, SWITCH_ADDRESS } from "../support/lodend.ts";
import { enterFreshNetns, iproute } from "../support/netns.ts";
import { startProcess, type Started } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const READY = /"msg":"ready: /;
const RESTARTS = 20;

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: [LodendHost, LodendHost];
const daemons = new Map<LodendHost, Started>();

beforeAll(async () => {
  enterFreshNetns();
  enterFreshBpfFs();
  directory = tempDir("lodend-udp");
  etcd = await startEtcd();
  makeSwitch();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  hosts = [new LodendHost(1, directory.path), new LodendHost(2, directory.path)];
  etcd.ctl(
    "put",
    "/coreos.com/network/config",
    '{"Network":"10.79.0.0/16","Backend":{"Type":"udp","Datapath":"kernel"}}',
  );
  for (const host of hosts) {
    await start(host);
    host.netns.run(() => {
      iproute("link", "add", "pods", "type", "bridge");
      iproute("addr", "add", `${podOf(host)}/24`, "dev", "pods");
      iproute("link", "set", "pods", "up");
    });
  }
});

afterAll(async () => {
  for (const { child } of daemons.values()) child.kill("SIGKILL");
  await Promise.all([...daemons.values()].map(({ finished }) => finished));
  for (const host of hosts) host[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function start(host: LodendHost): Promise<void> {
  const daemon = host.start(`--etcd-endpoints=http://${proxy.authority}`, "--iface=eth0");
  daemons.set(host, daemon);
  await daemon.printed(READY);
}

async function end(host: LodendHost, signal: NodeJS.Signals): Promise<void> {
  const daemon = daemons.get(host)!;
  daemon.child.kill(signal);
  await daemon.finished;
  daemons.delete(host);
}

function podOf(host: LodendHost): string {
  return host.subnet.address.add(1).toString();
}

test("containers reach each other, and get the MTU that fits", async () => {
  const [a, b] = hosts;
  const { status } = await a.run("ping", "-n", "-c", "1", "-i", "0.05", "-w", "60", podOf(b));
  expect(status).toBe(0);
  expect(a.subnetEnv).toMatch(/^FLANNEL_MTU=1472$/m);
  expect(a.netns.run(() => iproute("route", "show", "dev", "flannel0"))).toMatch(/10\.79\.0\.0\/16/);
});

test("who carries the packets is told, and what went to whom", async () => {
  const [a, b] = hosts;
  const { stderr } = daemons.get(a)!.output;
  const [, attachment] =
    /the kernel carries the udp backend's packets, as it takes the programs; they are attached by (tcx|clsact)"/.exec(
      stderr,
    ) ?? [];
  expect(a.status.datapath, stderr).toMatchObject({ mode: "kernel", attachment });
  const { stdout } = await a.run(process.execPath, LODEN, "state", `--subnet-file=${a.subnetFile}`);
  const line = stdout.split("\n").find((text) => text.includes(`# ${b.address} (${b.subnet.toString()})`));
  expect(line, stdout).toMatch(/sent [1-9]\d* packets, \d+ bytes; received [1-9]\d* packets, \d+ bytes/);
});

test("twenty restarts of a daemon lose no packet", async () => {
  const [a, b] = hosts;
  // Till interrupted, when it says how many came back.
  const pinging = b.netns.run(() => startProcess("ping", ["-n", "-q", "-i", "0.01", podOf(a)]));
  for (let restart = 0; restart < RESTARTS; restart++) {
    await end(a, restart % 2 === 0 ? "SIGTERM" : "SIGKILL");
    await start(a);
  }
  pinging.child.kill("SIGINT");
  const { stdout } = await pinging.finished;
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  expect(Number(sent)).toBeGreaterThan(RESTARTS * 10);
  // The last one may have been on its way.
  expect(Number(received)).toBeGreaterThanOrEqual(Number(sent) - 1);
});

test("cleanup leaves nothing of it", async () => {
  const [a] = hosts;
  await end(a, "SIGTERM");
  const links = (): string => a.netns.run(() => iproute("-br", "link"));
  expect(links()).toMatch(/flannel0-cut/);
  const places = [`--subnet-file=${a.subnetFile}`, `--state-dir=${a.stateDirectory}`];
  const { status, stdout } = await a.run(process.execPath, LODEN, "cleanup", ...places);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/BPF program encap at egress of flannel0/)]);
  expect(links()).not.toMatch(/flannel/);
  const again = await a.run(process.execPath, LODEN, "cleanup", "--dry-run", ...places);
  expect(again.stdout).not.toMatch(/BPF|flannel/);
});
