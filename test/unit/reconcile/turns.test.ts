// A large pass in parts: what belongs together stays together, the event loop turns in between, and what changes meanwhile is
// not lost.
import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../../../daemon/clock.ts";
import { decodeLease } from "../../../daemon/lease/record.ts";
import type { Lease } from "../../../daemon/lease/types.ts";
import { asWished } from "../../../daemon/reconcile/known.ts";
import { FakeKernel } from "../../../daemon/reconcile/fake.ts";
import { createReconciler } from "../../../daemon/reconcile/loop.ts";
import type { Change, KernelObject } from "../../../daemon/reconcile/port.ts";
import { slices } from "../../../daemon/reconcile/turns.ts";
import { peerSources, sourceFilter } from "../../../daemon/traffic/source-filter.ts";
import { makeFabric, makeLease, makeNode } from "../../support/fabric.ts";

const TUNNELS = [{ family: 4, port: 8472, vni: 1 }] as const;

/** What two backends and their peers want, with a source filter. */
const OBJECTS: readonly KernelObject[] = [1, 2].flatMap((vni) => {
  const { node, backends } = makeFabric({ options: { VNI: vni } });
  const table = `peers-${vni}`;
  return [
    ...backends.flatMap((backend) => backend.base(node)),
    ...sourceFilter(TUNNELS, table),
    ...[2, 3, 4, 5].flatMap((n) => [
      ...backends.flatMap((backend) => backend.peer(node, makeLease(n), 4)),
      ...peerSources(TUNNELS, makeLease(n), table),
    ]),
  ];
});

/** Of each object whether it is to be made, to go, or neither. */
const changes = array(integer({ min: 0, max: 2 }), { minLength: OBJECTS.length, maxLength: OBJECTS.length }).map(
  (fates) => OBJECTS.flatMap((object, index) => (fates[index] === 2 ? [] : [changeOf(object, fates[index] === 1)])),
);

function changeOf(object: KernelObject, isMade: boolean): Change {
  return isMade ? { type: "add", object } : { type: "remove", actual: asWished(object) };
}

test("every change is in one part, removals come after what is made, and links go last", () => {
  assert(
    property(changes, integer({ min: 1, max: 12 }), (all, size) => {
      const parts = slices(all, size);
      expect(new Set(parts.flat())).toEqual(new Set(all));
      expect(parts.flat()).toHaveLength(all.length);
      expect(parts.every((part) => part.length > 0)).toBe(true);
      if (parts.length < 2) return;
      const partOf = (holds: (change: Change) => boolean): number[] =>
        parts.flatMap((part, index) => part.filter(holds).map(() => index));
      const kind = (change: Change): string => (change.type === "remove" ? change.actual : change.object).kind;
      const isFilter = (change: Change): boolean => kind(change).startsWith("nft-");
      // One transaction: a table that stood without its elements would drop what peers send.
      expect(partOf(isFilter).every((index) => index === 0)).toBe(true);
      const made = partOf((change) => change.type !== "remove");
      const gone = partOf((change) => change.type === "remove" && !isFilter(change) && kind(change) !== "link");
      expect(Math.max(0, ...made)).toBeLessThanOrEqual(Math.min(Infinity, ...gone));
      const links = partOf((change) => change.type === "remove" && kind(change) === "link");
      expect(Math.max(-1, ...gone)).toBeLessThanOrEqual(Math.min(Infinity, ...links));
    }),
  );
});

test("a link that has the place of another goes in the part that makes that one", () => {
  const [first] = makeFabric().backends;
  const link = first!.base(makeNode()).find((object) => object.kind === "link")!;
  const old = { ...link, key: "link other", spec: { ...link.spec, name: "other" } };
  const all: Change[] = [
    { type: "remove", actual: asWished(old) },
    { type: "add", object: link },
  ];
  const peers = [2, 3, 4].flatMap((n) => first!.peer(makeNode(), makeLease(n), 4));
  const parts = slices([...all, ...peers.map((object) => ({ type: "add" as const, object }))], 4);
  expect(parts[0]).toEqual(expect.arrayContaining(all));
});

/** Of a /28 above this node's own subnet. */
function smallLease(n: number): Lease {
  const [high, low] = [n >> 8, n & 255];
  const mac = `0a:01:00:00:${[high, low].map((octet) => octet.toString(16).padStart(2, "0")).join(":")}`;
  const value = { PublicIP: `172.16.${high}.${low}`, BackendType: "vxlan", BackendData: { VNI: 1, VtepMAC: mac } };
  return decodeLease(`10.5.${2 + (n >> 4)}.${(n & 15) << 4}-28`, JSON.stringify(value));
}

test("the event loop turns while thousands of peers are made, and a lease that goes meanwhile is gone in the end", async () => {
  const kernel = new FakeKernel();
  const end = new AbortController();
  const reconciler = createReconciler({ kernel, clock: systemClock, fabric: makeFabric() });
  const turns: number[] = [];
  const count = (): void => {
    turns.push(kernel.batches.length);
    if (kernel.batches.length === 2) reconciler.deleteLease(smallLease(0).key);
    if (!end.signal.aborted) setImmediate(count);
  };
  count();
  reconciler.start(end.signal);
  reconciler.replaceLeases(Array.from({ length: 2_000 }, (_, n) => smallLease(n)));
  await reconciler.settled();
  end.abort();
  expect(kernel.batches.length).toBeGreaterThan(6);
  // Something else had its turn after each.
  expect(new Set(turns).size).toBeGreaterThan(6);
  expect(Math.max(...kernel.batches.map((batch) => batch.length))).toBeLessThanOrEqual(1_000);
  const routes = [...kernel.objects.keys()].filter((key) => key.startsWith("route "));
  expect(routes).toHaveLength(1_999);
  expect(routes).not.toContain(`route ${smallLease(0).subnet[4]!.toString()}`);
});
