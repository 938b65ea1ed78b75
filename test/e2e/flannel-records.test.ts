// One etcd for flanneld and lodend: lodend serves the network that flanneld's documents describe, to the letter, takes a
// host over from flanneld with its subnet, and gives it back. flanneld's part is played by its documents and its rules.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEtcd } from "../support/etcd.ts";
import { chooseAsFlannel, type FlannelLease, readAsFlannel } from "../support/flannel-reader.ts";
import { LodendHost, makeSwitch, SWITCH_ADDRESS } from "../support/lodend.ts";
import { bridgeJson, enterFreshNetns, iprouteJson } from "../support/netns.ts";
import type { Started } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const READY = /"msg":"ready: /;
const PREFIX = "/coreos.com/network";
const OURS = "192.168.99.1";
/** flanneld's, for this host. */
const FLANNEL_RECORD =
  '{"PublicIP":"192.168.99.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:40"}}';
const KEY = "10.79.13.0-24";

/** As different flannels wrote them: now, before there was a VNI or an IPv6 address, and by a hand. */
const PEERS: Readonly<Record<string, string>> = {
  "10.79.10.0-24":
    '{"PublicIP":"192.168.99.10","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
  "10.79.11.0-24": '{"PublicIP":"192.168.99.11","BackendType":"vxlan","BackendData":{"VtepMAC":"c6:d2:32:6f:8f:45"}}',
  "10.79.12.0-24":
    '{"publicip":"192.168.99.12","PUBLICIPV6":null,"backendtype":"vxlan","backenddata":{"vni":1,"vtepmac":"C6:D2:32:6F:8F:46"},"Unknown":{"x":[1]}}',
};

let directory: TempDir;
let etcd: StoreServer;
let proxy: TcpProxy;
let host: LodendHost;
let daemon: Started;

beforeAll(async () => {
  enterFreshNetns();
  directory = tempDir("flannel-records");
  etcd = await startEtcd();
  makeSwitch();
  proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  host = new LodendHost(1, directory.path);
});

afterAll(async () => {
  daemon.child.kill("SIGKILL");
  await daemon.finished;
  host[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** LeaseGrant of a day and an unconditional Put: flanneld's way to take, to renew and to take up again. */
function putAsFlannel(key: string, value: string): void {
  const [, lease = ""] = /lease ([\da-f]+) granted/.exec(etcd.ctl("lease", "grant", "86400"))!;
  etcd.ctl("put", `--lease=${lease}`, `${PREFIX}/subnets/${key}`, value);
}

interface StoredRecord {
  readonly value: string;
  readonly isBounded: boolean;
}

function records(): Map<string, StoredRecord> {
  const text = etcd.ctl("get", "--prefix", `${PREFIX}/subnets`, "-w", "json");
  const { kvs } = JSON.parse(text) as { kvs: { key: string; value: string; lease?: number }[] };
  const decode = (base64: string): string => Buffer.from(base64, "base64").toString();
  return new Map(
    kvs.map(({ key, value, lease = 0 }) => [
      decode(key).slice(`${PREFIX}/subnets/`.length),
      { value: decode(value), isBounded: lease !== 0 },
    ]),
  );
}

/** All leases as a flanneld on the same etcd sees them. */
function flannelView(): FlannelLease[] {
  return [...records()].map(([key, { value }]) => readAsFlannel(key, value));
}

function start(): Started {
  daemon = host.start(`--etcd-endpoints=http://${proxy.authority}`, "-v", "1");
  return daemon;
}

async function stop(): Promise<void> {
  daemon.child.kill("SIGTERM");
  await daemon.finished;
}

describe("one etcd", () => {
  test("flanneld's configuration and leases are read as it wrote them, and its subnet of this host is taken over", async () => {
    etcd.ctl(
      "put",
      `${PREFIX}/config`,
      '{"network":"10.79.3.4/16","SUBNETLEN":24,"Backend":{"type":"VXLAN","vni":1},"Extra":1}',
    );
    for (const [key, value] of Object.entries(PEERS)) putAsFlannel(key, value);
    putAsFlannel(KEY, FLANNEL_RECORD);
    await start().printed(READY);
    expect(host.subnet.toString()).toBe("10.79.13.0/24");
    const routes = host.netns.run(() => iprouteJson("route", "show", "dev", "flannel.1"));
    expect(routes.map(({ dst }) => String(dst)).toSorted()).toEqual([
      "10.79.10.0/24",
      "10.79.11.0/24",
      "10.79.12.0/24",
    ]);
    const fdb = host.netns.run(() => bridgeJson("fdb", "show", "dev", "flannel.1"));
    expect(fdb.map(({ mac, dst }) => `${String(mac)} ${String(dst)}`).toSorted()).toEqual([
      "c6:d2:32:6f:8f:44 192.168.99.10",
      "c6:d2:32:6f:8f:45 192.168.99.11",
      "c6:d2:32:6f:8f:46 192.168.99.12",
    ]);
    expect(host.status).toMatchObject({ ready: true, problems: [], peers: { known: 3, unusable: {} } });
  });

  test("flanneld reads ours, key, types and all", () => {
    const [own] = flannelView().filter(({ key }) => key === KEY);
    const [link] = host.netns.run(() => iprouteJson("link", "show", "flannel.1"));
    expect(own).toEqual({
      key: KEY,
      subnet: "10.79.13.0/24",
      publicIp: OURS,
      backendType: "vxlan",
      backendData: { VNI: 1, VtepMAC: link?.["address"] },
    });
    expect(records().get(KEY)).toMatchObject({ isBounded: true });
    for (const [key, value] of Object.entries(PEERS)) expect(records().get(key)?.value).toBe(value);
  });

  test("a flanneld started on this host takes the same subnet up, and lodend after it again", async () => {
    await stop();
    expect(chooseAsFlannel(flannelView(), OURS)?.key).toBe(KEY);
    putAsFlannel(KEY, FLANNEL_RECORD);
    await start().printed(READY);
    expect(host.subnet.toString()).toBe("10.79.13.0/24");
    expect(JSON.parse(records().get(KEY)!.value)).toMatchObject({ NodeID: host.status.nodeId });
  });

  test("a flanneld that writes the record while lodend runs is overruled, and the data path stays", async () => {
    const again = daemon.printed(/has been taken again; the data path was not touched/);
    putAsFlannel(KEY, FLANNEL_RECORD);
    await again;
    expect(JSON.parse(records().get(KEY)!.value)).toMatchObject({ PublicIP: OURS, NodeID: host.status.nodeId });
    expect(host.status).toMatchObject({ ready: true });
  });

  test("a reservation stays one, also after flanneld has made it a lease of a day", async () => {
    await stop();
    etcd.ctl("put", `${PREFIX}/subnets/${KEY}`, FLANNEL_RECORD);
    await start().printed(READY);
    expect(records().get(KEY)).toMatchObject({ isBounded: false });
    await stop();
    putAsFlannel(KEY, FLANNEL_RECORD);
    await start().printed(READY);
    expect(records().get(KEY)).toMatchObject({ isBounded: false });
    expect(host.subnet.toString()).toBe("10.79.13.0/24");
  });
});
