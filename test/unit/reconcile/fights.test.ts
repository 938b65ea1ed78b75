// When repairs become a fight, and when a fight is over.
import { beforeEach, expect, test } from "vitest";
import { Fights } from "../../../daemon/reconcile/fights.ts";
import { ManualClock } from "../../support/manual-clock.ts";

let clock: ManualClock;
let fights: Fights;

beforeEach(() => {
  clock = new ManualClock();
  fights = new Fights(clock);
});

const ROUTE = { key: "route 10.5.2.0/24", change: "add" } as const;

function repair(times: number, by?: string): void {
  for (let count = 0; count < times; count++) fights.repaired([by === undefined ? ROUTE : { ...ROUTE, by: [by] }]);
}

test("a few repairs are no fight, five in a row are one, told once", () => {
  repair(4, "ip (pid 7)");
  expect([fights.news(), fights.list(), fights.nextDelay()]).toEqual([undefined, [], undefined]);
  repair(1, "ip (pid 8)");
  const [told] = fights.news() ?? [];
  expect(told).toMatchObject({ key: ROUTE.key, repairs: 5, by: ["ip (pid 7)", "ip (pid 8)"] });
  repair(1, "ip (pid 8)");
  expect(fights.news()).toBeUndefined();
  repair(1, "somebody (pid 9)");
  expect(fights.news()).toHaveLength(1);
});

test("repairs that are far apart have nothing to do with each other", async () => {
  for (let count = 0; count < 10; count++) {
    repair(1);
    await clock.advance(10_001);
  }
  expect(fights.list()).toEqual([]);
});

test("a fight is over when all was quiet for half a minute, and that is told", async () => {
  repair(5);
  expect(fights.news()).toMatchObject([{ by: [] }]);
  await clock.advance(29_000);
  expect(fights.news()).toBeUndefined();
  await clock.advance(fights.nextDelay()!);
  expect(fights.news()).toEqual([]);
  expect(fights.nextDelay()).toBeUndefined();
});
