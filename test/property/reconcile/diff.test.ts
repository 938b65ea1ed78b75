// Laws of the difference: carried out, it makes the kernel what is wanted; carried out again, it is nothing; and whatever
// is not ours and not wanted is as it was.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { DesiredState } from "../../../daemon/reconcile/desired.ts";
import { diff, isMet } from "../../../daemon/reconcile/diff.ts";
import { FakeKernel, asActual } from "../../../daemon/reconcile/fake.ts";
import {
  BASE,
  KINDS,
  addressObject,
  fdbObject,
  iptablesObject,
  linkObject,
  neighbourObject,
  routeObject,
  sysctlObject,
} from "../../../daemon/reconcile/objects.ts";
import type { ActualObject, Change, KernelObject } from "../../../daemon/reconcile/port.ts";

// Few values of each, so that wishes and what is there meet often.
const link = fc.constantFrom("flannel.1", "flannel.2");
const n = fc.integer({ min: 2, max: 5 });
const mac = n.map((value) => Mac.parse(`0a:00:00:00:00:0${value}`));
const subnet = n.map((value) => Prefix.parse(`10.5.${value}.0/24`));
const node = n.map((value) => Address.parse(`192.168.0.${value}`));

const object: fc.Arbitrary<KernelObject> = fc.oneof(
  fc
    .record({
      name: link,
      mtu: fc.constantFrom(1400, 1450),
      up: fc.boolean(),
      port: fc.constantFrom(8472, 4789),
      learning: fc.boolean(),
      mac,
    })
    .map(({ name, mtu, up, port, learning, mac: own }) =>
      linkObject({
        name,
        mtu,
        mac: own,
        up,
        detail: {
          kind: "vxlan",
          vni: 1,
          port,
          local: Address.parse("192.168.0.1"),
          parent: "eth0",
          learning,
          gbp: false,
        },
      }),
    ),
  fc.record({ link: fc.constant("eth0"), address: subnet }).map((spec) => addressObject(spec)),
  fc
    .record({
      destination: subnet,
      gateway: node,
      onlink: fc.boolean(),
      metric: fc.option(fc.constantFrom(7, 9), { nil: undefined }),
    })
    .map(({ metric, ...spec }) => routeObject({ ...spec, link: "eth0", ...(metric === undefined ? {} : { metric }) })),
  fc.record({ link: fc.constant("eth0"), address: node, mac }).map((spec) => neighbourObject(spec)),
  fc.record({ link: fc.constant("eth0"), mac, remote: node }).map((spec) => fdbObject(spec)),
  fc
    .record({
      variant: fc.constantFrom("nft" as const, "legacy" as const),
      rule: fc.constantFrom("-j ACCEPT", "-j DROP"),
    })
    .map(({ variant, rule }) => {
      const chain = { table: "filter", name: "C", parent: "FORWARD", jump: "-j C", jumps: 1, rules: [rule] } as const;
      return iptablesObject({ family: 4, variant, chains: [chain] });
    }),
  fc
    .record({ path: fc.constantFrom("net/a", "net/b"), value: fc.constantFrom("0", "1") })
    .map((spec) => sysctlObject(spec)),
);

const wishes = fc.array(object, { maxLength: 25 });
const present = fc.array(fc.tuple(object, fc.boolean()), { maxLength: 25 });

function desiredOf(objects: readonly KernelObject[]): DesiredState {
  const desired = new DesiredState();
  desired.set(BASE, objects);
  return desired;
}

function kernelWith(objects: readonly (readonly [KernelObject, boolean])[]): FakeKernel {
  const kernel = new FakeKernel();
  for (const [each, ours] of objects) kernel.objects.set(each.key, asActual(each, ours));
  return kernel;
}

function difference(desired: DesiredState, kernel: FakeKernel, prune = true): Change[] {
  const keys = new Set([...[...desired.objects()].map(({ key }) => key), ...kernel.objects.keys()]);
  return diff(desired, kernel.objects, keys, prune);
}

describe("the difference", () => {
  test("carried out, makes the kernel what is wanted, and is then nothing", () => {
    fc.assert(
      fc.property(wishes, present, (wanted, there) => {
        const desired = desiredOf(wanted);
        const kernel = kernelWith(there);
        expect(kernel.apply(difference(desired, kernel)).filter((outcome) => outcome !== undefined)).toEqual([]);
        for (const each of desired.objects()) expect(isMet(each, kernel.objects.get(each.key)!)).toBe(true);
        expect(difference(desired, kernel)).toEqual([]);
      }),
    );
  });

  test("leaves what is not ours and not wanted as it was", () => {
    fc.assert(
      fc.property(wishes, present, (wanted, there) => {
        const desired = desiredOf(wanted);
        const kernel = kernelWith(there);
        const foreign = [...kernel.objects.values()].filter(({ key, ours }) => !ours && !desired.has(key));
        kernel.apply(difference(desired, kernel));
        for (const each of foreign) expect(kernel.objects.get(each.key)).toBe(each);
      }),
    );
  });

  test("leaves nothing of ours that nobody wants, and without pruning leaves it all", () => {
    fc.assert(
      fc.property(wishes, present, fc.boolean(), (wanted, there, prune) => {
        const desired = desiredOf(wanted);
        const kernel = kernelWith(there);
        const strays = (): ActualObject[] =>
          [...kernel.objects.values()].filter(({ key, ours }) => ours && !desired.has(key));
        const before = strays();
        const changes = difference(desired, kernel, prune);
        kernel.apply(changes);
        expect(strays()).toEqual(prune ? [] : before);
        expect(changes.some((change) => change.type === "remove")).toBe(prune && before.length > 0);
      }),
    );
  });

  test("of what is wanted to itself is nothing", () => {
    fc.assert(
      fc.property(wishes, (wanted) => {
        expect(
          difference(desiredOf(wanted), kernelWith([...desiredOf(wanted).objects()].map((each) => [each, true]))),
        ).toEqual([]);
      }),
    );
  });
});

describe("the desired state", () => {
  const step = fc.tuple(fc.constantFrom("a", "b", "c"), wishes);

  test("is the same by whichever way its owners came to what they want, but for who was first", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const state = new DesiredState();
        const last = new Map<string, readonly KernelObject[]>();
        for (const [owner, objects] of steps) {
          const touched = state.set(
            owner,
            objects.map((each) => ({ ...each, because: owner })),
          );
          const concerned = new Set([...(last.get(owner) ?? []), ...objects].map(({ key }) => key));
          expect(touched.difference(concerned).size).toBe(0);
          last.set(owner, objects);
        }
        const keys = new Set([...last.values()].flat().map(({ key }) => key));
        expect(new Set([...state.objects()].map(({ key }) => key))).toEqual(keys);
        // Whoever holds a key wants it, and what it wants is what it said last.
        for (const held of state.objects()) {
          const own = last.get(held.because)?.findLast(({ key }) => key === held.key);
          expect(held.spec).toBe(own?.spec);
        }
        const count = [...state.objects()].length;
        expect(KINDS.reduce((sum, kind) => sum + state.count(kind), 0)).toBe(count);
      }),
    );
  });

  test("reports exactly the keys that are wanted differently, and none once the owners are gone", () => {
    fc.assert(
      fc.property(wishes, wishes, (first, second) => {
        const state = new DesiredState();
        const own = (because: string, objects: readonly KernelObject[]): KernelObject[] =>
          objects.map((each) => ({ ...each, because }));
        state.set("a", own("a", first));
        state.set("b", own("b", second));
        const mine = desiredOf(first);
        const theirs = desiredOf(second);
        const differing = [...mine.objects()].filter((each) => {
          const other = theirs.get(each.key);
          return other !== undefined && !isMet(other, asActual(each));
        });
        expect(new Set(state.conflicts().keys())).toEqual(new Set(differing.map(({ key }) => key)));
        for (const [key, error] of state.conflicts()) expect(error.message).toContain(key);
        state.set("a", []);
        expect(state.conflicts().size).toBe(0);
        expect([...state.objects()].map(({ key }) => key).toSorted()).toEqual(
          [...theirs.objects()].map(({ key }) => key).toSorted(),
        );
        state.set("b", []);
        expect([...state.objects()]).toEqual([]);
      }),
    );
  });
});
