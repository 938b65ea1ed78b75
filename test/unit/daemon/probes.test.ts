// The prober on a clock of its own, over paths that answer as the test says.
import { beforeEach, expect, test } from "vitest";
import { assert, asyncProperty, integer } from "fast-check";
import type { Address } from "#kernel/ip/address";
import { ProbeError } from "#kernel/raw";
import { findPathMtu } from "../../../daemon/health/path-mtu.ts";
import { type Echo, Probes } from "../../../daemon/health/probes.ts";
import type { Lease } from "../../../daemon/lease/types.ts";
import { makeLease, makeNode, subnetOf, underlayOf } from "../../support/fabric.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const HEADERS = 28;
let clock: ManualClock;
let leases: Lease[];
/** The longest packet to an address; none are answered by addresses that are not in it. */
let carries: Map<string, number>;
let asked: { to: string; length: number; at: number }[];

beforeEach(() => {
  clock = new ManualClock();
  leases = [makeLease(2), makeLease(3)];
  carries = new Map();
  asked = [];
  for (const n of [2, 3]) {
    carries.set(underlayOf(n, 4).toString(), 1500);
    carries.set(subnetOf(n, 4).first.toString(), 1450);
  }
});

const echo: Echo = {
  probe: async (target: Address, { size = 56 }) => {
    const to = target.toString();
    asked.push({ to, length: size + HEADERS, at: clock.monotonic() });
    const most = carries.get(to) ?? 0;
    if (size + HEADERS > most) return Promise.reject(new ProbeError(target, "timeout", "none came"));
    return Promise.resolve(1.5);
  },
};

function makeProbes(intervalMs = 10_000): { probes: Probes; news: boolean[]; end: () => void } {
  const news: boolean[] = [];
  const stop = new AbortController();
  const probes = new Probes({
    clock,
    targets: { leases: () => leases, node: () => makeNode(1, [4]), overlayMtu: () => 1450 },
    echo: { 4: echo, 6: echo },
    intervalMs,
    onProbed: (isNews) => news.push(isNews),
  });
  void probes.run(stop.signal);
  return { probes, news, end: () => stop.abort() };
}

test("every peer is probed, one a second and none sooner than the interval", async () => {
  const { probes, news, end } = makeProbes();
  await clock.advance(25_000);
  end();
  const visits = asked.filter(({ to, length }) => to === underlayOf(2, 4).toString() && length === 84);
  expect(visits.map(({ at }) => Math.floor((at - visits[0]!.at) / 1_000))).toEqual([0, 10, 20]);
  expect(news).toEqual([true, true, false, false, false, false]);
  const target = { loss: 0, roundTripMs: 1.5 };
  expect(probes.results()).toMatchObject([
    {
      peer: leases[0]!.key,
      family: 4,
      underlay: { ...target, target: "192.168.0.2", mtu: 1500 },
      overlay: { ...target, target: "10.5.2.0", mtu: 1450 },
    },
    { peer: leases[1]!.key },
  ]);
  expect(probes.shortfall()).toBeUndefined();
});

test("however many peers there are, one a second is probed", async () => {
  leases = Array.from({ length: 200 }, (_, n) => makeLease(n + 2));
  const { end } = makeProbes();
  await clock.advance(60_000);
  end();
  expect(new Set(asked.map(({ to }) => to)).size).toBeLessThanOrEqual(3 * 61);
  for (let second = 0; second < 60; second++) {
    const now = asked.filter(({ at }) => Math.floor(at / 1_000) === second);
    expect(new Set(now.map(({ to }) => to.replace(/^10\.5\.(\d+)\.\d+$/, "192.168.0.$1"))).size).toBeLessThanOrEqual(2);
  }
});

test("a path that carries less is measured to the byte, reported, and found again when it carries all", async () => {
  carries.set("192.168.0.2", 1400);
  carries.set("10.5.2.0", 1350);
  const { probes, end } = makeProbes();
  await clock.advance(5_000);
  expect(probes.results()[0]).toMatchObject({ underlay: { mtu: 1400 }, overlay: { mtu: 1350 } });
  expect(probes.shortfall()).toMatchObject({ code: "ERR_MTU" });
  expect(probes.shortfall()?.message).toContain(
    "192.168.0.2 of lease 10.5.2.0-24, over the underlay, carries packets of 1400",
  );
  carries.set("192.168.0.2", 1500);
  carries.set("10.5.2.0", 1450);
  await clock.advance(12_000);
  end();
  expect(probes.shortfall()).toBeUndefined();
});

test("an address that does not answer counts as lost, and the bridge's stands for the device's", async () => {
  carries.delete("192.168.0.2");
  carries.delete("10.5.2.0");
  carries.set("10.5.2.1", 1450);
  const { probes, end } = makeProbes();
  await clock.advance(5_000);
  end();
  expect(probes.results()[0]).toMatchObject({
    underlay: { loss: 1, roundTripMs: null, mtu: null },
    overlay: { target: "10.5.2.1", loss: 0, mtu: 1450 },
  });
});

test("peers that went are forgotten", async () => {
  const { probes, end } = makeProbes();
  await clock.advance(3_000);
  leases = [makeLease(3)];
  await clock.advance(2_000);
  end();
  expect(probes.results().map(({ peer }) => peer)).toEqual([leases[0]!.key]);
});

test("the longest packet is found between any bounds, whatever was found before", async () => {
  await assert(
    asyncProperty(
      integer({ min: 84, max: 9000 }),
      integer({ min: 84, max: 9000 }),
      integer({ min: 0, max: 9001 }),
      async (longest, most, before) => {
        let probes = 0;
        const passes = async (size: number): Promise<boolean> => {
          probes++;
          return Promise.resolve(size <= longest);
        };
        expect(await findPathMtu(passes, 84, most, before)).toBe(Math.min(longest, Math.max(most, 84)));
        expect(probes).toBeLessThanOrEqual(34);
      },
    ),
  );
});
