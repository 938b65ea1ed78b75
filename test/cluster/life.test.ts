// What befalls a daemon besides its peers: a store that is away when it starts, a reboot, another address, another network
// configuration, and its end for good. The clock is moved by hand.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AppRig, type RigNode, VXLAN_CONFIG } from "../support/app-rig.ts";

let rig: AppRig;

beforeEach(() => {
  rig = new AppRig();
});

afterEach(() => {
  rig[Symbol.dispose]();
});

async function fabric(count: number, args: readonly string[] = [], config = VXLAN_CONFIG): Promise<RigNode[]> {
  rig.world.put("config", config);
  const nodes = Array.from({ length: count }, (_, index) => rig.node(index + 1, args));
  for (const node of nodes) node.start();
  await rig.seconds(60);
  return nodes;
}

function routes(node: RigNode): string[] {
  return node.objects(/^route /);
}

function keyOf(node: RigNode): string {
  return node.subnet.replace("/", "-");
}

function record(node: RigNode): Record<string, unknown> {
  return JSON.parse(rig.world.get(`subnets/${keyOf(node)}`)!.value) as Record<string, unknown>;
}

test("a node says that it is ready when its subnet file is there", async () => {
  for (const node of await fabric(2)) {
    expect(node.subnetEnv).toBeDefined();
    expect(node.subnetEnvAtReady).toBe(node.subnetEnv);
  }
});

describe("with the store away", () => {
  test("a rebooted node comes up from its last known state, and goes on with the store when that is back", async () => {
    const nodes = await fabric(3);
    const [node] = nodes as [RigNode];
    // Who may send is not enforced before the store has told all peers.
    const objects = (): string[] => node.objects().filter((key) => !key.includes("loden-peers"));
    const before = { env: node.subnetEnv, objects: objects(), key: keyOf(node) };
    const value = rig.world.get(`subnets/${before.key}`)!;
    await node.reboot();
    node.store.partition(true);
    node.start();
    await rig.seconds(4);
    expect(node.subnetEnv).toBeUndefined();
    await rig.seconds(4);
    expect([node.subnetEnv, objects()]).toEqual([before.env, before.objects]);
    expect(node.status).toMatchObject({ phase: "running", ready: true, lease: { key: before.key } });
    const problem = node.status.problems.find(({ text }) => text.includes("last known state"));
    expect(problem).toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    node.store.partition(false);
    await rig.seconds(70);
    expect(node.status).toMatchObject({ ready: true, problems: [] });
    expect(rig.world.get(`subnets/${before.key}`)).toEqual(value);
    expect(routes(node)).toHaveLength(2);
  });

  test("a restarted node removes nothing that the kernel has and its state has not", async () => {
    const nodes = await fabric(2);
    const [node] = nodes as [RigNode];
    const state = node.state;
    const late = rig.node(9);
    late.start();
    await rig.seconds(5);
    await node.stop();
    // As after kill -9: the state of half a minute ago.
    node.files.set(...state);
    node.store.partition(true);
    node.start();
    await rig.seconds(60);
    expect(routes(node)).toHaveLength(2);
    expect(node.status).toMatchObject({ ready: true, peers: { known: 1 } });
    await late.drain();
    node.store.partition(false);
    await rig.seconds(30);
    expect(routes(node)).toHaveLength(1);
  });

  test("a lease that ended meanwhile is taken again", async () => {
    const [node] = (await fabric(1, ["--subnet-lease-ttl=120", "--subnet-lease-renew-margin=1"])) as [RigNode];
    const key = keyOf(node);
    await node.reboot();
    node.store.partition(true);
    node.start();
    await rig.seconds(600);
    expect(rig.leases()).toEqual([]);
    node.store.partition(false);
    await rig.seconds(30);
    expect(rig.leases()).toEqual([key]);
    expect(node.status).toMatchObject({ ready: true, problems: [] });
  });

  test("a subnet that another has by now is kept up, told loudly, not overwritten, and closed to new containers", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    const [key, objects] = [keyOf(node), node.objects()];
    await node.reboot();
    node.store.partition(true);
    node.start();
    await rig.seconds(10);
    const theirs = '{"PublicIP":"192.168.0.200","PublicIPv6":null,"BackendType":"vxlan","NodeID":"thief","Epoch":7}';
    rig.world.put(`subnets/${key}`, theirs);
    node.store.partition(false);
    await rig.seconds(30);
    expect(rig.world.get(`subnets/${key}`)?.value).toBe(theirs);
    expect(node.status).toMatchObject({ ready: false, reason: { code: "ERR_LEASE_CONFLICT" } });
    expect(node.status.reason?.text).toMatch(/192\.168\.0\.200 \(id thief\) has taken this node's lease/);
    expect(node.objects()).toEqual(objects);
    expect(keyOf(node)).toBe(key);
    rig.world.delete(`subnets/${key}`);
    await rig.seconds(30);
    expect(node.status).toMatchObject({ ready: true, problems: [] });
    expect(record(node)).toMatchObject({ NodeID: "node-1" });
  });

  test.each<[string, (text: string) => string, RegExp]>([
    ["cut short", (text) => text.slice(0, 100), /not JSON/],
    ["empty", () => "", /not JSON/],
    ["altered", (text) => text.replace("10.5.0.0/16", "10.6.0.0/16"), /checksum/],
    ["of a later format", (text) => text.replace('"format":1', '"format":2'), /format/],
    ["something else", () => "[]", /format/],
  ])("a state file that is %s is reported and ignored", async (_, damage, expected) => {
    const [node] = (await fabric(1)) as [RigNode];
    const key = keyOf(node);
    await node.reboot();
    const [file, text] = node.state;
    node.files.set(file, damage(text));
    node.store.partition(true);
    node.start();
    await rig.seconds(60);
    expect(node.status).toMatchObject({ phase: "config", ready: false });
    expect(node.status.problems.map((problem) => problem.text).join()).toMatch(expected);
    node.store.partition(false);
    await rig.seconds(60);
    expect(node.status).toMatchObject({ ready: true, problems: [] });
    expect(rig.leases()).toEqual([key]);
    expect(node.state[1]).toContain('"format":1');
  });

  test("a state file of another node is ignored", async () => {
    const [first] = (await fabric(1)) as [RigNode];
    const clone = rig.node(2, [], "clone");
    const [, text] = first.state;
    clone.start();
    await rig.seconds(60);
    const [file] = clone.state;
    await clone.reboot();
    clone.files.set(file, text);
    clone.store.partition(true);
    clone.start();
    await rig.seconds(30);
    expect(clone.status).toMatchObject({ phase: "config", ready: false });
    expect(clone.status.problems.map((problem) => problem.text).join()).toMatch(
      /of the node node-1, and this one is clone/,
    );
    expect(clone.objects()).toEqual([]);
  });

  test("churn costs one write in half a minute", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    const texts = new Set<string>();
    for (let step = 0; step < 600; step++) {
      const value = `{"PublicIP":"192.168.0.99","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"0a:00:00:00:00:${(step % 90) + 10}"}}`;
      rig.world.put("subnets/10.5.99.0-24", value);
      await rig.seconds(0.1);
      texts.add(node.state[1]);
    }
    expect(texts.size).toBeGreaterThan(1);
    expect(texts.size).toBeLessThanOrEqual(4);
  });

  test("a configuration that has become wrong is told, and the last one that was right is used", async () => {
    const nodes = await fabric(2);
    rig.world.put("config", '{"Network":"10.5.0.0/30"}');
    await nodes[0]!.stop();
    nodes[0]!.start();
    await rig.seconds(10);
    expect(nodes[0]!.status).toMatchObject({ ready: true, problems: [{ code: "ERR_CONFIG" }] });
    expect(routes(nodes[0]!)).toHaveLength(1);
  });
});

describe("another address of the host", () => {
  test("is taken up without a restart: the subnet stays, peers follow", async () => {
    const nodes = await fabric(3);
    const [node, peer] = nodes as [RigNode, RigNode];
    const [env, epoch] = [node.subnetEnv, record(node)["Epoch"]];
    node.readdress("192.168.0.77/24");
    await rig.seconds(2);
    expect(record(node)).toMatchObject({ PublicIP: "192.168.0.77", NodeID: "node-1", Epoch: epoch });
    expect(node.subnetEnv).toBe(env);
    expect(node.kernel.objects.get("link flannel.1")?.spec).toMatchObject({ detail: { kind: "vxlan" } });
    expect(JSON.stringify(node.kernel.objects.get("link flannel.1")?.spec)).toContain('"local":"192.168.0.77"');
    const remotes = [...peer.kernel.objects.values()].flatMap(({ kind, spec }) => (kind === "fdb" ? [spec] : []));
    expect(JSON.stringify(remotes)).toContain('"remote":"192.168.0.77"');
    expect(node.kernel.batches.flat().filter(({ type }) => type === "remove")).toEqual([]);
    expect(node.status).toMatchObject({ ready: true, problems: [], lease: { publicAddresses: ["192.168.0.77"] } });
  });

  test("that comes after a while without any is waited for, and nothing changes meanwhile", async () => {
    const [node] = (await fabric(2)) as [RigNode];
    const before = node.objects();
    node.readdress();
    await rig.seconds(60);
    expect(node.status).toMatchObject({ ready: true, problems: [{ code: "ERR_INTERFACE" }] });
    expect([node.objects(), record(node)["PublicIP"]]).toEqual([before, "192.168.0.1"]);
    node.readdress("192.168.0.50/24");
    await rig.seconds(12);
    expect(record(node)["PublicIP"]).toBe("192.168.0.50");
    expect(node.status.problems).toEqual([]);
  });

  test("while the daemon is down is taken up at the start, also by a reboot that left no subnet file", async () => {
    const [node] = (await fabric(2)) as [RigNode];
    const key = keyOf(node);
    await node.reboot();
    node.readdress("192.168.0.60/24");
    node.start();
    await rig.seconds(5);
    expect(keyOf(node)).toBe(key);
    expect(record(node)["PublicIP"]).toBe("192.168.0.60");
    expect(rig.leases()).toHaveLength(2);
  });

  test("while the store is away is told when it is back", async () => {
    const [node] = (await fabric(2)) as [RigNode];
    node.store.partition(true);
    node.readdress("192.168.0.70/24");
    await rig.seconds(30);
    expect(record(node)["PublicIP"]).toBe("192.168.0.1");
    node.store.partition(false);
    await rig.seconds(70);
    expect(record(node)["PublicIP"]).toBe("192.168.0.70");
    expect(node.status).toMatchObject({ ready: true, problems: [] });
  });

  test("another MTU of the interface reaches device and subnet file", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    node.alterHost(({ links }) => ({ links: links.map((link) => ({ ...link, mtu: 9000 })) }));
    await rig.seconds(2);
    expect(node.subnetEnv).toContain("FLANNEL_MTU=8950\n");
    expect(node.kernel.objects.get("link flannel.1")?.spec).toMatchObject({ mtu: 8950 });
  });
});

describe("another network configuration", () => {
  const config = (backend: object, more: object = {}): string =>
    JSON.stringify({ Network: "10.5.0.0/16", ...more, Backend: backend });

  test("with another MTU is taken up in place", async () => {
    const nodes = await fabric(2);
    rig.world.put("config", config({ Type: "vxlan", MTU: 1400 }));
    await rig.seconds(2);
    for (const node of nodes) {
      expect(node.subnetEnv).toContain("FLANNEL_MTU=1350\n");
      expect(node.kernel.objects.get("link flannel.1")?.spec).toMatchObject({ mtu: 1350 });
      expect(node.kernel.batches.flat().filter(({ type }) => type === "remove")).toEqual([]);
      expect(node.status).toMatchObject({ ready: true, problems: [] });
    }
  });

  test("with other bounds binds new leases, and moves nobody, not even by a restart", async () => {
    const nodes = await fabric(3);
    const subnets = nodes.map(({ subnet }) => subnet);
    rig.world.put("config", config({ Type: "vxlan" }, { SubnetMin: "10.5.254.0", SubnetMax: "10.5.255.0" }));
    await rig.seconds(2);
    await nodes[0]!.stop();
    nodes[0]!.start();
    const late = rig.node(9);
    late.start();
    await rig.seconds(3);
    expect(nodes.map(({ subnet }) => subnet)).toEqual(subnets);
    expect(late.subnet).toMatch(/^10\.5\.25[45]\.0\/24$/);
    for (const node of [...nodes, late]) expect(routes(node)).toHaveLength(3);
  });

  test("with a wider network is taken up", async () => {
    const nodes = await fabric(2);
    rig.world.put("config", JSON.stringify({ Network: "10.4.0.0/15", Backend: { Type: "vxlan" } }));
    await rig.seconds(2);
    expect(nodes[0]!.subnetEnv).toContain("FLANNEL_NETWORK=10.4.0.0/15\n");
    expect(nodes[0]!.status.problems).toEqual([]);
  });

  test.each<[string, object, RegExp]>([
    ["another network", { Network: "10.6.0.0/16" }, /does not hold this node's subnet/],
    ["another family", { EnableIPv6: true, IPv6Network: "fd00:5::/48" }, /begins IPv6/],
    ["a network that is none", { Network: "10.5.0.0/30" }, /wrong: network is too small.*goes on with the one it has/],
    ["a backend that nobody has", { Backend: { Type: "pigeon" } }, /pigeon/],
    ["a bad option", { Backend: { Type: "vxlan", VNI: "x" } }, /VNI/],
  ])("with %s is refused with the reason, and the old one goes on", async (_, change, expected) => {
    const nodes = await fabric(2);
    const before = nodes.map((node) => [node.objects(), node.subnetEnv]);
    rig.world.put("config", JSON.stringify({ Network: "10.5.0.0/16", Backend: { Type: "vxlan" }, ...change }));
    await rig.seconds(2);
    expect(nodes.map((node) => [node.objects(), node.subnetEnv])).toEqual(before);
    expect(nodes[0]!.status).toMatchObject({ ready: true, problems: [{ code: "ERR_CONFIG" }] });
    expect(nodes[0]!.status.problems[0]?.text).toMatch(expected);
    rig.world.put("config", VXLAN_CONFIG);
    await rig.seconds(2);
    expect(nodes[0]!.status.problems).toEqual([]);
  });

  test("that leaves a peer outside is refused by all", async () => {
    const nodes = await fabric(2);
    rig.world.put("subnets/10.5.250.0-24", '{"PublicIP":"192.168.0.99","BackendType":"vxlan"}');
    rig.world.put("config", JSON.stringify({ Network: "10.5.0.0/17", Backend: { Type: "vxlan" } }));
    await rig.seconds(2);
    for (const node of nodes) expect(node.status.problems.map(({ code }) => code)).toContain("ERR_CONFIG");
  });

  test.each<[string, object, RegExp, RegExp]>([
    ["VNI", { Type: "vxlan", VNI: 7 }, /^(link|fdb .* dev) flannel\.1$/, /^link flannel\.7$/],
    ["backend", { Type: "host-gw" }, /^link /, /^route 10\.5\./],
  ])("with another %s moves by way of both, and then drops the old one", async (_, backend, old, fresh) => {
    const nodes = await fabric(3);
    const subnets = nodes.map(({ subnet }) => subnet);
    // One comes late to it: until it does, it is reached as before.
    nodes[2]!.store.partition(true);
    rig.world.put("config", config(backend));
    await rig.seconds(40);
    for (const node of nodes.slice(0, 2)) {
      expect(node.objects(old).length).toBeGreaterThan(0);
      expect(node.objects(fresh).length).toBeGreaterThan(0);
      expect(routes(node)).toHaveLength(2);
      const way = JSON.stringify(node.kernel.objects.get(`route ${subnets[2]!}`)?.spec);
      expect(way).toContain('"link":"flannel.1"');
      expect(node.status).toMatchObject({ ready: true, problems: [] });
    }
    nodes[2]!.store.partition(false);
    await rig.seconds(60);
    for (const node of nodes) {
      expect(node.objects(old)).toEqual([]);
      expect(node.objects(fresh).length).toBeGreaterThan(0);
      expect(routes(node)).toHaveLength(2);
      expect(node.status).toMatchObject({ ready: true, problems: [] });
    }
    expect(nodes.map(({ subnet }) => subnet)).toEqual(subnets);
  });

  test("a node that is killed and started again in the middle of a move goes on with both", async () => {
    const nodes = await fabric(3);
    const [node, , late] = nodes as [RigNode, RigNode, RigNode];
    late.store.partition(true);
    rig.world.put("config", config({ Type: "vxlan", VNI: 7 }));
    await rig.seconds(40);
    const [before, state] = [node.objects(), node.state];
    await node.stop();
    node.files.set(...state);
    const batches = node.kernel.batches.length;
    node.start();
    await rig.seconds(40);
    expect(node.objects()).toEqual(before);
    expect(node.kernel.batches.slice(batches).flat()).toEqual([]);
    expect(record(node)).toMatchObject({ BackendData: { VNI: 7 } });
    late.store.partition(false);
    await rig.seconds(60);
    for (const each of nodes) expect(each.objects(/flannel\.1$/)).toEqual([]);
    expect(JSON.parse(node.state[1])).not.toHaveProperty("state.outgoing");
  });

  test("another VNI that came while a daemon was down is told to peers when the kernel has it", async () => {
    const [node] = (await fabric(2)) as [RigNode];
    await node.stop();
    rig.world.put("config", config({ Type: "vxlan", VNI: 7 }));
    let told: string[] | undefined;
    rig.world.onChange(() => {
      const is = (record(node)["BackendData"] as { VNI: number }).VNI;
      if (is === 7) told ??= node.objects(/^link/);
    });
    node.start();
    await rig.seconds(3);
    // The other node's daemon is not slower than this one's.
    expect(told).toEqual(["link flannel.1", "link flannel.7"]);
    await rig.seconds(60);
    expect(node.objects(/^link/)).toEqual(["link flannel.7"]);
    expect(node.status).toMatchObject({ ready: true, problems: [] });
  });
});

describe("the end of a lease by intent", () => {
  test("--release gives it back at the stop, with the subnet file; peers drop the way to it", async () => {
    const [node, peer] = (await fabric(2, ["--release"])) as [RigNode, RigNode];
    await node.stop();
    await rig.seconds(1);
    expect(node.ended).toEqual({ error: undefined });
    expect(rig.leases()).toEqual([keyOf(peer)]);
    expect([node.subnetEnv, node.status.lease]).toEqual([undefined, null]);
    expect(routes(peer)).toEqual([]);
    expect(node.state[1]).toContain('"lease":null');
  });

  test("--release leaves it while containers are attached; draining does not", async () => {
    const [node] = (await fabric(1, ["--release"])) as [RigNode];
    node.attach("veth-pod");
    await node.stop();
    await rig.seconds(1);
    expect(rig.leases()).toEqual([keyOf(node)]);
    expect(node.status.problems.map(({ text }) => text).join()).toMatch(/1 containers are attached \(veth-pod\)/);
    node.start();
    await rig.seconds(2);
    await node.drain();
    await rig.seconds(1);
    expect(rig.leases()).toEqual([]);
  });

  test("a drained node asks for no subnet in particular, and a store that is away delays its stop by seconds alone", async () => {
    const [node] = (await fabric(1, ["--release"])) as [RigNode];
    node.store.partition(true);
    await node.stop();
    await rig.seconds(15);
    expect(node.ended).toEqual({ error: undefined });
    expect(node.status.problems.map(({ text }) => text).join()).toMatch(/is not given back/);
  });

  test("a reservation is the user's, and stays", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    const key = keyOf(node);
    await node.stop();
    rig.world.put(`subnets/${key}`, rig.world.get(`subnets/${key}`)!.value);
    node.start();
    await rig.seconds(60);
    expect(rig.world.get(`subnets/${key}`)?.lease).toBe(0n);
    await node.drain();
    await rig.seconds(1);
    expect(rig.leases()).toEqual([key]);
    // flanneld takes it up, and makes it a lease of a day; with Loden it is a reservation again.
    const theirs = '{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"vxlan"}';
    rig.world.put(`subnets/${key}`, theirs, rig.world.grant(86_400));
    node.start();
    await rig.seconds(2);
    expect(rig.world.get(`subnets/${key}`)?.lease).toBe(0n);
    expect(record(node)).toMatchObject({ NodeID: "node-1", Epoch: 1 });
  });
});
