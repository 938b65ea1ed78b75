// Real daemons over the udp backend where the kernel is not to carry the packets, beside one where it is: they reach each other,
// say who carries what, measure their paths, and one that is killed comes back.
import { afterAll, beforeAll, expect, test } from "vitest";
import { enterFreshBpfFs } from "../support/bpf.ts";
import { startEtcd } from "../support/etcd.ts";
import { LODEND, LodendHost, makeSwitch, SWITCH_ADDRESS } from "../support/lodend.ts";
import { enterFreshNetns, iproute } from "../support/netns.ts";
import { startProcess, type Started } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const READY = /"msg":"ready: /;

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: [LodendHost, LodendHost];
const daemons = new Map<LodendHost, Started>();

function configure(datapath: string): void {
  const backend = { Type: "udp", Datapath: datapath };
  etcd.ctl("put", "/coreos.com/network/config", JSON.stringify({ Network: "10.79.0.0/16", Backend: backend }));
}

beforeAll(async () => {
  enterFreshNetns();
  enterFreshBpfFs();
  directory = tempDir("lodend-udp-userspace");
  etcd = await startEtcd();
  makeSwitch();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  hosts = [new LodendHost(1, directory.path), new LodendHost(2, directory.path)];
  configure("userspace");
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
  const daemon = host.start(`--etcd-endpoints=http://${proxy.authority}`, "--iface=eth0", "--probe-interval=1");
  daemons.set(host, daemon);
  await daemon.printed(READY);
}

function podOf(host: LodendHost): string {
  return host.subnet.address.add(1).toString();
}

async function ping(from: LodendHost, to: LodendHost): Promise<number> {
  const { status } = await from.run("ping", "-n", "-c", "1", "-i", "0.05", "-w", "60", podOf(to));
  return status ?? -1;
}

test("containers reach each other by threads", async () => {
  const [a, b] = hosts;
  expect(await ping(a, b)).toBe(0);
  expect(a.netns.run(() => iproute("-d", "link", "show", "flannel0"))).toMatch(/tun type tun .* persist on/);
  expect(a.status.datapath).toMatchObject({ mode: "userspace", attachment: null });
  expect(daemons.get(a)!.output.stderr).toMatch(
    /a thread carries the udp backend's packets, as the option Datapath says/,
  );
  expect(a.status).toMatchObject({ ready: true, datapathWorker: { state: "running", restarts: 0, reason: null } });
});

test("the paths are measured, and a narrow one is reported", async () => {
  const [a, b] = hosts;
  // A probe may be late on a busy machine, and counts as lost for as long as it is one of the latest. Of the overlay's two
  // addresses that is asked on which has answered.
  const gateways = [b.subnet.first, b.subnet.first.add(1)].map((address) => address.toString());
  await expect
    .poll(() => a.status.probes)
    .toMatchObject([
      {
        family: 4,
        underlay: { target: b.address, loss: 0, mtu: 1500 },
        overlay: { target: expect.toBeOneOf(gateways) as string, loss: 0, mtu: 1472 },
      },
    ]);
  // Nobody tells: frames that are too long vanish, as in a switch.
  b.netns.run(() => iproute("link", "set", "eth0", "mtu", "1400"));
  await daemons.get(a)!.printed(/ERR_MTU/);
  await expect.poll(() => a.status.problems.map(({ code }) => code)).toContain("ERR_MTU");
  b.netns.run(() => iproute("link", "set", "eth0", "mtu", "1500"));
});

test("a daemon that is killed takes its thread with it, leaves the routes, and comes back", async () => {
  const [a, b] = hosts;
  const daemon = daemons.get(a)!;
  daemon.child.kill("SIGKILL");
  await daemon.finished;
  expect(a.netns.run(() => iproute("route", "show", "dev", "flannel0"))).toContain("10.79.0.0/16");
  await start(a);
  expect(await ping(a, b)).toBe(0);
  expect(await ping(b, a)).toBe(0);
});

test("a daemon that is stopped ends at once, though its thread waits for packets", async () => {
  const daemon = daemons.get(hosts[0])!;
  daemon.child.kill("SIGTERM");
  expect((await daemon.finished).status).toBe(0);
});

test("a daemon that may not use BPF carries the packets itself, and says why", async () => {
  const [a, b] = hosts;
  configure("auto");
  const daemon = a.netns.run(() =>
    startProcess("setpriv", [
      // CAP_SYS_ADMIN and CAP_BPF are both good for it.
      "--bounding-set=-sys_admin,-bpf",
      process.execPath,
      LODEND,
      `--subnet-file=${a.subnetFile}`,
      `--state-dir=${a.stateDirectory}`,
      `--etcd-endpoints=http://${proxy.authority}`,
      "--iface=eth0",
    ]),
  );
  daemons.set(a, daemon);
  await daemon.printed(READY);
  const { stderr } = daemon.output;
  expect(stderr).toMatch(/carried by a thread of lodend, more slowly than the kernel would: .*EPERM/);
  expect(stderr).toMatch(/a thread carries the udp backend's packets, as .*EPERM/);
  expect(await ping(a, b)).toBe(0);
  daemon.child.kill("SIGTERM");
  await daemon.finished;
  configure("userspace");
});

test("the same network with the kernel's path on one host", async () => {
  const [a, b] = hosts;
  configure("kernel");
  await start(a);
  configure("userspace");
  expect(a.status).toMatchObject({ ready: true, datapathWorker: null });
  expect(await ping(a, b)).toBe(0);
  expect(await ping(b, a)).toBe(0);
});
