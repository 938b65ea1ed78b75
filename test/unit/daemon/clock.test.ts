// The monotonic clock over suspensions: what Node's clock misses is added, and what the uptime's grain adds is not.
import { expect, test } from "vitest";
import { suspendAware, systemClock } from "../../../daemon/clock.ts";

function machine() {
  const time = { awake: 1_000, uptime: 50_000 };
  const clock = suspendAware(
    () => time.awake,
    () => Math.floor(time.uptime / 10) * 10,
  );
  return {
    clock,
    run: (ms: number): number => {
      time.awake += ms;
      time.uptime += ms;
      return clock();
    },
    suspend: (ms: number): number => {
      time.uptime += ms;
      return clock();
    },
    set: (uptime: number): void => void (time.uptime = uptime),
  };
}

test("goes with the machine's own clock while nobody suspends it", () => {
  const { run } = machine();
  let at = 1_000;
  for (const ms of [1, 7, 1_003, 86_400_000]) expect(run(ms)).toBe((at += ms));
});

test("counts the time of a suspension, of several, and of a long one", () => {
  const { run, suspend } = machine();
  expect(suspend(3_600_000)).toBe(3_601_000);
  expect(run(500)).toBe(3_601_500);
  expect(suspend(5_000)).toBe(3_606_500);
  expect(suspend(30 * 86_400_000)).toBe(3_606_500 + 30 * 86_400_000);
});

test("takes the grain of the uptime, and a second of it, for nothing", () => {
  const { run, suspend } = machine();
  expect(suspend(900)).toBe(1_000);
  expect(run(10)).toBe(1_010);
  // Two naps that are too short each are noticed together.
  expect(suspend(900)).toBe(1_010 + 1_800);
});

test("never steps back, whatever the uptime says", () => {
  const { clock, suspend, run, set } = machine();
  const before = suspend(10_000);
  set(0);
  expect(clock()).toBe(before);
  expect(run(5)).toBe(before + 5);
});

test("the system's never steps back", () => {
  let last = systemClock.monotonic();
  for (let n = 0; n < 1_000; n++) {
    const now = systemClock.monotonic();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});
