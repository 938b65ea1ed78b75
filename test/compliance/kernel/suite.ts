// What every implementation of the Kernel port keeps to: the one that tests lean on and the one that Linux answers.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { DesiredState } from "../../../daemon/reconcile/desired.ts";
import { diff, isMet } from "../../../daemon/reconcile/diff.ts";
import { BASE, KINDS, linkKey, nftTableObject, routeObject } from "../../../daemon/reconcile/objects.ts";
import {
  OccupiedError,
  type Actual,
  type Change,
  type Kernel,
  type KernelObject,
  type Observation,
  type ObjectKind,
  type Outcome,
  type RouteSpec,
} from "../../../daemon/reconcile/port.ts";
import { iptablesTraffic } from "../../../daemon/traffic/iptables.ts";
import { nftTraffic } from "../../../daemon/traffic/nftables.ts";
import { trafficRules } from "../../../daemon/traffic/rules.ts";
import { peerSources, sourceFilter } from "../../../daemon/traffic/source-filter.ts";
import { TEST_MARKS, makeFabric, makeLease, makeNetwork, makeNode, subnetOf } from "../../support/fabric.ts";

/** A kernel with an underlay `eth0` (192.168.0.1/24, fd99::1/64), and somebody else's hands on it. */
export interface KernelRig extends Disposable {
  readonly kernel: Kernel;
  readonly others: {
    /** Makes or replaces a route with a protocol that is not ours. */
    addRoute(spec: RouteSpec): void;
    deleteRoute(destination: Prefix): void;
    deleteLink(name: string): void;
    setLinkDown(name: string): void;
  };
}

const families = [4, 6] as const;
const LINK = linkKey("flannel.1");

/** What a node with some peers wants: every kind of object is among it. */
function wishes(options: Record<string, unknown> = {}, peers: readonly number[] = [2, 3]): KernelObject[] {
  const fabric = makeFabric({ options, families });
  const network = makeNetwork({ families });
  const rules = trafficRules(network, makeNode(1), { masquerade: true, fullyRandom: true, forward: true });
  const tunnels = fabric.backends.flatMap((backend) => backend.tunnels?.(fabric.node) ?? []);
  return [
    ...fabric.backends.flatMap((backend) => [
      ...backend.base(fabric.node),
      ...peers.flatMap((n) =>
        families.flatMap((family) => backend.peer(fabric.node, makeLease(n, { families }), family)),
      ),
    ]),
    ...nftTraffic(rules, TEST_MARKS.nftTable, { fullyRandom: true }),
    ...sourceFilter(tunnels, TEST_MARKS.peersTable),
    ...peers.flatMap((n) => peerSources(tunnels, makeLease(n, { families }), TEST_MARKS.peersTable)),
    ...(["nft", "legacy"] as const).flatMap((variant) => iptablesTraffic(rules, variant, { fullyRandom: true })),
  ];
}

export function kernelSuite(name: string, makeRig: () => KernelRig): void {
  describe(name, () => {
    let rig: KernelRig;
    let desired: DesiredState;

    beforeEach(() => {
      rig = makeRig();
      desired = new DesiredState();
    });
    afterEach(() => rig[Symbol.dispose]());

    const want = (objects: readonly KernelObject[]): void => {
      desired.set(
        BASE,
        objects.map((object) => ({ ...object, because: BASE })),
      );
    };
    const dump = (kinds: readonly ObjectKind[] = KINDS): Actual => rig.kernel.dump(new Set(kinds), desired);
    const difference = (actual: Actual = dump()): Change[] => {
      const all = new Set([...[...desired.objects()].map(({ key }) => key), ...actual.objects.keys()]);
      return diff(desired, actual.objects, all, true);
    };
    /** Brings the kernel to what is wanted; the outcomes. */
    const converge = (order: (changes: Change[]) => Change[] = (changes) => changes): Outcome[] =>
      rig.kernel.apply(order(difference()));

    test("there is nothing of ours at first", () => {
      expect(dump()).toEqual({ objects: new Map(), failed: new Map() });
    });

    test("everything that is made is found again as it was wanted, and then there is no difference", () => {
      want(wishes());
      const outcomes = converge();
      expect(outcomes).toHaveLength(wishes().length);
      succeed(outcomes);
      const { objects, failed } = dump();
      expect(failed.size).toBe(0);
      for (const object of desired.objects()) {
        const found = objects.get(object.key);
        expect(found, object.key).toBeDefined();
        expect(isMet(object, found!), object.key).toBe(true);
      }
      expect(difference()).toEqual([]);
    });

    test("the order of changes is the kernel's business", () => {
      want(wishes());
      succeed(converge((changes) => changes.toReversed()));
      expect(difference()).toEqual([]);
      want(wishes({ VNI: 2 }, [3, 4]));
      succeed(converge((changes) => changes.toReversed()));
      expect(difference()).toEqual([]);
    });

    test("a dump has the kinds that were asked for and no other", () => {
      want(wishes());
      converge();
      const kinds = new Set([...dump(["route", "fdb"]).objects.values()].map(({ kind }) => kind));
      expect(kinds).toEqual(new Set(["route", "fdb"]));
    });

    test("everything that is removed is gone, and removing it again succeeds", () => {
      want(wishes());
      converge();
      want([]);
      const changes = difference();
      expect(changes.length).toBeGreaterThan(10);
      succeed(rig.kernel.apply(changes));
      expect(dump().objects.size).toBe(0);
      succeed(rig.kernel.apply(changes));
    });

    test("one peer's objects go without touching another's", () => {
      want(wishes());
      converge();
      want(wishes({}, [3]));
      succeed(converge());
      expect(difference()).toEqual([]);
      expect(dump().objects.has("route 10.5.2.0/24")).toBe(false);
      expect(dump().objects.has("route fd00:5:3::/64")).toBe(true);
    });

    test("a change that fails names its object and stops no other", () => {
      const bad = routeObject({
        destination: subnetOf(9, 4),
        link: "nowhere",
        onlink: true,
        gateway: subnetOf(9, 4).first,
      });
      want([bad, ...wishes()]);
      const changes = difference();
      const outcomes = rig.kernel.apply(changes);
      const failures = changes.flatMap((change, index) =>
        outcomes[index] === undefined ? [] : [[keyOf(change), outcomes[index].message]],
      );
      expect(failures).toEqual([[bad.key, expect.stringContaining(bad.key)]]);
      expect(difference().map(keyOf)).toEqual([bad.key]);
    });

    test.each<[string, (link: Extract<KernelObject, { kind: "link" }>) => KernelObject]>([
      ["MTU", (link) => ({ ...link, spec: { ...link.spec, mtu: 1350 } })],
      ["MAC", (link) => ({ ...link, spec: { ...link.spec, mac: Mac.parse("02:00:00:00:00:77") } })],
      ["learning", (link) => ({ ...link, spec: { ...link.spec, detail: { ...link.spec.detail, learning: true } } })],
      ["down", (link) => ({ ...link, spec: { ...link.spec, up: false } })],
    ])("a link's %s is changed in place", (_, alter) => {
      want(wishes({}, []));
      converge();
      want(wishes({}, []).map((object) => (object.key === LINK && object.kind === "link" ? alter(object) : object)));
      const changes = difference();
      expect(changes.map((change) => change.type)).toEqual(["update"]);
      succeed(rig.kernel.apply(changes));
      expect(difference(dump(["link"])).filter((change) => keyOf(change) === LINK)).toEqual([]);
    });

    test("a link of another make gives way to ours", () => {
      want(wishes({ Port: 4000 }));
      converge();
      want(wishes({ Port: 5000 }));
      succeed(converge());
      // What was on it fell with it, and is found missing; the reconciler foresees that.
      succeed(converge());
      expect(difference()).toEqual([]);
    });

    test("a peer's new MAC and address are put in the place of the old ones", () => {
      want(wishes());
      converge();
      const moved = {
        ...makeLease(2),
        backendData: { 4: { VtepMAC: "0a:00:00:00:04:02" } },
        publicAddress: { 4: Address.parse("192.168.0.77") },
      };
      const fabric = makeFabric({ families });
      want([...wishes({}, [3]), ...fabric.backends[0]!.peer(fabric.node, moved, 4)]);
      succeed(converge());
      expect(difference()).toEqual([]);
    });

    test("a route of others where ours should stand is told of when it is met, found then, and replaced", () => {
      const destination = subnetOf(2, 4);
      rig.others.addRoute({ destination, gateway: Address.parse("192.168.0.200"), link: "eth0", onlink: false });
      want(wishes({}, []));
      converge();
      const route = wishes().find(({ key }) => key === "route 10.5.2.0/24")!;
      want([...wishes({}, []), route]);
      const [outcome] = rig.kernel.apply([{ type: "add", object: route }]);
      expect(outcome).toBeInstanceOf(OccupiedError);
      expect(dump(["route"]).objects.get(route.key)).toMatchObject({ ours: false, spec: { link: "eth0" } });
      succeed(converge());
      expect(difference()).toEqual([]);
    });

    test("what others made elsewhere is neither listed nor touched", () => {
      const destination = Prefix.parse("10.99.0.0/24");
      rig.others.addRoute({ destination, gateway: Address.parse("192.168.0.200"), link: "eth0", onlink: false });
      want(wishes());
      succeed(converge());
      expect(dump().objects.has("route 10.99.0.0/24")).toBe(false);
      want([]);
      succeed(converge());
      // It is still there.
      const object = routeObject({ destination, gateway: Address.parse("192.168.0.1"), link: "eth0", onlink: false });
      expect(rig.kernel.apply([{ type: "add", object }])).toEqual([expect.any(OccupiedError)]);
    });

    test("a blackhole and a route of its own metric stand beside the peer's", () => {
      const destination = subnetOf(2, 4);
      want([
        ...wishes(),
        ...families.map((family) =>
          routeObject({ destination: subnetOf(2, family), type: "blackhole", metric: 65_535, link: "", onlink: false }),
        ),
        routeObject({
          destination,
          metric: 700,
          gateway: Address.parse("192.168.0.9"),
          link: "eth0",
          onlink: false,
          mtu: 1300,
        }),
      ]);
      succeed(converge());
      expect(difference()).toEqual([]);
      want(wishes());
      succeed(converge());
      expect(difference()).toEqual([]);
    });

    test("a table that is replaced keeps what its sets hold, but for what is to go", () => {
      want(wishes());
      converge();
      const isFilter = (object: KernelObject): boolean => object.key === `nft-table inet ${TEST_MARKS.peersTable}`;
      const other = sourceFilter([{ family: 4, port: 4000 }], TEST_MARKS.peersTable);
      const gone = `nft-element inet ${TEST_MARKS.peersTable} peers4 192.168.0.2`;
      const rest = wishes().filter(
        (object) => !isFilter(object) && object.key !== gone && !object.key.includes("peers6"),
      );
      want([...rest, ...other]);
      succeed(converge());
      expect(difference()).toEqual([]);
      expect(dump(["nft-element"]).objects.size).toBe(1);
    });

    test("an element without its table fails by name", () => {
      const element = wishes().find(({ kind }) => kind === "nft-element")!;
      const [outcome] = rig.kernel.apply([{ type: "add", object: element }]);
      expect(outcome).toBeInstanceOf(Error);
    });

    test("a table is replaced whole", () => {
      want(wishes());
      converge();
      const family = "inet";
      const table = TEST_MARKS.nftTable;
      const chain = { add: { chain: { family, table, name: "only" } } };
      want([
        ...wishes().filter(({ key }) => key !== `nft-table inet ${table}`),
        nftTableObject({ family, name: table, content: [chain] }),
      ]);
      succeed(converge());
      expect(difference()).toEqual([]);
    });

    describe("watching", () => {
      let seen: Observation[];
      let wake: () => void;
      let watch: Disposable;

      beforeEach(() => {
        want(wishes());
        converge();
        // What was marked by the making of all this is known by now.
        dump();
        seen = [];
        wake = () => undefined;
        watch = rig.kernel.watch((observations) => {
          seen.push(...observations);
          wake();
        });
      });
      afterEach(() => watch[Symbol.dispose]());

      const told = async (fits: (each: Observation) => boolean): Promise<Observation> => {
        for (;;) {
          const found = seen.findLast(fits);
          if (found !== undefined) return found;
          await new Promise<void>((resolve) => (wake = resolve));
        }
      };

      test("a route that others delete is told as gone", async () => {
        rig.others.deleteRoute(subnetOf(2, 4));
        const { kind, actual } = await told(({ key }) => key === "route 10.5.2.0/24");
        expect([kind, actual]).toEqual(["route", undefined]);
      });

      test("a route that others alter is told as it is now", async () => {
        rig.others.addRoute({
          destination: subnetOf(2, 4),
          gateway: Address.parse("192.168.0.7"),
          link: "eth0",
          onlink: false,
        });
        const { actual } = await told(({ key, actual: is }) => key === "route 10.5.2.0/24" && is !== undefined);
        expect(actual).toMatchObject({ ours: false, spec: { link: "eth0", gateway: Address.parse("192.168.0.7") } });
      });

      test("a device that goes, or goes down, is told of", async () => {
        rig.others.setLinkDown("flannel.1");
        await told(({ actual }) => actual?.key === LINK && "up" in actual.spec && !actual.spec.up);
        rig.others.deleteLink("flannel-v6.1");
        const { actual } = await told(({ key, actual: is }) => key === linkKey("flannel-v6.1") && is === undefined);
        expect(actual).toBeUndefined();
      });

      test("our own writes are told as what was wanted, or not at all", async () => {
        want(wishes({}, [2, 3, 4]));
        succeed(converge());
        const { key: entry, actual: made } = await told(({ key }) => key === "fdb 0a:00:00:00:06:04 dev flannel-v6.1");
        expect(isMet(desired.get(entry!)!, made!)).toBe(true);
        for (const { key = "", actual } of seen) {
          const object = desired.get(key);
          if (object !== undefined) expect(actual !== undefined && isMet(object, actual)).toBe(true);
        }
      });

      test("ends when it is disposed of", async () => {
        watch[Symbol.dispose]();
        rig.others.deleteRoute(subnetOf(2, 4));
        const other: Observation[] = [];
        using _second = rig.kernel.watch((observations) => {
          other.push(...observations);
          wake();
        });
        const woken = new Promise<void>((resolve) => (wake = resolve));
        rig.others.deleteRoute(subnetOf(3, 4));
        await woken;
        expect(seen).toEqual([]);
        expect(other.map(({ key }) => key)).toContain("route 10.5.3.0/24");
      });
    });
  });
}

function succeed(outcomes: readonly Outcome[]): void {
  expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([]);
}

function keyOf(change: Change): string {
  return change.type === "remove" ? change.actual.key : change.object.key;
}
