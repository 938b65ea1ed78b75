// Two nodes that want the same: one address, one subnet after the other has given it back; and a store that is full when a
// node has to write. Whole daemons, on a clock that is moved by hand.
import { LodenError } from "#spec/errors";
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

function keyOf(node: RigNode): string {
  return node.subnet.replace("/", "-");
}

function addressOf(node: RigNode): unknown {
  return (JSON.parse(rig.world.get(`subnets/${keyOf(node)}`)!.value) as Record<string, unknown>)["PublicIP"];
}

function problems(node: RigNode): string {
  return node.status.problems.map(({ text }) => text).join("\n");
}

describe("an address that another live node has", () => {
  test("is not told to peers by a node that gets it while it runs, which says who has it and is not ready", async () => {
    const [first, second] = (await fabric(2)) as [RigNode, RigNode];
    const objects = first.objects();
    second.readdress("192.168.0.1/24");
    await rig.seconds(5);
    expect(addressOf(second)).toBe("192.168.0.2");
    expect(second.status).toMatchObject({ ready: false, reason: { code: "ERR_LEASE_CONFLICT" } });
    expect(problems(second)).toMatch(/another live node \(id node-1\) has this node's address 192\.168\.0\.1/);
    expect(first.status).toMatchObject({ ready: true, problems: [] });
    expect(first.objects()).toEqual(objects);
    // The other goes elsewhere, and the address is told at once.
    first.readdress("192.168.0.77/24");
    await rig.seconds(3);
    expect([addressOf(first), addressOf(second)]).toEqual(["192.168.0.77", "192.168.0.1"]);
    expect(second.status).toMatchObject({ ready: true, problems: [] });
  });

  test("is told once that node has been silent for long enough", async () => {
    const [first, second] = (await fabric(2)) as [RigNode, RigNode];
    first.kill();
    await rig.seconds(30);
    second.readdress("192.168.0.1/24");
    await rig.seconds(60);
    expect([addressOf(second), second.status.ready]).toEqual(["192.168.0.2", false]);
    await rig.seconds(150);
    expect([addressOf(second), second.status.ready]).toEqual(["192.168.0.1", true]);
  });

  test("is not told by a node that comes up with it and has a subnet, which keeps that", async () => {
    const [first, second] = (await fabric(2)) as [RigNode, RigNode];
    const key = keyOf(second);
    await second.stop();
    second.readdress("192.168.0.1/24");
    second.start();
    await rig.seconds(30);
    expect([keyOf(second), addressOf(second)]).toEqual([key, "192.168.0.2"]);
    expect(second.status).toMatchObject({ ready: false, reason: { code: "ERR_LEASE_CONFLICT" } });
    await first.drain();
    await rig.seconds(5);
    expect([keyOf(second), addressOf(second)]).toEqual([key, "192.168.0.1"]);
    expect(second.status).toMatchObject({ ready: true, problems: [] });
  });

  test("that two get at once is reported by both, until one has another", async () => {
    const [first, second, third] = (await fabric(3)) as [RigNode, RigNode, RigNode];
    for (const node of [first, second]) node.store.partition(true);
    for (const node of [first, second]) node.readdress("192.168.0.50/24");
    await rig.seconds(30);
    for (const node of [first, second]) node.store.partition(false);
    await rig.seconds(90);
    // Whoever was first to write may have it; at least the other knows, or both do.
    const told = [first, second].filter(({ status }) => !status.ready);
    expect(told.length).toBeGreaterThan(0);
    expect(problems(told[0]!)).toMatch(/another live node \(id node-[12]\) has this node's address 192\.168\.0\.50/);
    expect(third.status).toMatchObject({ ready: true });
    first.readdress("192.168.0.51/24");
    await rig.seconds(90);
    expect([first, second].map(addressOf)).toEqual(["192.168.0.51", "192.168.0.50"]);
    for (const node of [first, second]) expect(node.status).toMatchObject({ ready: true, problems: [] });
  });
});

describe("subnets that were released", () => {
  const THREE = '{"Network":"10.5.0.0/22","SubnetLen":24,"Backend":{"Type":"vxlan"}}';

  test("are taken in the order of their release, whether given back or expired", async () => {
    const args = ["--subnet-lease-ttl=300", "--subnet-lease-renew-margin=1"];
    const [drained, expired, last] = (await fabric(3, args, THREE)) as [RigNode, RigNode, RigNode];
    const order = [keyOf(drained), keyOf(expired)];
    await drained.drain();
    await rig.seconds(10);
    await expired.stop();
    await rig.seconds(400);
    expect(rig.leases()).toEqual([keyOf(last)]);
    for (const [n, key] of order.entries()) {
      const node = rig.node(10 + n, args);
      node.start();
      await rig.seconds(10);
      expect(keyOf(node)).toBe(key);
    }
  });

  test("have lost their subnet file before the mark is left, however long that takes", async () => {
    const [node] = (await fabric(1)) as [RigNode];
    rig.slowMarks = true;
    await node.drain();
    await rig.seconds(1);
    expect([rig.leases(), node.subnetEnv, node.ended]).toEqual([[], undefined, undefined]);
    await rig.seconds(15);
    expect(node.ended).toEqual({ error: undefined });
    expect(node.status.problems).toEqual([]);
  });

  test("are taken by many that start at once, each its own", async () => {
    const config = '{"Network":"10.5.0.0/20","SubnetLen":24,"Backend":{"Type":"vxlan"}}';
    const before = await fabric(15, [], config);
    for (const node of before) await node.drain();
    const after = Array.from({ length: 15 }, (_, n) => rig.node(100 + n));
    for (const node of after) node.start();
    await rig.seconds(120);
    expect(new Set(after.map(keyOf)).size).toBe(15);
    expect(rig.leases()).toHaveLength(15);
  });
});

describe("with a store that is full", () => {
  const full = new LodenError("ERR_STORE_FULL", "the store is full (NOSPACE)");
  const args = ["--subnet-lease-ttl=120", "--subnet-lease-renew-margin=1"];

  function fill(isFull: boolean): void {
    rig.refusePuts = isFull ? full : undefined;
  }

  test("a node that must write comes up from its last known state, and writes when there is room", async () => {
    const [node, peer] = (await fabric(2, args)) as [RigNode, RigNode];
    const [key, objects] = [keyOf(node), node.objects()];
    await node.reboot();
    await rig.seconds(200);
    expect(rig.leases()).toEqual([keyOf(peer)]);
    fill(true);
    node.start();
    await rig.seconds(8);
    expect([keyOf(node), node.objects()]).toEqual([key, objects]);
    expect(node.status).toMatchObject({ phase: "running", ready: true });
    expect(problems(node)).toMatch(/NOSPACE/);
    fill(false);
    await rig.seconds(60);
    expect(rig.leases().toSorted()).toEqual([key, keyOf(peer)].toSorted());
    expect(node.status).toMatchObject({ ready: true, problems: [] });
  });

  test("a node that had to wait for its address says so no more when it has another", async () => {
    const [node] = (await fabric(2, args)) as [RigNode];
    await node.stop();
    await rig.seconds(200);
    node.readdress("192.168.0.2/24");
    node.start();
    await rig.seconds(5);
    expect(problems(node)).toMatch(/another live node \(id node-2\)/);
    fill(true);
    node.readdress("192.168.0.3/24");
    await rig.seconds(10);
    expect(node.status).toMatchObject({ phase: "running", ready: true });
    expect(problems(node)).not.toMatch(/another live node/);
    fill(false);
    await rig.seconds(60);
    expect([addressOf(node), node.status.problems]).toEqual(["192.168.0.3", []]);
  });

  test("a node whose subnet went to another while it was off waits for one of its own", async () => {
    const [node] = (await fabric(1, args)) as [RigNode];
    const key = keyOf(node);
    await node.reboot();
    await rig.seconds(200);
    rig.world.put(
      `subnets/${key}`,
      '{"PublicIP":"192.168.0.200","PublicIPv6":null,"BackendType":"vxlan","NodeID":"b"}',
    );
    fill(true);
    node.start();
    await rig.seconds(60);
    expect([node.subnetEnv, node.status.phase, node.status.ready]).toEqual([undefined, "lease", false]);
    fill(false);
    await rig.seconds(60);
    expect(node.status.ready).toBe(true);
    expect(keyOf(node)).not.toBe(key);
  });
});
