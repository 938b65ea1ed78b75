// The extension backend with flannel's documented examples, word for word, on real daemons: host-gw by two commands, and
// VXLAN by three; and what happens to hosts that were not told to allow commands.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startEtcd } from "../support/etcd.ts";
import { LODEND, LodendHost, makeSwitch, runLoden, SWITCH_ADDRESS } from "../support/lodend.ts";
import { enterFreshNetns, iprouteJson } from "../support/netns.ts";
import { type Started, startProcess } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const READY = /"msg":"ready: /;

const HOST_GW = {
  Network: "10.0.0.0/16",
  Backend: {
    Type: "extension",
    SubnetAddCommand: "ip route add $SUBNET via $PUBLIC_IP",
    SubnetRemoveCommand: "ip route del $SUBNET via $PUBLIC_IP",
  },
};

const VXLAN = {
  Network: "10.50.0.0/16",
  Backend: {
    Type: "extension",
    PreStartupCommand:
      "export VNI=1; export IF_NAME=flannel-vxlan; ip link del $IF_NAME 2>/dev/null; ip link add $IF_NAME type vxlan id $VNI dstport 8472 && cat /sys/class/net/$IF_NAME/address",
    PostStartupCommand:
      "export IF_NAME=flannel-vxlan; export SUBNET_IP=`echo $SUBNET | cut -d'/' -f 1`; ip addr add $SUBNET_IP/32 dev $IF_NAME && ip link set $IF_NAME up",
    SubnetAddCommand:
      "export SUBNET_IP=`echo $SUBNET | cut -d'/' -f 1`; export IF_NAME=flannel-vxlan; read VTEP; ip route add $SUBNET nexthop via $SUBNET_IP dev $IF_NAME onlink && arp -s $SUBNET_IP $VTEP dev $IF_NAME && bridge fdb add $VTEP dev $IF_NAME self dst $PUBLIC_IP",
  },
};

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: LodendHost[] = [];
let daemons: Started[] = [];
let count = 0;
let prefix = "";

beforeAll(async () => {
  enterFreshNetns();
  directory = tempDir("extension");
  etcd = await startEtcd();
  makeSwitch();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
});

afterEach(async () => {
  await Promise.all(daemons.map((daemon) => stop(daemon, "SIGKILL")));
  for (const host of hosts) host[Symbol.dispose]();
  hosts = [];
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** Fresh hosts of a network of their own. */
function fabric(config: object, howMany = 2): LodendHost[] {
  prefix = `/extension/${++count}`;
  etcd.ctl("put", `${prefix}/config`, JSON.stringify(config));
  const place = path.join(directory.path, `${count}`);
  hosts = Array.from({ length: howMany }, (_, index) => new LodendHost(index + 1, place));
  return hosts;
}

/** sysfs shows the namespace that it was mounted in: the host's own, for what commands read there. */
const WITH_OWN_SYSFS = ["--mount", "sh", "-c", 'mount -t sysfs none /sys && exec "$@"', "sh"];

function start(host: LodendHost, ...args: readonly string[]): Started {
  const all = [`--etcd-endpoints=http://${proxy.authority}`, `--etcd-prefix=${prefix}`, ...args];
  const files = [`--subnet-file=${host.subnetFile}`, `--state-dir=${host.stateDirectory}`];
  const daemon = host.netns.run(() =>
    startProcess("unshare", [...WITH_OWN_SYSFS, process.execPath, LODEND, ...files, ...all]),
  );
  daemons.push(daemon);
  return daemon;
}

async function ready(...all: readonly LodendHost[]): Promise<Started[]> {
  const started = all.map((host) => start(host, "--allow-extension-commands", `--node-id=${host.name}`));
  await Promise.all(started.map((daemon) => daemon.printed(READY)));
  return started;
}

async function stop(daemon: Started, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  daemons = daemons.filter((other) => other !== daemon);
  daemon.child.kill(signal);
  await daemon.finished;
}

const routes = (host: LodendHost): string[] =>
  host.netns
    .run(() => iprouteJson("route", "show"))
    .flatMap(({ dst, gateway }) => (String(dst).startsWith("10.") ? [`${String(dst)} via ${String(gateway)}`] : []));

describe("flannel's documented examples", () => {
  test("host-gw: a route comes with a peer's lease, outlives a restart, and goes with the lease", async () => {
    const [a, b] = fabric(HOST_GW) as [LodendHost, LodendHost];
    const [first, second] = await ready(a, b);
    await expect
      .poll(() => [routes(a), routes(b)])
      .toEqual([[`${b.subnet.toString()} via ${b.address}`], [`${a.subnet.toString()} via ${a.address}`]]);
    await stop(first!);
    const [again] = await ready(a);
    await again!.printed(/it stays as an earlier run left it, as .*File exists/);
    expect(a.status.problems).toEqual([]);
    await stop(second!, "SIGKILL");
    etcd.ctl("del", `${prefix}/subnets/${b.subnet.toString().replace("/", "-")}`);
    await again!.printed(/Backend.SubnetRemoveCommand ran/);
  });

  test("vxlan: what the first command prints reaches the peers, and packets pass", async () => {
    const [a, b] = fabric(VXLAN) as [LodendHost, LodendHost];
    await ready(a, b);
    const macOf = (host: LodendHost): unknown =>
      host.netns.run(() => iprouteJson("link", "show", "flannel-vxlan"))[0]?.["address"];
    const record = etcd.ctl("get", "--print-value-only", `${prefix}/subnets/${a.subnet.toString().replace("/", "-")}`);
    expect(JSON.parse(record)).toMatchObject({ BackendType: "extension", BackendData: macOf(a) });
    const { status } = await a.run("ping", "-n", "-c", "1", "-i", "0.05", "-w", "60", b.subnet.address.toString());
    expect(status).toBe(0);
  });
});

describe("a host", () => {
  test("that was not told to allow commands runs none, takes no lease and says what to do", async () => {
    const marker = path.join(directory.path, "ran");
    const [a] = fabric({
      Network: "10.0.0.0/16",
      Backend: { Type: "extension", PreStartupCommand: `touch ${marker}` },
    });
    const { status, stderr } = await start(a!).finished;
    expect(status).toBe(1);
    expect(stderr).toMatch(/extension.*commands come from the store.*--allow-extension-commands/);
    expect(existsSync(marker)).toBe(false);
    expect(etcd.ctl("get", "--prefix", "--keys-only", `${prefix}/subnets/`).trim()).toBe("");
  });

  test("that leaves for good runs ShutdownCommand, and one that only stops does not", async () => {
    const log = path.join(directory.path, "shutdowns");
    const Backend = { Type: "extension", ShutdownCommand: `echo $SUBNET >> ${log}` };
    const [a] = fabric({ Network: "10.0.0.0/16", Backend }, 1);
    const [first] = await ready(a!);
    await stop(first!);
    expect(existsSync(log)).toBe(false);
    const [second] = await ready(a!);
    const subnet = a!.subnet.toString();
    await runLoden("drain", `--subnet-file=${a!.subnetFile}`);
    await second!.finished;
    expect(readFileSync(log, "utf8")).toBe(`${subnet}\n`);
  });

  test("whose command fails says which, for which peer, and with what words; it is ready all the same", async () => {
    const Backend = { Type: "extension", SubnetAddCommand: "echo oh no >&2; exit 7" };
    const [a, b] = fabric({ Network: "10.0.0.0/16", Backend }) as [LodendHost, LodendHost];
    await ready(a, b);
    const text = `Backend.SubnetAddCommand failed for ${b.subnet.toString()}: it ended with status 7; it said: oh no`;
    await expect.poll(() => a.status.problems.map((problem) => problem.text)).toEqual([text]);
    expect(a.status.ready).toBe(true);
  });

  test("goes on with the commands it has when the store has others", async () => {
    const [a] = fabric(HOST_GW, 1);
    const [daemon] = await ready(a!);
    const Backend = { ...HOST_GW.Backend, SubnetAddCommand: "reboot" };
    etcd.ctl("put", `${prefix}/config`, JSON.stringify({ ...HOST_GW, Backend }));
    await daemon!.printed(
      /extension backend, its commands and the network they are told of are taken up at the start only/,
    );
  });
});
