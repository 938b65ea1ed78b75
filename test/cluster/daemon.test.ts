// Clusters of whole daemons on one store in memory: from nothing to a full mesh, and through what befalls a cluster. The
// clock is moved by hand, so that days pass in a moment and every run is the same.
import { NetlinkError } from "#kernel/netlink/error";
import { LodenError } from "#spec/errors";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AppRig, type RigNode, VXLAN_CONFIG } from "../support/app-rig.ts";

/** asm-generic/errno.h: notifications were lost, or an answer had no room. */
const ENOBUFS = 105;

/** For tests that run through days: the full comparison need not take place every five seconds of them. */
const SLOW = ["--iptables-resync=3600"];

let rig: AppRig;

beforeEach(() => {
  rig = new AppRig();
});

afterEach(() => {
  rig[Symbol.dispose]();
});

async function fabric(count: number, args: readonly string[] = []): Promise<RigNode[]> {
  rig.world.put("config", VXLAN_CONFIG);
  const nodes = Array.from({ length: count }, (_, index) => rig.node(index + 1, args));
  for (const node of nodes) node.start();
  await rig.seconds(2);
  return nodes;
}

/** A record of a peer that is no node of the rig. */
function ghostOf(n: number): string {
  const mac = `0a:00:00:01:00:${n.toString(16).padStart(2, "0")}`;
  const data = { VNI: 1, VtepMAC: mac };
  return JSON.stringify({ PublicIP: `192.168.1.${n + 1}`, BackendType: "vxlan", BackendData: data });
}

/** Every node routes to every other node's subnet, and to nothing else of the overlay. */
function expectMesh(nodes: readonly RigNode[]): void {
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node).map((other) => `route ${other.subnet}`);
    expect(node.objects(/^route /)).toEqual(others.toSorted());
    expect(node.objects(/^fdb /)).toHaveLength(others.length);
    expect(node.objects(/^neighbour /)).toHaveLength(others.length);
  }
}

describe("a start", () => {
  test("of many nodes at once ends in a full mesh, every subnet once", async () => {
    const nodes = await fabric(12);
    expect(new Set(nodes.map(({ subnet }) => subnet)).size).toBe(12);
    expect(rig.leases().toSorted()).toEqual(nodes.map(({ subnet }) => subnet.replace("/", "-")).toSorted());
    expectMesh(nodes);
    for (const node of nodes) {
      expect(node.subnetEnv).toBe(
        `FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=${node.subnet.replace(".0/", ".1/")}\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n`,
      );
      expect(node.status).toMatchObject({
        phase: "running",
        ready: true,
        reason: null,
        peers: { known: 11 },
        problems: [],
      });
      expect(node.notifications).toEqual([{ ready: true, status: "the node is ready" }]);
    }
  });

  test("waits for the configuration, and says how to write it", async () => {
    const node = rig.node(1);
    node.start();
    await rig.seconds(5);
    expect(node.status).toMatchObject({ phase: "config", ready: false, reason: { code: "ERR_CONFIG_MISSING" } });
    expect(node.status.reason?.text).toContain("etcdctl put /coreos.com/network/config");
    rig.world.put("config", VXLAN_CONFIG);
    await rig.seconds(1);
    expect(node.status).toMatchObject({ ready: true, problems: [] });
  });

  test("waits for the store", async () => {
    rig.world.put("config", VXLAN_CONFIG);
    const node = rig.node(1);
    node.store.partition(true);
    node.start();
    await rig.seconds(60);
    expect(node.status).toMatchObject({ phase: "config", reason: { code: "ERR_STORE_UNAVAILABLE" } });
    node.store.partition(false);
    await rig.seconds(6);
    expect(node.status.ready).toBe(true);
  });

  test("writes the subnet file only when the kernel holds this node's part", async () => {
    rig.world.put("config", VXLAN_CONFIG);
    const node = rig.node(1, ["--ip-masq"]);
    const refused = new LodenError("ERR_NFT", "the kernel lacks nf_tables");
    node.kernel.failApply = (change) =>
      change.type !== "remove" && change.object.kind === "nft-table" ? refused : undefined;
    node.start();
    await rig.seconds(60);
    expect(node.subnetEnv).toBeUndefined();
    expect(node.notifications).toEqual([]);
    expect(node.status).toMatchObject({ phase: "programming", ready: false, reason: { code: "ERR_NFT" } });
    expect(node.status.reason?.text).toMatch(/nft-table inet loden: the kernel lacks nf_tables/);
    node.kernel.failApply = () => undefined;
    await rig.seconds(60);
    expect(node.subnetEnv).toContain("FLANNEL_IPMASQ=true");
    expect(node.status).toMatchObject({ ready: true, problems: [] });
  });

  test("in a dual-stack network leases and writes both families", async () => {
    rig.world.put(
      "config",
      '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan"}}',
    );
    const nodes = [rig.node(1), rig.node(2)];
    for (const node of nodes) node.start();
    await rig.seconds(2);
    expect(nodes[0]!.subnetEnv).toMatch(
      /^FLANNEL_NETWORK=10\.5\.0\.0\/16\nFLANNEL_SUBNET=10\.5\.\d+\.1\/24\nFLANNEL_IPV6_NETWORK=fd00:5::\/48\nFLANNEL_IPV6_SUBNET=fd00:5:0:[\da-f]+::1\/64\n/,
    );
    expect(rig.leases().every((key) => /^10\.5\.\d+\.0-24&fd00:5:0:[\da-f]+::-64$/.test(key))).toBe(true);
    expect(nodes[0]!.objects(/^route fd00/)).toHaveLength(1);
  });

  test("in a network of IPv6 alone uses Loden's own keys", async () => {
    rig.world.put(
      "config",
      '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan"}}',
    );
    const nodes = [rig.node(1), rig.node(2)];
    for (const node of nodes) node.start();
    await rig.seconds(2);
    expect(rig.leases().every((key) => /^&fd00:5:0:[\da-f]+::-64$/.test(key))).toBe(true);
    for (const node of nodes) {
      expect(node.status.ready).toBe(true);
      expect(node.objects(/^route /)).toHaveLength(1);
    }
  });
});

describe("what cannot be helped by waiting", () => {
  test.each<[string, string, readonly string[], string, RegExp]>([
    ["a configuration that is no JSON", "{", [], "ERR_CONFIG", /not JSON/],
    [
      "a network that is too small",
      '{"Network":"10.5.0.0/30","Backend":{"Type":"vxlan"}}',
      [],
      "ERR_CONFIG",
      /too small/,
    ],
    [
      "a backend nobody has",
      '{"Network":"10.5.0.0/16","Backend":{"Type":"carrier-pigeon"}}',
      [],
      "ERR_BACKEND_UNKNOWN",
      /carrier-pigeon/,
    ],
    ["a bad backend option", '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":-1}}', [], "ERR_BACKEND", /VNI/],
    [
      "host-gw behind NAT",
      '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}',
      ["--iface=eth0", "--public-ip=203.0.113.9"],
      "ERR_BACKEND",
      /NAT/,
    ],
  ])("%s ends the daemon with nothing half made", async (_, config, args, code, text) => {
    rig.world.put("config", config);
    const node = rig.node(1, args);
    node.start();
    await rig.seconds(10);
    expect(node.ended?.error).toMatchObject({ code });
    expect(node.status).toMatchObject({ phase: "failed", ready: false, reason: { code } });
    expect(node.status.reason?.text).toMatch(text);
    expect([rig.leases(), node.objects(), node.subnetEnv, node.kernel.batches]).toEqual([[], [], undefined, []]);
  });

  test("a second daemon for the same subnet file is refused, and the first is not disturbed", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    const { status } = node;
    node.start();
    await rig.seconds(1);
    expect(node.ended?.error).toMatchObject({ code: "ERR_CONFIG" });
    expect(node.status).toEqual(status);
  });
});

describe("in operation", () => {
  test("a node that comes is reached by all, one whose lease ends by none", async () => {
    const nodes = await fabric(4, SLOW);
    const late = rig.node(9, SLOW);
    late.start();
    await rig.seconds(1);
    expectMesh([...nodes, late]);
    await late.stop();
    await rig.seconds(3_600);
    expectMesh([...nodes, late]);
    await rig.seconds(86_400);
    expectMesh(nodes);
  });

  test("records that cannot be read cost nobody a peer", async () => {
    const nodes = await fabric(4);
    const key = nodes[0]!.subnet.replace("/", "-");
    const before = nodes.map((node) => node.objects());
    rig.world.put("subnets/nonsense", "{}");
    rig.world.put("subnets/10.5.250.0-24", "not JSON");
    rig.world.put(
      `subnets/10.5.251.0-24`,
      '{"PublicIP":"192.168.0.77","BackendType":"vxlan","BackendData":{"VNI":"x"}}',
    );
    await rig.seconds(1);
    expect(nodes.map((node) => node.objects())).toEqual(before);
    const unusable = Object.keys(nodes[1]!.status.peers.unusable).toSorted();
    expect(unusable).toEqual(["10.5.250.0-24", "10.5.251.0-24", "nonsense"]);
    expect(nodes[1]!.status.ready).toBe(true);
    // A peer's own record gone bad leaves what was known of it; its owner then writes it again.
    rig.world.put(`subnets/${key}`, "garbage");
    await rig.seconds(1);
    expect(nodes.map((node) => node.objects())).toEqual(before);
  });

  test("a store that is away for two days costs nothing, and all is well after it", async () => {
    const nodes = await fabric(4, SLOW);
    const before = nodes.map((node) => node.objects());
    for (const node of nodes) node.store.partition(true);
    await rig.seconds(2 * 86_400);
    expect(nodes.map((node) => node.objects())).toEqual(before);
    expect(nodes[0]!.status).toMatchObject({ ready: true, store: { trouble: { code: "ERR_STORE_UNAVAILABLE" } } });
    for (const node of nodes) node.store.partition(false);
    await rig.seconds(20);
    expectMesh(nodes);
    expect(nodes.map(({ status }) => status.problems)).toEqual([[], [], [], []]);
    expect(rig.leases()).toHaveLength(4);
  });

  test("a kernel that does not answer costs nobody a lease, and all is well when it does again", async () => {
    const nodes = await fabric(3, ["--subnet-lease-ttl=600"]);
    const [sick] = nodes as [RigNode];
    const { kernel } = sick;
    const silence = new NetlinkError(ENOBUFS);
    kernel.failDump = () => silence;
    kernel.failApply = () => silence;
    const key = sick.subnet.replace("/", "-");
    const taken = new Set(nodes.map(({ subnet }) => subnet.replace("/", "-")));
    const ghosts = Array.from({ length: 33 }, (_, n) => `10.5.${200 + n}.0-24`)
      .filter((lease) => !taken.has(lease))
      .map((lease) => `subnets/${lease}`);
    for (let minute = 0; minute < 30; minute++) {
      // Others come and go, each a pass that fails.
      rig.world.put(ghosts[minute]!, ghostOf(minute));
      kernel.overrun(["route", "fdb", "neighbour", "link"]);
      await rig.seconds(60);
      expect(rig.leases()).toContain(key);
    }
    expect(rig.leases().filter((lease) => nodes.some(({ subnet }) => subnet.replace("/", "-") === lease))).toHaveLength(
      3,
    );
    expect(sick.status.kernel.failed).not.toEqual({});
    kernel.failDump = () => undefined;
    kernel.failApply = () => undefined;
    await rig.seconds(120);
    expect(sick.status.problems).toEqual([]);
    expect(sick.objects(/^route /)).toHaveLength(2 + 30);
  });

  test("a store restored from before the fabric gets every lease back", async () => {
    rig.world.put("config", VXLAN_CONFIG);
    const copy = rig.world.copyOut();
    const nodes = await fabric(4);
    const subnets = nodes.map(({ subnet }) => subnet);
    for (const node of nodes) node.kernel.batches.length = 0;
    rig.world.restore(copy);
    await rig.seconds(120);
    expect(rig.leases().toSorted()).toEqual(subnets.map((subnet) => subnet.replace("/", "-")).toSorted());
    expectMesh(nodes);
    // Not for a moment was a peer taken for gone.
    const changes = nodes.flatMap(({ kernel }) => kernel.batches.flat());
    expect(changes.filter(({ type }) => type === "remove")).toEqual([]);
  });

  test("a peer that does not come back to a restored store goes when its lease would have ended", async () => {
    rig.world.put("config", VXLAN_CONFIG);
    const copy = rig.world.copyOut();
    const nodes = await fabric(3, ["--subnet-lease-ttl=600"]);
    await nodes[2]!.stop();
    rig.world.restore(copy);
    await rig.seconds(550);
    expectMesh(nodes);
    await rig.seconds(100);
    expectMesh(nodes.slice(0, 2));
  });

  test("a restart changes neither store nor kernel nor subnet file", async () => {
    const nodes = await fabric(3);
    const [node] = nodes as [RigNode];
    const { revision } = rig.world;
    const before = [node.objects(), node.subnetEnv];
    await node.stop();
    expect(node.ended).toEqual({ error: undefined });
    expect(node.status).toMatchObject({ phase: "stopped" });
    expect([node.objects(), node.subnetEnv]).toEqual(before);
    node.kernel.batches.length = 0;
    node.start();
    await rig.seconds(2);
    expect(node.status.ready).toBe(true);
    expect([node.objects(), node.subnetEnv]).toEqual(before);
    expect(node.kernel.batches).toEqual([]);
    expect(rig.world.revision).toBe(revision);
  });

  test("a stop does not give the node's readiness back", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    await node.stop();
    expect(node.notifications.at(-1)).toEqual({ stopping: true });
    expect(rig.leases()).toHaveLength(1);
  });

  test("readiness follows the kernel, with the reason", async () => {
    const [node] = (await fabric(2)) as [RigNode];
    node.kernel.failApply = () => new LodenError("ERR_NETLINK", "EPERM (not permitted)");
    node.kernel.delete("link flannel.1");
    await rig.seconds(2);
    expect(node.status).toMatchObject({ phase: "running", ready: false, reason: { code: "ERR_NETLINK" } });
    expect(node.status.reason?.text).toMatch(/flannel\.1.*EPERM/);
    node.kernel.failApply = () => undefined;
    await rig.seconds(60);
    expect(node.status).toMatchObject({ ready: true, reason: null, problems: [] });
  });

  test("a subnet file that somebody removes or alters is there again", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    const text = node.subnetEnv;
    node.files.delete(node.subnetFile);
    await rig.seconds(6);
    expect(node.subnetEnv).toBe(text);
    node.files.set(node.subnetFile, "FLANNEL_SUBNET=10.9.9.1/24\n");
    await rig.seconds(6);
    expect(node.subnetEnv).toBe(text);
  });

  test("a network that excludes the live leases is refused, and a restored one is well again", async () => {
    const nodes = await fabric(2);
    const before = nodes.map((node) => node.objects());
    rig.world.put("config", '{"Network":"10.6.0.0/16","Backend":{"Type":"host-gw"}}');
    await rig.seconds(1);
    expect(nodes[0]!.status.problems).toMatchObject([{ code: "ERR_CONFIG" }]);
    expect(nodes[0]!.status.problems[0]?.text).toMatch(/10\.6\.0\.0\/16 does not hold this node's subnet/);
    rig.world.delete("config");
    await rig.seconds(1);
    expect(nodes[0]!.status.problems[0]?.text).toMatch(/has been deleted/);
    expect(nodes.map((node) => node.objects())).toEqual(before);
    rig.world.put("config", VXLAN_CONFIG);
    await rig.seconds(1);
    expect(nodes[0]!.status).toMatchObject({ ready: true, problems: [] });
  });

  test("a node with another's address waits, and takes nothing from it", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    const twin = rig.node(1, [], "twin");
    twin.start();
    await rig.seconds(3_600);
    expect(twin.status).toMatchObject({ phase: "lease", ready: false, reason: { code: "ERR_LEASE_CONFLICT" } });
    expect(twin.status.reason?.text).toMatch(/another live node \(id node-1\)/);
    expect(rig.leases()).toEqual([node.subnet.replace("/", "-")]);
    await node.stop();
    await rig.seconds(300);
    expect(twin.status).toMatchObject({ ready: true });
    expect(twin.subnet).toBe(node.subnet);
  });

  test("a lease deleted under a running node is back, and peers keep their way to it", async () => {
    const nodes = await fabric(3);
    const subnets = nodes.map(({ subnet }) => subnet);
    for (const key of rig.leases()) rig.world.delete(`subnets/${key}`);
    await rig.seconds(2);
    expect(nodes.map(({ subnet }) => subnet)).toEqual(subnets);
    expectMesh(nodes);
  });
});
