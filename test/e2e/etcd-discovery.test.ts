// etcd found by DNS: through the real `loden config` and the real daemon, with a name server of the test's own in a namespace
// of the test's own, and on through the replacement of every member.
import { Resolver } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { sys } from "#sys";
import { systemClock, systemRandom } from "../../daemon/clock.ts";
import { srvDiscovery } from "../../daemon/store/etcd/discovery.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import { Authority } from "../support/certificates.ts";
import { DnsServer } from "../support/dns-server.ts";
import { startEtcd } from "../support/etcd.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { Follower } from "../support/follower.ts";
import { enterLan } from "../support/lan.ts";
import { runLoden, startLodend, SWITCH_ADDRESS } from "../support/lodend.ts";
import { freePort, ownLoopback, type StoreServer } from "../support/store-server.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const CONFIG = '{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan"}}';
const TLS = "_etcd-client-ssl._tcp.cluster.test";
const PLAIN = "_etcd-client._tcp.cluster.test";

const CLONE_NEWNS = 0x0002_0000;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_PRIVATE = 1 << 18;

let directory: TempDir;
let dns: DnsServer;
let authority: Authority;
let plain: StoreServer;
let secure: StoreServer;

beforeAll(async () => {
  enterLan();
  directory = tempDir("discovery");
  // The system's resolver asks our server, in this mount namespace alone.
  sys.unshare(CLONE_NEWNS);
  sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
  const resolvConf = path.join(directory.path, "resolv.conf");
  writeFileSync(resolvConf, `nameserver ${SWITCH_ADDRESS}\noptions timeout:1 attempts:2\n`);
  sys.mount(resolvConf, "/etc/resolv.conf", "none", MS_BIND);
  dns = await DnsServer.start(SWITCH_ADDRESS);
  authority = new Authority();
  plain = await startEtcd();
  secure = await startEtcd({ tls: authority.issue("secure", "DNS:etcd.cluster.test") });
  for (const name of ["etcd.cluster.test", "dead.cluster.test"]) dns.hosts.set(name, ownLoopback());
  plain.ctl("put", "/coreos.com/network/config", "plain");
});

beforeEach(() => {
  dns.services.clear();
  dns.asked.length = 0;
  dns.mood = "good";
});

afterAll(async () => {
  for (const server of [plain, secure]) await server[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
  await dns[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const target = (server: StoreServer) => ({ target: "etcd.cluster.test", port: Number(new URL(server.endpoint).port) });
const get = (...args: string[]) => runLoden("config", "get", "--etcd-discovery-srv=cluster.test", ...args);

test("the endpoints are those of the records, a dead one is passed over", async () => {
  dns.services.set(PLAIN, [
    { target: "dead.cluster.test", port: await freePort(), priority: 1 },
    { ...target(plain), priority: 2 },
  ]);
  expect(await get()).toMatchObject({ status: 0, stdout: "plain\n" });
  expect(dns.asked).toEqual(expect.arrayContaining([TLS, PLAIN]));
});

test("a service name chooses other records", async () => {
  dns.services.set("_etcd-client-blue._tcp.cluster.test", [target(plain)]);
  expect(await get("--etcd-discovery-srv-name=blue")).toMatchObject({ status: 0, stdout: "plain\n" });
});

test("TLS is for the host that the record names", async () => {
  const ca = `--etcd-cafile=${authority.certificate}`;
  dns.services.set(TLS, [target(secure)]);
  dns.services.set(PLAIN, [target(plain)]);
  const put = await runLoden("config", "put", CONFIG, "--etcd-discovery-srv=cluster.test", ca);
  expect([put.status, put.stderr]).toEqual([0, ""]);
  expect(await get(ca)).toMatchObject({ status: 0, stdout: `${CONFIG}\n` });
  dns.services.set(TLS, [{ ...target(secure), target: "dead.cluster.test" }]);
  const { status, stderr } = await get(ca);
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/dead\.cluster\.test.*the certificate is for other names/),
  ]);
});

test("records without TLS do not do where TLS is asked for", async () => {
  dns.services.set(PLAIN, [target(plain)]);
  const { status, stderr } = await get(`--etcd-cafile=${authority.certificate}`);
  expect([status, stderr]).toEqual([1, expect.stringContaining(`no usable SRV record ${TLS} (only TLS records count`)]);
});

test.each([
  ["no record", "good", `DNS has no usable SRV record ${TLS} and ${PLAIN}`],
  ["a name server that fails", "failing", `the SRV record ${TLS} cannot be looked up: querySrv ESERVFAIL`],
  ["a name server that is silent", "silent", `the SRV record ${TLS} cannot be looked up: querySrv ETIMEOUT`],
] as const)("%s: the error names what was looked up", async (_, mood, says) => {
  dns.mood = mood;
  const { status, stderr } = await get();
  expect([status, stderr]).toEqual([1, expect.stringContaining(says)]);
  expect(stderr).toContain(TLS);
});

test("endpoints that do not answer are told with the record they come from", async () => {
  dns.services.set(PLAIN, [{ target: "dead.cluster.test", port: await freePort() }]);
  const { status, stderr } = await get();
  expect([status, stderr]).toEqual([1, expect.stringMatching(/that DNS has for _etcd-client-ssl.*ECONNREFUSED/)]);
});

test("a daemon waits for the records", async () => {
  const subnetFile = path.join(directory.path, "waiting", "subnet.env");
  const daemon = startLodend(["--etcd-discovery-srv=cluster.test", `--subnet-file=${subnetFile}`]);
  await daemon.printed(/DNS has no usable SRV record/);
  dns.services.set(PLAIN, [target(plain)]);
  // The store is found, and what stands under the key is no configuration.
  expect(await daemon.finished).toMatchObject({ status: 1, stderr: expect.stringMatching(/not JSON/) });
});

test("every member may be replaced under a client", async () => {
  await using cluster = await EtcdCluster.start();
  const announce = (): void => {
    // A name that is an address needs no look-up: those of this process are not in its namespace.
    const members = cluster.endpoints.map((endpoint) => ({ target: new URL(endpoint).hostname, port: 2379 }));
    dns.services.set(PLAIN, members);
  };
  announce();
  const resolve = (name: string) => {
    const resolver = new Resolver({ timeout: 500, tries: 2 });
    resolver.setServers([SWITCH_ADDRESS]);
    return resolver.resolveSrv(name);
  };
  const store = new EtcdSubnetStore({
    endpoints: [],
    discovery: srvDiscovery({ domain: "cluster.test", tlsOnly: false, random: systemRandom, resolve }),
    prefix: "/replaced",
    clock: systemClock,
    random: systemRandom,
    limits: { dial: 400, request: 1_000, watchProgress: 200, watchSilence: 800 },
  });
  await using follower = new Follower(store);
  const putAnyhow = async (key: string): Promise<void> => {
    const written = await store.put(key, "1", { expect: 0n, ttl: undefined }).catch(() => undefined);
    if (written === undefined) await putAnyhow(key);
  };
  await putAnyhow("first");
  await follower.until(() => follower.state.has("first"));
  for (const member of [...cluster.members]) {
    await cluster.replace(member);
    announce();
    await cluster.leader();
    await putAnyhow(member.name);
    await follower.until(() => follower.state.has(member.name));
  }
  expect(follower.state.size).toBe(4);
  await store.close();
});
