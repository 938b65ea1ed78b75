// Whatever leases say, whatever others do to the kernel and whatever fails on the way: when it is over, the kernel is
// what the leases ask for, nothing was removed that was not to be, and nothing threw.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Lease } from "../../../daemon/lease/types.ts";
import { FakeKernel, asActual } from "../../../daemon/reconcile/fake.ts";
import { createReconciler, type ReconcileEvent } from "../../../daemon/reconcile/loop.ts";
import { BASE, linkKey, routeObject } from "../../../daemon/reconcile/objects.ts";
import { DesiredState } from "../../../daemon/reconcile/desired.ts";
import { isMet } from "../../../daemon/reconcile/diff.ts";
import { makeFabric, makeLease, subnetOf } from "../../support/fabric.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const address = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => Address.fromBigInt(4, BigInt(value))),
  fc
    .constantFrom("0.0.0.0", "192.168.0.1", "192.168.0.2", "10.5.1.0", "224.0.0.1", "127.0.0.1", "::", "fd99::2")
    .map((text) => Address.parse(text)),
);
const prefix = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([base, length]) => Prefix.of(base, length));

/** Leases that no sane node writes, and those it does. */
const lease: fc.Arbitrary<Lease> = fc.oneof(
  fc.integer({ min: 2, max: 6 }).map((n) => makeLease(n)),
  fc
    .record({
      n: fc.integer({ min: 0, max: 6 }),
      subnet: fc.option(prefix, { nil: undefined }),
      own: fc.option(address, { nil: undefined }),
      data: fc.jsonValue(),
      type: fc.constantFrom("vxlan", "host-gw", "", "nonsense"),
    })
    .map(({ n, subnet, own, data, type }) => ({
      ...makeLease(n),
      ...(subnet === undefined ? {} : { subnet: { 4: subnet } }),
      publicAddress: own === undefined ? {} : { 4: own },
      backendData: { 4: data },
      backendType: type,
    })),
);

type Step =
  | { readonly do: "put"; readonly lease: Lease }
  | { readonly do: "delete"; readonly n: number }
  | { readonly do: "replace"; readonly leases: readonly Lease[] }
  | { readonly do: "meddle"; readonly pick: number; readonly how: "delete" | "down" | "stray" }
  | { readonly do: "fail"; readonly count: number }
  | { readonly do: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("put" as const), lease }),
  fc.record({ do: fc.constant("delete" as const), n: fc.integer({ min: 2, max: 6 }) }),
  fc.record({
    do: fc.constant("replace" as const),
    leases: fc.uniqueArray(lease, { selector: ({ key }) => key, maxLength: 5 }),
  }),
  fc.record({ do: fc.constant("meddle" as const), pick: fc.nat(50), how: fc.constantFrom("delete", "down", "stray") }),
  fc.record({ do: fc.constant("fail" as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(0, 5, 10, 50, 400) }),
);

test("the kernel comes to be what the leases ask for", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const kernel = new FakeKernel();
      const foreign = asActual(routeObject({ destination: subnetOf(200, 4), link: "eth0", onlink: false }), false);
      kernel.objects.set(foreign.key, foreign);
      const clock = new ManualClock();
      const events: ReconcileEvent[] = [];
      const abort = new AbortController();
      const reconciler = createReconciler({
        kernel,
        clock,
        fabric: makeFabric(),
        onEvent: (event) => events.push(event),
      });
      reconciler.start(abort.signal);
      reconciler.replaceLeases([]);
      const held = new Map<string, Lease>();
      for (const each of steps) {
        await take(each, { kernel, clock, held, reconciler });
      }
      kernel.failApply = () => undefined;
      await clock.advance(120_000);
      abort.abort();
      expect(events.filter(({ type }) => type === "trouble")).toEqual([]);
      expect(kernel.objects.get(foreign.key)).toBe(foreign);
      const state = reconciler.state();
      expect(state.ready).toBe(true);
      expect(state.failed.filter(({ error }) => !/is wanted by/.test(error.message))).toEqual([]);
      expect(state.applied).toBe(Object.values(state.desired).reduce((sum, count) => sum + count, 0));
      // Every sound lease that nobody rivals is carried.
      const desired = new DesiredState();
      const { backends, node } = makeFabric();
      const sound = [...held.values()].filter(
        (one) =>
          /^10\.5\.[2-6]\.0-24$/.test(one.key) &&
          JSON.stringify(one) === JSON.stringify(makeLease(Number(one.key.split(".")[2]))),
      );
      for (const one of sound) desired.set(one.key, backends[0]!.peer(node, one, 4));
      const rivalled = new Set(state.failed.map(({ key }) => key));
      for (const object of desired.objects()) {
        if (!rivalled.has(object.key)) expect(isMet(object, kernel.objects.get(object.key)!), object.key).toBe(true);
      }
      // And of ours there is nothing else.
      const ours = [...kernel.objects.values()].filter((object) => object.ours);
      expect(ours).toHaveLength(state.applied);
    }),
    { numRuns: 150 },
  );
});

interface Stage {
  readonly kernel: FakeKernel;
  readonly clock: ManualClock;
  readonly held: Map<string, Lease>;
  readonly reconciler: ReturnType<typeof createReconciler>;
}

async function take(each: Step, { kernel, clock, held, reconciler }: Stage): Promise<void> {
  switch (each.do) {
    case "put":
      held.set(each.lease.key, each.lease);
      reconciler.putLease(each.lease);
      break;
    case "delete":
      held.delete(makeLease(each.n).key);
      reconciler.deleteLease(makeLease(each.n).key);
      break;
    case "replace":
      held.clear();
      for (const one of each.leases) held.set(one.key, one);
      reconciler.replaceLeases(each.leases);
      break;
    case "meddle":
      meddle(kernel, each);
      break;
    case "fail": {
      let left = each.count;
      kernel.failApply = () => (left-- > 0 ? new Error("EAGAIN") : undefined);
      break;
    }
    case "wait":
      await clock.advance(each.ms);
  }
}

function meddle(kernel: FakeKernel, { pick, how }: Extract<Step, { do: "meddle" }>): void {
  if (how === "down") {
    kernel.linkDown("flannel.1");
  } else if (how === "stray") {
    const destination = subnetOf(100 + (pick % 20), 4);
    if (!kernel.objects.has(linkKey("flannel.1"))) return;
    kernel.put(asActual(routeObject({ destination, link: "flannel.1", onlink: true }, BASE)));
  } else {
    const ours = [...kernel.objects.values()].filter((object) => object.ours);
    const victim = ours[pick % Math.max(1, ours.length)];
    if (victim !== undefined) kernel.delete(victim.key);
  }
}
