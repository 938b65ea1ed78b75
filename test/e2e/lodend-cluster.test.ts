// Three real daemons on a real cluster of three etcd members, all on one switch: through the loss of the store and of
// parts of it, a restored backup, compaction, and an update of every host in turn. No subnet moves and no packet is lost
// that need not be.
import { rmSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../daemon/clock.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { cutOff, enterLan } from "../support/lan.ts";
import { LodendHost } from "../support/lodend.ts";
import { bridgeJson, iproute, iprouteJson } from "../support/netns.ts";
import { Pings } from "../support/pings.ts";
import type { Started } from "../support/processes.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const CONFIG = '{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan"}}';
const PREFIX = "/coreos.com/network";
const READY = /"msg":"ready: /;
const TTL_SECONDS = 3;

let directory: TempDir;
/** With the configuration and no lease. */
let emptyBackup: string;
let cluster: EtcdCluster;
let hosts: readonly [LodendHost, LodendHost, LodendHost];
const daemons = new Map<LodendHost, Started>();
/** What each host's kernel held when all was well. */
let expected: unknown[];
let subnets: string[];

beforeAll(async () => {
  enterLan();
  directory = tempDir("lodend-cluster");
  cluster = await EtcdCluster.start();
  cluster.ctl("put", `${PREFIX}/config`, CONFIG);
  emptyBackup = cluster.save();
  const [first, second, third] = [1, 2, 3].map((n) => new LodendHost(n, directory.path));
  hosts = [first!, second!, third!];
  await Promise.all(hosts.map(start));
});

afterAll(async () => {
  for (const host of hosts) {
    await stop(host, "SIGKILL");
    host[Symbol.dispose]();
  }
  await cluster[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** Resolves when the daemon says that it is ready. */
async function start(host: LodendHost): Promise<Started> {
  const daemon = host.start(
    `--etcd-endpoints=${cluster.endpoints.join(",")}`,
    `--subnet-lease-ttl=${TTL_SECONDS}`,
    `--node-id=${host.name}`,
    "-v=1",
  );
  daemons.set(host, daemon);
  await daemon.printed(READY);
  return daemon;
}

async function stop(host: LodendHost, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  const daemon = daemons.get(host);
  daemons.delete(host);
  daemon?.child.kill(signal);
  await daemon?.finished;
}

const records = (): string[] =>
  cluster
    .ctl("get", "--prefix", "--keys-only", `${PREFIX}/subnets/`)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(`${PREFIX}/subnets/`, ""));

const routesOf = (host: LodendHost): string[] =>
  host.netns.run(() => iprouteJson("route", "show", "dev", "flannel.1")).map(({ dst }) => String(dst));

/** The objects of the overlay, as iproute2 shows them. */
function kernelOf(host: LodendHost): unknown {
  const dev = ["dev", "flannel.1"] as const;
  return host.netns.run(() => ({
    link: iprouteJson("link", "show", ...dev).map(({ ifindex, address, mtu }) => ({ ifindex, address, mtu })),
    routes: iprouteJson("route", "show", ...dev)
      .map(({ dst, gateway }) => `${String(dst)} ${String(gateway)}`)
      .toSorted(),
    neighbours: iprouteJson("neigh", "show", ...dev)
      .map(({ dst, lladdr }) => `${String(dst)} ${String(lladdr)}`)
      .toSorted(),
    fdb: bridgeJson("fdb", "show", ...dev)
      .map(({ mac, dst }) => `${String(mac)} ${String(dst)}`)
      .toSorted(),
  }));
}

/** The MAC that peers send to. */
function addressOf(host: LodendHost): unknown {
  return host.netns.run(() => iprouteJson("link", "show", "dev", "flannel.1"))[0]?.["address"];
}

async function wholeMesh(): Promise<void> {
  for (const host of hosts) {
    const others = hosts.filter((other) => other !== host).map(({ subnet }) => subnet.toString());
    await expect.poll(() => routesOf(host).toSorted()).toEqual(others.toSorted());
  }
}

/** All is as it was in the beginning: each host has its subnet, its lease, and its peers. */
async function asBefore(): Promise<void> {
  const keys = subnets.map((subnet) => subnet.replace("/", "-"));
  await expect.poll(records).toEqual(keys.toSorted());
  await wholeMesh();
  expect(hosts.map(({ subnet }) => subnet.toString())).toEqual(subnets);
  // A route goes before what else there was of a peer.
  await expect.poll(() => hosts.map(kernelOf)).toEqual(expected);
}

test("three hosts that start at once reach each other", async () => {
  await wholeMesh();
  expected = hosts.map(kernelOf);
  subnets = hosts.map(({ subnet }) => subnet.toString());
  expect(new Set(subnets).size).toBe(3);
  expect(records()).toHaveLength(3);
});

describe("packets between the hosts", () => {
  let pings: Pings[];

  beforeEach(async () => {
    pings = await Promise.all([Pings.start(hosts[0], hosts[1]), Pings.start(hosts[1], hosts[2])]);
  });

  afterEach(async () => {
    for (const each of pings) {
      const { sent, lost } = await each.stop();
      expect(sent).toBeGreaterThan(5);
      expect(lost).toBe(0);
    }
  });

  test("outlive kill -9 of the leader, which costs no lease", async () => {
    const leader = await cluster.leader();
    await leader.kill();
    await cluster.leader();
    // Longer than a lease lives that is not renewed.
    await systemClock.sleep(TTL_SECONDS * 1_000);
    cluster.run(leader);
    await leader.serving();
    await asBefore();
    for (const daemon of daemons.values()) expect(daemon.output.stderr).not.toContain("the lease was lost");
  });

  test("outlive the restoration of a backup from before they all were there", async () => {
    await cluster.restore(emptyBackup);
    await cluster.leader();
    await asBefore();
  });

  test("outlive compaction while a daemon is stopped, which then knows what there is", async () => {
    const [host] = hosts;
    const peer = (n: number, mac: string): void => {
      const value = {
        PublicIP: `192.168.99.${n}`,
        PublicIPv6: null,
        BackendType: "vxlan",
        BackendData: { VNI: 1, VtepMAC: mac },
      };
      cluster.ctl("put", `${PREFIX}/subnets/10.77.${n}.0-24`, JSON.stringify(value));
    };
    const [gone, come] = [250, 251];
    peer(gone, "0a:00:00:00:00:01");
    await expect.poll(() => routesOf(host)).toContain(`10.77.${gone}.0/24`);
    await stop(host, "SIGKILL");
    cluster.ctl("del", `${PREFIX}/subnets/10.77.${gone}.0-24`);
    peer(come, "0a:00:00:00:00:02");
    await cluster.compact();
    await start(host);
    await expect.poll(() => routesOf(host)).toContain(`10.77.${come}.0/24`);
    await expect.poll(() => routesOf(host)).not.toContain(`10.77.${gone}.0/24`);
    cluster.ctl("del", `${PREFIX}/subnets/10.77.${come}.0-24`);
    await asBefore();
  });

  test("outlive a daemon that hangs while its peers change and history is compacted", async () => {
    const daemon = daemons.get(hosts[0])!;
    daemon.child.kill("SIGSTOP");
    const key = `${PREFIX}/subnets/10.77.250.0-24`;
    cluster.ctl(
      "put",
      key,
      '{"PublicIP":"192.168.99.250","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}}',
    );
    await cluster.compact();
    // Its own lease runs out meanwhile, and its peers forget it.
    await expect.poll(() => routesOf(hosts[1])).not.toContain(subnets[0]);
    daemon.child.kill("SIGCONT");
    await expect.poll(() => routesOf(hosts[0])).toContain("10.77.250.0/24");
    cluster.ctl("del", key);
    await asBefore();
    // Packets from and to the host that hung were lost for good reason: start anew.
    for (const each of pings) await each.stop();
    pings = await Promise.all([Pings.start(hosts[0], hosts[1]), Pings.start(hosts[1], hosts[2])]);
  });
});

test("a host that is cut off for longer than its lease lives takes it again", async () => {
  const [host, other] = hosts;
  const pings = await Pings.start(hosts[1], hosts[2]);
  cutOff(1, true);
  await expect.poll(() => routesOf(other)).not.toContain(subnets[0]);
  // What it knows stays, and so does what it holds.
  expect(kernelOf(host)).toEqual(expected[0]);
  expect(host.subnet.toString()).toBe(subnets[0]);
  cutOff(1, false);
  await asBefore();
  expect(await pings.stop()).toMatchObject({ lost: 0 });
});

test("an update of every host in turn moves no subnet and disturbs no other host", async () => {
  for (const host of hosts) {
    const [a, b] = hosts.filter((other) => other !== host) as [LodendHost, LodendHost];
    const before = [a, b].map(kernelOf);
    const address = addressOf(host);
    const pings = await Pings.start(a, b);
    await stop(host);
    // A reboot: nothing of the fabric is left in the kernel or on /run.
    host.netns.run(() => iproute("link", "delete", "flannel.1"));
    host.netns.run(() => iproute("link", "set", "eth0", "down"));
    rmSync(host.subnetFile);
    host.netns.run(() => iproute("link", "set", "eth0", "up"));
    host.netns.run(() => iproute("route", "add", "default", "via", "192.168.99.254"));
    await start(host);
    await wholeMesh();
    expect(hosts.map(({ subnet }) => subnet.toString())).toEqual(subnets);
    await expect.poll(() => [a, b].map(kernelOf)).toEqual(before);
    expect(addressOf(host)).toBe(address);
    expect(await pings.stop()).toMatchObject({ lost: 0 });
  }
  expected = hosts.map(kernelOf);
});

test("the loss of the quorum for longer than the leases live costs no packet and no subnet", async () => {
  const pings = await Promise.all([Pings.start(hosts[0], hosts[1]), Pings.start(hosts[1], hosts[2])]);
  const lost = cluster.members.slice(0, 2);
  for (const member of lost) await member.kill();
  await Promise.all([...daemons.values()].map((daemon) => daemon.printed(/has ended as far as this node knows/)));
  expect(hosts.map(kernelOf)).toEqual(expected);
  expect(hosts.map(({ status }) => status.ready)).toEqual([true, true, true]);
  for (const member of lost) cluster.run(member);
  await cluster.leader();
  await Promise.all([...daemons.values()].map((daemon) => daemon.printed(/over: the lease has ended/)));
  await asBefore();
  for (const each of pings) expect(await each.stop()).toMatchObject({ lost: 0 });
});
