// The reconciler on a kernel and a clock of the test's own: what marks lead to which dumps and changes, what failures
// cost, and what is left alone.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Mac } from "#kernel/ip/mac";
import { FakeKernel, asActual } from "../../../daemon/reconcile/fake.ts";
import { createReconciler, type Fabric, type ReconcileEvent, type Reconciler } from "../../../daemon/reconcile/loop.ts";
import { KINDS, linkKey, routeObject, sysctlObject } from "../../../daemon/reconcile/objects.ts";
import type { ActualObject, Change } from "../../../daemon/reconcile/port.ts";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Lease } from "../../../daemon/lease/types.ts";
import { makeFabric, makeLease, makeNetwork, makeNode, subnetOf } from "../../support/fabric.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const LINK = linkKey("flannel.1");
const ROUTE_2 = "route 10.5.2.0/24";
const FDB_2 = "fdb 0a:00:00:00:04:02 dev flannel.1";

let kernel: FakeKernel;
let clock: ManualClock;
let events: ReconcileEvent[];
let abort: AbortController;

beforeEach(() => {
  kernel = new FakeKernel();
  clock = new ManualClock();
  events = [];
  abort = new AbortController();
});

afterEach(() => abort.abort());

function start(fabric: Fabric = makeFabric()): Reconciler {
  const reconciler = createReconciler({ kernel, clock, fabric, onEvent: (event) => events.push(event) });
  reconciler.start(abort.signal);
  return reconciler;
}

/** Long enough for marks to become a pass, short enough for no retry. */
const soon = (): Promise<void> => clock.advance(50);
const told = <T extends ReconcileEvent["type"]>(type: T): Extract<ReconcileEvent, { type: T }>[] =>
  events.filter((event) => event.type === type) as Extract<ReconcileEvent, { type: T }>[];
const keys = (): string[] => [...kernel.objects.keys()].toSorted();

async function running(fabric?: Fabric, peers: readonly number[] = [2, 3]): Promise<Reconciler> {
  const reconciler = start(fabric);
  reconciler.replaceLeases(peers.map((n) => makeLease(n)));
  await soon();
  events.length = 0;
  kernel.dumps.length = 0;
  kernel.batches.length = 0;
  return reconciler;
}

/** For failApply: what one object's change comes to. */
function failing(key: string): (change: Change) => Error | undefined {
  return (change) => (change.type !== "remove" && change.object.key === key ? new Error("EINVAL") : undefined);
}

describe("from nothing", () => {
  test("base and peers are one dump and one batch, and the next look finds no difference", async () => {
    const reconciler = start();
    reconciler.replaceLeases([makeLease(2), makeLease(3)]);
    await soon();
    expect(kernel.dumps).toHaveLength(1);
    expect(kernel.batches.map((batch) => batch.length)).toEqual([9]);
    expect(keys()).toContain(ROUTE_2);
    reconciler.resync();
    await soon();
    expect(kernel.dumps).toHaveLength(2);
    expect(kernel.batches).toHaveLength(1);
    expect(reconciler.state()).toMatchObject({ applied: 9, failed: [], peers: 2, ready: true, driftRepaired: 0 });
    expect(reconciler.state().desired).toMatchObject({
      link: 1,
      address: 1,
      neighbour: 2,
      fdb: 2,
      route: 2,
      sysctl: 1,
    });
  });

  test("ready comes with the base, before any lease is known", async () => {
    const reconciler = start();
    let isReady = false;
    void reconciler.ready().then(() => (isReady = true));
    kernel.failApply = (change) =>
      change.type !== "remove" && change.object.kind === "link" ? new Error("not now") : undefined;
    await soon();
    expect(isReady).toBe(false);
    kernel.failApply = () => undefined;
    await clock.advance(200);
    expect(isReady).toBe(true);
    expect(reconciler.state().ready).toBe(true);
  });
});

describe("a lease's change", () => {
  test("costs its own objects and no dump", async () => {
    const reconciler = await running();
    reconciler.putLease(makeLease(4));
    await soon();
    expect(kernel.dumps).toEqual([]);
    expect(kernel.batches.map((batch) => batch.map((change) => change.type))).toEqual([["add", "add", "add"]]);
  });

  test("that says what was known already costs nothing", async () => {
    const reconciler = await running();
    reconciler.putLease({ ...makeLease(2), epoch: 7 });
    await soon();
    expect([kernel.dumps, kernel.batches]).toEqual([[], []]);
  });

  test("of MAC and address replaces what it must, and removes the old entry", async () => {
    const reconciler = await running();
    const data = { 4: { VtepMAC: "0a:00:00:00:04:99" } };
    reconciler.putLease({ ...makeLease(2), backendData: data, publicAddress: { 4: Address.parse("192.168.0.99") } });
    await soon();
    expect(keys()).toContain("fdb 0a:00:00:00:04:99 dev flannel.1");
    expect(keys()).not.toContain(FDB_2);
    expect(kernel.objects.get("neighbour 10.5.2.0 dev flannel.1")?.spec).toMatchObject({
      mac: Mac.parse("0a:00:00:00:04:99"),
    });
  });

  test("that deletes it removes its objects alone", async () => {
    const reconciler = await running();
    const before = keys();
    reconciler.deleteLease("10.5.2.0-24");
    await soon();
    expect(before.filter((key) => !keys().includes(key))).toEqual(
      [FDB_2, "neighbour 10.5.2.0 dev flannel.1", ROUTE_2].toSorted(),
    );
    expect(kernel.dumps).toEqual([]);
  });

  test("many at once are one pass", async () => {
    const reconciler = await running();
    for (let n = 10; n < 60; n++) reconciler.putLease(makeLease(n));
    reconciler.deleteLease("10.5.2.0-24");
    await soon();
    expect(kernel.batches.map((batch) => batch.length)).toEqual([153]);
  });
});

describe("nothing of a peer goes", () => {
  test("before the leases are known, also not what an earlier daemon left", async () => {
    await running(undefined, [2, 3]);
    abort.abort();
    abort = new AbortController();
    const reconciler = start();
    await soon();
    expect(keys()).toContain(ROUTE_2);
    reconciler.replaceLeases([makeLease(3)]);
    await soon();
    expect(keys()).not.toContain(ROUTE_2);
    expect(keys()).toContain("route 10.5.3.0/24");
  });

  test("because a dump failed", async () => {
    const reconciler = await running();
    kernel.failDump = (kind) => (kind === "route" ? new Error("dump interrupted") : undefined);
    const before = keys();
    reconciler.resync();
    await soon();
    expect(keys()).toEqual(before);
    expect(kernel.batches).toEqual([]);
    expect(told("failed")).toMatchObject([
      { failures: [{ key: "dump of route", error: { message: "dump interrupted" } }] },
    ]);
    // Peers come and go all the same.
    reconciler.putLease(makeLease(4));
    await soon();
    expect(keys()).toContain("route 10.5.4.0/24");
    kernel.failDump = () => undefined;
    await clock.advance(1_000);
    expect(told("recovered")).toMatchObject([{ keys: ["dump of route"] }]);
    expect(reconciler.state().failed).toEqual([]);
  });

  test("because its lease became unreadable", async () => {
    const reconciler = await running();
    const before = keys();
    reconciler.putLease({ ...makeLease(2), backendData: { 4: { VtepMAC: "nonsense" } } });
    await soon();
    expect(keys()).toEqual(before);
    expect(told("lease-refused")).toMatchObject([{ lease: "10.5.2.0-24", error: { code: "ERR_LEASE_INVALID" } }]);
    expect(reconciler.state().refused).toHaveLength(1);
  });
});

test("what cannot be dumped the first time is not written blindly", async () => {
  kernel.failDump = (kind) => (kind === "route" ? new Error("no") : undefined);
  const reconciler = start();
  reconciler.replaceLeases([makeLease(2)]);
  await soon();
  expect(keys()).toContain(FDB_2);
  expect(keys()).not.toContain(ROUTE_2);
  kernel.failDump = () => undefined;
  await clock.advance(200);
  expect(keys()).toContain(ROUTE_2);
});

describe("leases that do not count", () => {
  test.each<[string, Partial<ReturnType<typeof makeLease>>, string]>([
    ["outside the network", { subnet: { 4: subnetOf(2, 6) } }, "outside the network 10.5.0.0/16"],
    ["overlapping ours", { subnet: { 4: subnetOf(1, 4) } }, "overlaps this node's own 10.5.1.0/24"],
    ["our own address", { publicAddress: { 4: Address.parse("192.168.0.1") } }, "this node's own address"],
    [
      "a subnet around its own node",
      { publicAddress: { 4: Address.parse("10.5.2.9") } },
      "holds its node's own address",
    ],
  ])("%s: refused by name, and nobody else pays", async (_, change, message) => {
    const reconciler = await running(undefined, [3]);
    reconciler.putLease({ ...makeLease(2), ...change });
    await soon();
    expect(kernel.batches).toEqual([]);
    expect(told("lease-refused")).toMatchObject([{ error: { message: expect.stringContaining(message) } }]);
    expect(reconciler.state()).toMatchObject({ peers: 1, refused: [{ lease: "10.5.2.0-24" }] });
  });

  test("an overlap with the underlay is refused", async () => {
    const node = { ...makeNode(1, [4]), onLink: [subnetOf(2, 4)] };
    const reconciler = await running(makeFabric({}, node), []);
    reconciler.putLease(makeLease(2));
    await soon();
    expect(told("lease-refused")).toMatchObject([
      { error: { message: expect.stringContaining("overlaps the underlay 10.5.2.0/24 of eth0") } },
    ]);
  });

  test("another backend's are left with a note", async () => {
    const reconciler = await running(undefined, []);
    reconciler.putLease(makeLease(2, { type: "host-gw" }));
    await soon();
    expect(kernel.batches).toEqual([]);
    expect(told("lease-ignored")).toMatchObject([
      { lease: "10.5.2.0-24", note: expect.stringContaining('backend "host-gw"') },
    ]);
    expect(reconciler.state()).toMatchObject({ peers: 0, ignored: [{ lease: "10.5.2.0-24" }] });
  });

  test("ours is nobody's peer, whoever wrote it", async () => {
    const reconciler = await running(undefined, []);
    const { nodeId: _, ...byFlannel } = makeLease(1);
    reconciler.replaceLeases([makeLease(1)]);
    reconciler.replaceLeases([byFlannel]);
    await soon();
    expect(events.filter((event) => event.type !== "pass")).toEqual([]);
    expect(reconciler.state()).toMatchObject({ peers: 0, refused: [], ignored: [] });
  });
});

describe("two leases that want one thing", () => {
  const sameMac: Lease = { ...makeLease(4), backendData: { 4: { VtepMAC: "0a:00:00:00:04:02" } } };
  const within: Lease = { ...makeLease(4), key: "10.5.2.128-25", subnet: { 4: Prefix.parse("10.5.2.128/25") } };
  const around: Lease = { ...makeLease(4), key: "10.5.2.0-23", subnet: { 4: Prefix.parse("10.5.2.0/23") } };
  const otherKey: Lease = { ...makeLease(4), key: "10.5.2.0-24&fd00:5:2::-64", subnet: { 4: subnetOf(2, 4) } };

  test.each<[string, Lease, RegExp]>([
    ["MAC", sameMac, /the MAC 0a:00:00:00:04:02 of its node's device is that of lease 10\.5\.2\.0-24/],
    ["part of a subnet", within, /its subnet 10\.5\.2\.128\/25 overlaps 10\.5\.2\.0\/24 of lease 10\.5\.2\.0-24/],
    ["larger subnet", around, /its subnet 10\.5\.2\.0\/23 overlaps 10\.5\.2\.0\/24 of lease 10\.5\.2\.0-24/],
    ["subnet", otherKey, /its subnet 10\.5\.2\.0\/24 overlaps 10\.5\.2\.0\/24 of lease 10\.5\.2\.0-24/],
  ])(
    "one %s: the first keeps it, the other is refused whole, and follows when the first is gone",
    async (_, rival, message) => {
      const reconciler = await running(undefined, [2]);
      const before = keys();
      reconciler.putLease(rival);
      await soon();
      expect(kernel.objects.get(FDB_2)?.spec).toMatchObject({ remote: Address.parse("192.168.0.2") });
      expect(keys()).toEqual(before);
      expect(told("lease-refused")).toMatchObject([
        { lease: rival.key, error: { message: expect.stringMatching(message) } },
      ]);
      reconciler.deleteLease("10.5.2.0-24");
      await soon();
      expect(kernel.objects.get(`route ${rival.subnet[4]!.toString()}`)).toBeDefined();
      expect(reconciler.state()).toMatchObject({ failed: [], refused: [], peers: 1 });
    },
  );

  test("the other comes in when the first one's lease says something else", async () => {
    const reconciler = await running();
    reconciler.putLease(sameMac);
    reconciler.putLease({ ...makeLease(2), backendData: { 4: { VtepMAC: "0a:00:00:00:04:22" } } });
    await soon();
    expect(kernel.objects.get(FDB_2)?.spec).toMatchObject({ remote: Address.parse("192.168.0.4") });
    expect(reconciler.state()).toMatchObject({ failed: [], refused: [], peers: 3 });
  });

  test("on a start the first by key has it, in whatever order they are told", async () => {
    const reconciler = start();
    reconciler.replaceLeases([sameMac, makeLease(2)]);
    await soon();
    expect(reconciler.state().refused).toMatchObject([{ lease: sameMac.key }]);
  });

  test("two leases of one node for a while are no rivals", async () => {
    const reconciler = await running();
    reconciler.putLease({ ...sameMac, publicAddress: makeLease(2).publicAddress });
    await soon();
    expect(reconciler.state()).toMatchObject({ failed: [], refused: [], peers: 3 });
    reconciler.deleteLease("10.5.2.0-24");
    await soon();
    expect(kernel.objects.get(FDB_2)).toBeDefined();
  });

  test("another configuration finds the same rivals", async () => {
    const reconciler = await running();
    reconciler.putLease(sameMac);
    reconciler.configure(makeFabric({ options: { Learning: true } }));
    await soon();
    expect(reconciler.state().refused).toMatchObject([{ lease: sameMac.key }]);
  });
});

describe("limits", () => {
  const path = "net/ipv4/neigh/default/gc_thresh3";
  const wish = sysctlObject({ path, value: "4096", atLeast: true, ifPresent: true });
  const found = (value: string): ActualObject => asActual(sysctlObject({ path, value }), false);

  test.each([
    ["1024", "4096"],
    ["4096", "4096"],
    ["65536", "65536"],
    ["", ""],
  ])("of %j come to %j", async (before, after) => {
    const reconciler = await running();
    kernel.put(found(before));
    reconciler.setLimits([wish]);
    await soon();
    expect(kernel.objects.get(wish.key)?.spec).toMatchObject({ value: after });
  });

  test("that the kernel does not give are told of, and the node is ready all the same", async () => {
    const reconciler = await running();
    kernel.failApply = failing(wish.key);
    reconciler.setLimits([wish]);
    await soon();
    expect(told("failed").flatMap((event) => event.failures)).toMatchObject([{ key: wish.key, because: "limits" }]);
    expect(reconciler.state().ready).toBe(true);
  });
});

describe("a failing object", () => {
  test("holds up nobody, is tried again at longer and longer intervals, and is told once", async () => {
    const reconciler = await running();
    kernel.failApply = failing("route 10.5.4.0/24");
    reconciler.putLease(makeLease(4));
    reconciler.putLease(makeLease(5));
    await soon();
    expect(keys()).toContain("route 10.5.5.0/24");
    const tries = (): number => reconciler.state().failed[0]?.tries ?? 0;
    expect(tries()).toBe(1);
    await clock.advance(1_000);
    const after1s = tries();
    expect(after1s).toBeGreaterThanOrEqual(3);
    expect(after1s).toBeLessThanOrEqual(5);
    await clock.advance(3_600_000);
    expect(tries()).toBeLessThan(after1s + 130);
    expect(told("failed").flatMap((event) => event.failures)).toMatchObject([
      { key: "route 10.5.4.0/24", because: "10.5.4.0-24" },
    ]);
    kernel.failApply = () => undefined;
    await clock.advance(31_000);
    expect(keys()).toContain("route 10.5.4.0/24");
    expect(told("recovered")).toMatchObject([{ keys: ["route 10.5.4.0/24"] }]);
    expect(reconciler.state().failed).toEqual([]);
  });

  test("is tried at once when its lease says something new", async () => {
    const reconciler = await running();
    kernel.failApply = failing("route 10.5.4.0/24");
    reconciler.putLease(makeLease(4));
    await clock.advance(60_000);
    kernel.failApply = () => undefined;
    reconciler.putLease({ ...makeLease(4), publicAddress: { 4: Address.parse("192.168.0.44") } });
    await soon();
    expect(keys()).toContain("route 10.5.4.0/24");
  });

  test("is forgotten when nobody wants it any more", async () => {
    const reconciler = await running();
    kernel.failApply = failing("route 10.5.4.0/24");
    reconciler.putLease(makeLease(4));
    await soon();
    reconciler.deleteLease("10.5.4.0-24");
    await clock.advance(1_000);
    expect(reconciler.state().failed).toEqual([]);
  });

  test("with its link failing, thousands are told as one", async () => {
    kernel.failApply = failing(LINK);
    const reconciler = start();
    reconciler.replaceLeases([makeLease(2), makeLease(3)]);
    await soon();
    expect(told("failed").flatMap((event) => event.failures.map(({ key }) => key))).toEqual([LINK]);
    expect(reconciler.state().failed).toHaveLength(9);
    kernel.failApply = () => undefined;
    await clock.advance(1_000);
    expect(reconciler.state()).toMatchObject({ failed: [], applied: 9, ready: true });
  });

  test("settled does not wait for it", async () => {
    const reconciler = await running();
    kernel.failApply = failing("route 10.5.4.0/24");
    reconciler.putLease(makeLease(4));
    let isSettled = false;
    void reconciler.settled().then(() => (isSettled = true));
    expect(isSettled).toBe(false);
    await soon();
    expect(isSettled).toBe(true);
  });

  test("a removal that fails is tried again too", async () => {
    const reconciler = await running();
    kernel.failApply = (change) => (change.type === "remove" ? new Error("EBUSY") : undefined);
    reconciler.deleteLease("10.5.2.0-24");
    await soon();
    expect(reconciler.state().failed).toHaveLength(3);
    kernel.failApply = () => undefined;
    await clock.advance(1_000);
    expect(keys()).not.toContain(ROUTE_2);
    expect(reconciler.state().failed).toEqual([]);
  });
});

describe("drift", () => {
  test.each(["route 10.5.2.0/24", FDB_2, "neighbour 10.5.2.0 dev flannel.1", "address 10.5.1.0/32 dev flannel.1"])(
    "%s removed is made again",
    async (key) => {
      const reconciler = await running();
      kernel.delete(key);
      await soon();
      expect(keys()).toContain(key);
      expect(told("drift")).toMatchObject([{ repairs: [{ key, change: "add" }] }]);
      expect(reconciler.state().driftRepaired).toBe(1);
    },
  );

  test("an altered route is put right", async () => {
    await running();
    const route = kernel.objects.get(ROUTE_2) as ActualObject<"route">;
    kernel.put({ ...route, spec: { ...route.spec, gateway: Address.parse("10.5.9.9") } });
    await soon();
    expect(kernel.objects.get(ROUTE_2)).toMatchObject({ spec: { gateway: Address.parse("10.5.2.0") } });
  });

  test("the device removed: it and all on it are back after one batch", async () => {
    const reconciler = await running();
    const before = keys();
    kernel.delete(LINK);
    await soon();
    expect(keys()).toEqual(before);
    expect(kernel.batches.map((batch) => batch.length)).toEqual([9]);
    expect(reconciler.state().driftRepaired).toBe(9);
  });

  test("the device down: it is up again, and so are the routes the kernel dropped without a word", async () => {
    await running();
    const before = keys();
    kernel.linkDown("flannel.1");
    await soon();
    expect(keys()).toEqual(before);
    expect(kernel.objects.get(LINK)).toMatchObject({ spec: { up: true } });
  });

  test("the device of another make: it is replaced, and all on it made again in the same batch", async () => {
    await running();
    const before = keys();
    const link = kernel.objects.get(LINK) as ActualObject<"link">;
    kernel.put({ ...link, ours: false, spec: { name: "flannel.1", detail: { kind: "other", name: "bridge" } } });
    await soon();
    expect(keys()).toEqual(before);
    expect(kernel.objects.get(LINK)).toMatchObject({ ours: true, spec: { detail: { kind: "vxlan" } } });
    expect(kernel.batches).toHaveLength(1);
  });

  test("another MAC on the device: it is put right, and the neighbours that fall with it are made again", async () => {
    await running();
    const link = kernel.objects.get(LINK) as ActualObject<"link">;
    kernel.put({ ...link, spec: { ...link.spec, mac: Mac.parse("02:00:00:00:00:01") } });
    await soon();
    expect(
      kernel.batches.map((batch) => batch.map((change) => (change.type === "remove" ? "" : change.object.kind))),
    ).toEqual([["link", "neighbour", "neighbour"]]);
  });

  test("a stray that bears our mark goes; one that does not stays", async () => {
    await running();
    const spec = { destination: subnetOf(77, 4), gateway: subnetOf(77, 4).first, link: "flannel.1", onlink: true };
    kernel.put(asActual(routeObject(spec)));
    kernel.put(asActual(routeObject({ ...spec, destination: subnetOf(78, 4) }), false));
    await soon();
    expect(keys()).not.toContain("route 10.5.77.0/24");
    expect(keys()).toContain("route 10.5.78.0/24");
  });

  test("a sysctl, which tells nobody, is found by the timer", async () => {
    const extras = [sysctlObject({ path: "net/ipv4/ip_forward", value: "1" })];
    await running(makeFabric({ extras }));
    const key = "sysctl net/ipv4/ip_forward";
    const sysctl = kernel.objects.get(key) as ActualObject<"sysctl">;
    kernel.objects.set(key, { ...sysctl, spec: { ...sysctl.spec, value: "0" } });
    await clock.advance(31_000);
    expect(kernel.objects.get(key)).toMatchObject({ spec: { value: "1" } });
  });

  test("lost notifications lead to a dump", async () => {
    await running();
    kernel.objects.delete(ROUTE_2);
    kernel.overrun(KINDS);
    await soon();
    expect(keys()).toContain(ROUTE_2);
  });

  test("our own writes lead to none", async () => {
    const reconciler = await running();
    reconciler.putLease(makeLease(4));
    reconciler.deleteLease("10.5.3.0-24");
    await soon();
    await soon();
    expect(kernel.dumps).toEqual([]);
    expect(kernel.batches).toHaveLength(1);
  });

  test("somebody who undoes our work for ever is answered at longer intervals, within half a second", async () => {
    await running();
    const stop = (): void => {
      kernel.failApply = () => undefined;
    };
    kernel.failApply = (change) => {
      if (change.type !== "remove" && change.object.key === ROUTE_2) queueMicrotask(() => kernel.delete(ROUTE_2));
      return undefined;
    };
    kernel.delete(ROUTE_2);
    await clock.advance(10_000);
    expect(kernel.batches.length).toBeGreaterThan(20);
    expect(kernel.batches.length).toBeLessThan(60);
    stop();
    await clock.advance(500);
    expect(keys()).toContain(ROUTE_2);
  });
});

describe("what others made", () => {
  test("a route in our way, not shown by the first dump, is taken over when it turns up", async () => {
    const reconciler = await running();
    const spec = { destination: subnetOf(4, 4), gateway: Address.parse("192.168.0.200"), link: "eth0", onlink: false };
    kernel.put(asActual(routeObject(spec), false));
    await soon();
    reconciler.putLease(makeLease(4));
    await clock.advance(500);
    expect(kernel.objects.get("route 10.5.4.0/24")).toMatchObject({ ours: true, spec: { link: "flannel.1" } });
    // It was found occupied once, which is nothing to tell anybody.
    expect(told("failed")).toEqual([]);
  });

  test("a route of the kernel's own is left, and told of", async () => {
    const spec = { destination: subnetOf(4, 4), link: "eth0", onlink: false };
    kernel.objects.set("route 10.5.4.0/24", {
      ...asActual(routeObject(spec), false),
      untouchable: "is the kernel's own",
    });
    const reconciler = await running(undefined, [2, 4]);
    expect(kernel.objects.get("route 10.5.4.0/24")).toMatchObject({ spec: { link: "eth0" } });
    expect(reconciler.state().failed).toMatchObject([
      { key: "route 10.5.4.0/24", error: { code: "ERR_KERNEL_CONFLICT" } },
    ]);
  });

  test("a matching device that flannel made is adopted, and what is stale on it goes in the pass after", async () => {
    await running(undefined, [2, 3]);
    abort.abort();
    for (const object of kernel.objects.values()) kernel.objects.set(object.key, { ...object, ours: false });
    abort = new AbortController();
    const dump = kernel.dump.bind(kernel);
    // On a device that bears our mark, entries are ours.
    kernel.dump = (kinds, wanted) => {
      const isOurs = kernel.objects.get(LINK)?.ours === true;
      for (const object of kernel.objects.values()) {
        if (object.kind === "fdb") kernel.objects.set(object.key, { ...object, ours: isOurs });
      }
      return dump(kinds, wanted);
    };
    const reconciler = start();
    reconciler.replaceLeases([makeLease(3)]);
    await soon();
    expect(keys()).not.toContain(FDB_2);
    expect(kernel.objects.get(LINK)?.ours).toBe(true);
    expect(reconciler.state().failed).toEqual([]);
  });
});

describe("a new configuration", () => {
  test("moves routes first and removes the old device afterwards", async () => {
    const reconciler = await running();
    const node = makeNode(1, [4]);
    const backends = makeFabric({ options: { VNI: 2 } }, node).backends;
    reconciler.configure({ network: makeNetwork({ options: { VNI: 2 } }), node, backends, extras: [] });
    await soon();
    expect(kernel.objects.get(ROUTE_2)).toMatchObject({ spec: { link: "flannel.2" } });
    expect(keys().filter((key) => key.includes("flannel.1"))).toEqual([]);
    expect(kernel.dumps).toEqual([]);
  });

  test("that is the old one changes nothing", async () => {
    const reconciler = await running();
    reconciler.configure(makeFabric());
    await soon();
    expect(kernel.batches).toEqual([]);
  });

  test("two backends at once are both their objects", async () => {
    const network = makeNetwork();
    const node = makeNode(1, [4]);
    const backends = [...makeFabric().backends, ...makeFabric({ type: "host-gw" }).backends];
    const reconciler = start({ network, node, backends, extras: [] });
    reconciler.replaceLeases([makeLease(2), makeLease(3, { type: "host-gw" })]);
    await soon();
    expect(kernel.objects.get(ROUTE_2)).toMatchObject({ spec: { link: "flannel.1" } });
    expect(kernel.objects.get("route 10.5.3.0/24")).toMatchObject({ spec: { link: "eth0" } });
  });
});

test("a pass that breaks off is told of, and everything is compared again", async () => {
  await running();
  const dump = kernel.dump.bind(kernel);
  kernel.dump = () => {
    throw new Error("broken");
  };
  kernel.delete(ROUTE_2);
  await clock.advance(1_500);
  expect(told("trouble")).toMatchObject([{ error: { message: "broken" } }, { error: { message: "broken" } }]);
  kernel.dump = dump;
  await clock.advance(1_500);
  expect(keys()).toContain(ROUTE_2);
});

test("after its end it does nothing more and leaves all as it is", async () => {
  const reconciler = await running();
  const before = keys();
  abort.abort();
  kernel.delete(ROUTE_2);
  reconciler.putLease(makeLease(9));
  await clock.advance(60_000);
  expect(keys()).toEqual(before.filter((key) => key !== ROUTE_2));
});
