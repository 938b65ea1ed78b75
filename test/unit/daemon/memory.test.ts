// When the daemon gives memory back.
import { beforeEach, expect, test } from "vitest";
import { MemoryKeeper } from "../../../daemon/life/memory.ts";
import { ManualClock } from "../../support/manual-clock.ts";

let clock: ManualClock;
let collected: number;
let memory: MemoryKeeper;

beforeEach(() => {
  clock = new ManualClock();
  collected = 0;
  memory = new MemoryKeeper(clock, () => collected++);
});

test("collects once after the start, however small the cluster is", async () => {
  memory.passed(3);
  await clock.advance(1_000);
  memory.passed(0);
  await clock.advance(10_000);
  expect(collected).toBe(1);
});

test("waits for a rest, and then for as many changes as are worth it", async () => {
  for (let pass = 0; pass < 10; pass++) {
    memory.passed(500);
    await clock.advance(900);
  }
  expect(collected).toBe(0);
  await clock.advance(1_000);
  expect(collected).toBe(1);
  memory.passed(1_999);
  await clock.advance(10_000);
  expect(collected).toBe(1);
  memory.passed(1);
  await clock.advance(1_000);
  expect(collected).toBe(2);
});

test("does nothing where nothing can be collected", async () => {
  const without = new MemoryKeeper(clock, undefined);
  without.passed(100_000);
  await clock.advance(10_000);
  expect(collected).toBe(0);
});
