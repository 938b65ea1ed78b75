// The simulator itself: it finds nothing in the code as it is, does the same thing twice, and finds each faulty variant.
import { describe, expect, test } from "vitest";
import { MUTATIONS, NONE } from "../sim/mutations.ts";
import { makePlan } from "../sim/plan.ts";
import { run } from "../sim/run.ts";
import { shrink } from "../sim/shrink.ts";

const NODES = 4;
const STEPS = 25;

describe("the code as it is", () => {
  test("breaks no rule in 300 seeds", async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const { violation } = await run(makePlan(seed, NODES, STEPS));
      expect(violation, `seed ${seed}: npm run sim -- --seed ${seed}`).toBeUndefined();
    }
  });

  test("with other sizes neither", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { violation } = await run(makePlan(seed, 2 + (seed % 7), 10 + seed));
      expect(violation, `seed ${seed} of ${2 + (seed % 7)} nodes and ${10 + seed} steps`).toBeUndefined();
    }
  });
});

test("one seed is one story, to the byte", async () => {
  for (const seed of [3, 5, 8]) {
    const first = await run(makePlan(seed, NODES, STEPS), { isTraced: true });
    // What another run left in the process makes no difference.
    await run(makePlan(seed + 100, NODES, STEPS));
    const second = await run(makePlan(seed, NODES, STEPS), { isTraced: true });
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(50);
    const untraced = await run(makePlan(seed, NODES, STEPS));
    expect([untraced.events, untraced.lasted]).toEqual([first.events, first.lasted]);
  }
});

describe("a variant with", () => {
  test.each(Object.keys(MUTATIONS))("%s is caught within 1,000 seeds, and its failure made small", async (name) => {
    const mutation = MUTATIONS[name] ?? NONE;
    const failing = await firstFailing(name);
    const { plan, outcome } = await shrink(makePlan(failing, NODES, STEPS), mutation);
    expect(plan.steps.length).toBeLessThan(STEPS);
    expect(outcome.violation).toBeDefined();
    expect(outcome.trace.join("\n")).toContain("VIOLATED");
    const again = await run(structuredClone(plan), { mutation, isTraced: true });
    expect(again.trace).toEqual(outcome.trace);
    expect(again.violation?.message).toBe(outcome.violation?.message);
  });
});

async function firstFailing(name: string): Promise<number> {
  for (let seed = 1; seed <= 1_000; seed++) {
    const { violation } = await run(makePlan(seed, NODES, STEPS), { mutation: MUTATIONS[name] ?? NONE });
    if (violation !== undefined) return seed;
  }
  throw new Error(`no seed up to 1,000 finds that ${name}`);
}
