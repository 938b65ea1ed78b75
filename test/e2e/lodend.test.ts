// Real daemons, a real etcd, real packets: two hosts as network namespaces, from start to stop, and through what a host
// goes through.
import { statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEtcd } from "../support/etcd.ts";
import { LodendHost, makeSwitch, runLoden, SWITCH_ADDRESS } from "../support/lodend.ts";
import { bridgeJson, enterFreshNetns, iproute, iprouteJson, nftRuleset } from "../support/netns.ts";
import type { Started } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const CONFIG = '{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan"}}';
const READY = /"msg":"ready: /;

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: [LodendHost, LodendHost];
let daemons: Started[] = [];

beforeAll(async () => {
  enterFreshNetns();
  directory = tempDir("lodend");
  etcd = await startEtcd();
  makeSwitch();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  hosts = [new LodendHost(1, directory.path), new LodendHost(2, directory.path)];
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

async function stop(daemon: Started, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  daemon.child.kill(signal);
  const { status } = await daemon.finished;
  daemons = daemons.filter((other) => other !== daemon);
  return status;
}

/** From host a, over the overlay, to the address of host b's device: 0 once there is an answer, within a minute. */
async function ping(a: LodendHost, b: LodendHost): Promise<number | null> {
  const { status } = await a.run("ping", "-n", "-c", "1", "-i", "0.05", "-w", "60", b.subnet.address.toString());
  return status;
}

interface VxlanState {
  readonly ifindex: unknown;
  readonly mac: unknown;
}

function vxlanState(host: LodendHost): VxlanState {
  const [link] = host.netns.run(() => iprouteJson("link", "show", "flannel.1"));
  return { ifindex: link?.["ifindex"], mac: link?.["address"] };
}

describe("two hosts", () => {
  let first: Started;
  let second: Started;

  test("wait for the configuration, then hold leases in flannel's form", async () => {
    [first, second] = [start(hosts[0], "--healthz-port=8081", "--ip-blackhole-route"), start(hosts[1])];
    await first.printed(/flannel config not found in etcd store/);
    etcd.ctl("put", "/coreos.com/network/config", CONFIG);
    await Promise.all([first.printed(READY), second.printed(READY)]);
    const lines = etcd.ctl("get", "--prefix", "/coreos.com/network/subnets").trim().split("\n");
    const expected = hosts.flatMap((host) => {
      const { mac } = vxlanState(host);
      return [
        `/coreos.com/network/subnets/${host.subnet.toString().replace("/", "-")}`,
        `{"PublicIP":"${host.address}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${String(mac)}"},` +
          `"NodeID":"${String(host.status.nodeId)}","Epoch":1}`,
      ];
    });
    expect(lines.toSorted()).toEqual(expected.toSorted());
  });

  test("have a subnet file of flannel's bytes", () => {
    for (const host of hosts) {
      const gateway = host.subnet.address.add(1).toString();
      expect(host.subnetEnv).toBe(
        `FLANNEL_NETWORK=10.77.0.0/16\nFLANNEL_SUBNET=${gateway}/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n`,
      );
      expect(statSync(host.subnetFile).mode & 0o777).toBe(0o644);
    }
  });

  test("have the peer in the kernel, as flannel would put it", async () => {
    for (const [host, peer] of [hosts, hosts.toReversed()] as [LodendHost, LodendHost][]) {
      expect(await ping(host, peer)).toBe(0);
      const { mac } = vxlanState(peer);
      const subnet = peer.subnet.address.toString();
      host.netns.run(() => {
        expect(iprouteJson("route", "show", "dev", "flannel.1")).toMatchObject([
          { dst: `${subnet}/24`, gateway: subnet, flags: ["onlink"] },
        ]);
        expect(iprouteJson("neigh", "show", "dev", "flannel.1")).toMatchObject([
          { dst: subnet, lladdr: mac, state: ["PERMANENT"] },
        ]);
        expect(bridgeJson("fdb", "show", "dev", "flannel.1")).toMatchObject([{ mac, dst: peer.address }]);
        expect(iprouteJson("addr", "show", "flannel.1")).toMatchObject([
          {
            mtu: 1450,
            addr_info: expect.arrayContaining([
              expect.objectContaining({ local: host.subnet.address.toString(), prefixlen: 32 }),
            ]) as unknown,
          },
        ]);
        expect(nftRuleset().some((object) => "table" in object)).toBe(true);
      });
    }
    const blackholes = hosts[0].netns.run(() => iprouteJson("route", "show", "type", "blackhole"));
    expect(blackholes).toMatchObject([{ dst: hosts[0].subnet.toString(), metric: 65_535 }]);
  });

  test("forward packets", async () => {
    const { stdout } = await hosts[0].run("cat", "/proc/sys/net/ipv4/ip_forward");
    expect(stdout).toBe("1\n");
  });

  test("answer probes, and tell of themselves", async () => {
    const ask = async (where: string): Promise<[number, string]> => {
      const response = await fetch(`http://${hosts[0].address}:8081${where}`);
      return [response.status, await response.text()];
    };
    expect(await ask("/healthz")).toEqual([200, "flanneld is running"]);
    expect(await ask("/readyz")).toEqual([200, "flanneld is ready"]);
    expect(JSON.parse((await ask("/status"))[1])).toMatchObject({ ready: true, peers: { known: 1 }, problems: [] });
    expect((await ask("/metrics"))[1]).toMatch(/^loden_ready 1\n[\s\S]*^loden_peers 1\n/m);
    const { status, stdout } = await runLoden("status", "--subnet-file", hosts[0].subnetFile);
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/^ready .*\n[\s\S]*10\.77\.\d+\.0\/24 for 192\.168\.99\.1/),
    ]);
  });

  test("repair what others break", async () => {
    const repaired = first.printed(/altered from outside/);
    hosts[0].netns.run(() => iproute("link", "del", "flannel.1"));
    await repaired;
    expect(await ping(hosts[0], hosts[1])).toBe(0);
  });

  test("go on while the daemon is stopped; a restart takes up all as it is", async () => {
    const before = [vxlanState(hosts[0]), hosts[0].subnetEnv, etcd.ctl("get", "--prefix", "/coreos.com", "-w", "json")];
    expect(await stop(first)).toBe(0);
    expect(await ping(hosts[0], hosts[1])).toBe(0);
    expect(hosts[0].status).toMatchObject({ phase: "stopped" });
    expect((await runLoden("status", "--subnet-file", hosts[0].subnetFile)).status).toBe(3);
    first = start(hosts[0], "--ip-blackhole-route");
    await first.printed(READY);
    const records = (text: string): unknown => (JSON.parse(text) as { kvs: unknown }).kvs;
    const after = [vxlanState(hosts[0]), hosts[0].subnetEnv, etcd.ctl("get", "--prefix", "/coreos.com", "-w", "json")];
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(records(after[2] as string)).toEqual(records(before[2] as string));
  });

  test("go on after kill -9, and take up all as it is", async () => {
    const before = [vxlanState(hosts[0]), hosts[0].subnetEnv];
    expect(await stop(first, "SIGKILL")).toBe(null);
    expect(await ping(hosts[1], hosts[0])).toBe(0);
    first = start(hosts[0]);
    await first.printed(READY);
    expect([vxlanState(hosts[0]), hosts[0].subnetEnv]).toEqual(before);
    // The blackhole route is no longer wished for, and goes.
    const blackholes = (): unknown[] => hosts[0].netns.run(() => iprouteJson("route", "show", "type", "blackhole"));
    await expect.poll(blackholes).toEqual([]);
  });

  test("go on while the store is away, and say so until it is back", async () => {
    const troubled = first.printed(/"code":"ERR_STORE_UNAVAILABLE"/);
    proxy.cut();
    await troubled;
    expect(await ping(hosts[0], hosts[1])).toBe(0);
    expect(hosts[0].status).toMatchObject({ ready: true });
    const over = first.printed(/"code":"ERR_STORE_UNAVAILABLE","msg":"over: /);
    proxy.mend();
    await over;
  });

  test("refuse a second daemon on one subnet file", async () => {
    const { status, stderr } = await start(hosts[0]).finished;
    expect([status, stderr]).toEqual([1, expect.stringMatching(/another lodend serves .*subnet\.env/)]);
    expect(hosts[0].status).toMatchObject({ ready: true });
  });

  test("end at once on SIGINT", async () => {
    expect(await stop(second, "SIGINT")).toBe(0);
    expect(await ping(hosts[0], hosts[1])).toBe(0);
  });
});
