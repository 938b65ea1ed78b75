// Real daemons on an underlay that changes under them: routes that come and go decide peer by peer how packets travel and
// how large they may be; an interface goes and comes back; a device that flannel left keeps the MAC that peers know.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { writeSysctl } from "#kernel/sysctl";
import { startEtcd } from "../support/etcd.ts";
import { LodendHost, makeSwitch, SWITCH_ADDRESS } from "../support/lodend.ts";
import { bridgeJson, enterFreshNetns, iproute, iprouteJson } from "../support/netns.ts";
import { Pings } from "../support/pings.ts";
import type { Started } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const READY = /"msg":"ready: /;

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let hosts: LodendHost[] = [];
let daemons: Started[] = [];
let count = 0;
let prefix = "";

beforeAll(async () => {
  enterFreshNetns();
  // The switch is a router too.
  writeSysctl("net/ipv4/ip_forward", "1");
  writeSysctl("net/ipv4/conf/all/send_redirects", "0");
  directory = tempDir("underlay");
  etcd = await startEtcd();
  makeSwitch();
  writeSysctl("net/ipv4/conf/switch0/send_redirects", "0");
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
});

afterEach(async () => {
  for (const { child } of daemons) child.kill("SIGKILL");
  await Promise.all(daemons.map(({ finished }) => finished));
  for (const host of hosts) host[Symbol.dispose]();
  hosts = [];
  daemons = [];
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function start(host: LodendHost): Started {
  const daemon = host.start(
    `--etcd-endpoints=http://${proxy.authority}`,
    `--etcd-prefix=${prefix}`,
    `--node-id=${host.name}`,
    "--iface=eth0",
  );
  daemons.push(daemon);
  return daemon;
}

/** Two hosts of a network of their own; `before` runs before their daemons start. */
async function fabric(backend: object, before: (host: LodendHost) => void = () => undefined) {
  prefix = `/underlay/${++count}`;
  etcd.ctl("put", `${prefix}/config`, JSON.stringify({ Network: "10.77.0.0/16", Backend: backend }));
  const [a, b] = [1, 2].map((n) => new LodendHost(n, `${directory.path}/${count}`)) as [LodendHost, LodendHost];
  hosts = [a, b];
  hosts.forEach(before);
  const started = hosts.map(start);
  await Promise.all(started.map((daemon) => daemon.printed(READY)));
  return { a, b, started };
}

/** How a host's route to another's subnet reads. */
function routeTo(from: LodendHost, to: LodendHost): Record<string, unknown> {
  const [route] = from.netns.run(() => iprouteJson("route", "show", to.subnet.toString()));
  const { dev, gateway, flags, metrics } = route ?? {};
  return { dev, gateway, flags, metrics };
}

const direct = (to: LodendHost): object => ({ dev: "eth0", gateway: to.address, flags: [] });
const tunnelled = (to: LodendHost): object => ({
  dev: "flannel.1",
  gateway: to.subnet.address.toString(),
  flags: ["onlink"],
});

describe("a peer", () => {
  test("is reached directly or through the tunnel as the routes say, and no packet is lost on the way over", async () => {
    const { a, b } = await fabric({ Type: "vxlan", DirectRouting: true });
    await expect.poll(() => routeTo(a, b)).toMatchObject(direct(b));
    const pings = await Pings.start(a, b);
    a.netns.run(() => iproute("route", "add", `${b.address}/32`, "via", SWITCH_ADDRESS, "dev", "eth0"));
    await expect.poll(() => routeTo(a, b)).toMatchObject(tunnelled(b));
    a.netns.run(() => iproute("route", "del", `${b.address}/32`));
    await expect.poll(() => routeTo(a, b)).toMatchObject(direct(b));
    expect(await pings.stop()).toMatchObject({ lost: 0 });
    // Nothing of the tunnel's stays.
    await expect
      .poll(() =>
        a.netns.run(() => bridgeJson("fdb", "show", "dev", "flannel.1").filter(({ dst }) => dst === b.address)),
      )
      .toEqual([]);
  });

  test("behind a narrower way gets smaller packets, and as before when the way is wide again", async () => {
    const { a, b } = await fabric({ Type: "vxlan" });
    await expect.poll(() => routeTo(a, b)).toMatchObject({ ...tunnelled(b), metrics: undefined });
    a.netns.run(() => iproute("route", "add", `${b.address}/32`, "dev", "eth0", "mtu", "1300"));
    await expect.poll(() => routeTo(a, b)["metrics"]).toEqual([{ mtu: 1250 }]);
    a.netns.run(() => iproute("route", "del", `${b.address}/32`));
    await expect.poll(() => routeTo(a, b)["metrics"]).toBeUndefined();
  });

  test("that no plain route can lead to is named by host-gw, and comes back when one can", async () => {
    const { a, b } = await fabric({ Type: "host-gw" });
    await expect.poll(() => routeTo(a, b)).toMatchObject(direct(b));
    a.netns.run(() => iproute("route", "add", `${b.address}/32`, "via", SWITCH_ADDRESS, "dev", "eth0"));
    const told = (): string => JSON.stringify(a.status);
    await expect
      .poll(told)
      .toContain(`its node is not on the link of interface eth0: ${b.address} is behind the router ${SWITCH_ADDRESS}`);
    await expect.poll(() => routeTo(a, b)).toEqual({});
    a.netns.run(() => iproute("route", "del", `${b.address}/32`));
    await expect.poll(() => routeTo(a, b)).toMatchObject(direct(b));
  });
});

test.each(["vxlan", "host-gw"])("an interface that goes and comes back: %s is whole again", async (Type) => {
  const { a, b } = await fabric({ Type });
  // Without a device of the fabric's own, something else has to have the address that is pinged.
  if (Type === "host-gw") b.netns.run(() => iproute("addr", "add", `${b.subnet.address.toString()}/32`, "dev", "lo"));
  await (await Pings.start(a, b)).stop();
  iproute("link", "del", "port1");
  await expect.poll(() => a.status.problems.map(({ code }) => code)).toContain("ERR_INTERFACE");
  expect(a.status.problems.find(({ code }) => code === "ERR_INTERFACE")?.text).toContain("eth0");
  iproute("link", "add", "port1", "type", "veth", "peer", "name", "eth0", "netns", a.netns.path);
  iproute("link", "set", "port1", "master", "switch0", "up");
  a.netns.run(() => {
    iproute("addr", "add", `${a.address}/24`, "dev", "eth0");
    iproute("link", "set", "eth0", "up");
    iproute("route", "add", "default", "via", SWITCH_ADDRESS);
  });
  await (await Pings.start(a, b)).stop();
  await expect.poll(() => a.status.problems).toEqual([]);
});

test("the MAC of a device that flannel left is kept, published, and outlives the device", async () => {
  const made = "6a:11:22:33:44:55";
  const { a, started } = await fabric({ Type: "vxlan" }, ({ name, address, netns }) => {
    if (name !== "host-1") return;
    const vxlan = ["type", "vxlan", "id", "1", "dev", "eth0", "local", address, "dstport", "8472", "nolearning"];
    netns.run(() => iproute("link", "add", "flannel.1", "address", made, "mtu", "1450", ...vxlan));
  });
  const macOf = (): unknown => a.netns.run(() => iprouteJson("link", "show", "flannel.1"))[0]?.["address"];
  const record = (): unknown =>
    JSON.parse(etcd.ctl("get", "--print-value-only", `${prefix}/subnets/${a.subnet.toString().replace("/", "-")}`));
  expect(macOf()).toBe(made);
  expect(record()).toMatchObject({ BackendData: { VNI: 1, VtepMAC: made } });
  started[0]!.child.kill("SIGTERM");
  await started[0]!.finished;
  a.netns.run(() => iproute("link", "del", "flannel.1"));
  await start(a).printed(READY);
  expect(macOf()).toBe(made);
  expect(record()).toMatchObject({ BackendData: { VNI: 1, VtepMAC: made } });
});
