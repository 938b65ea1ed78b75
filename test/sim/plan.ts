// What a seed stands for: a set-up and a schedule of faults, as plain data, so that a failing run can be written down,
// cut short and run again.
import { FAULTS, type FaultName } from "./faults.ts";
import { SeededRandom } from "./random.ts";
import type { Setup } from "./world.ts";

export interface Step {
  /** Milliseconds after the step before. */
  readonly after: number;
  readonly fault: FaultName;
  /** Index of the machine concerned. */
  readonly machine: number;
  /** Two numbers in [0, 1) that say the rest. */
  readonly x: number;
  readonly y: number;
}

export interface Plan {
  readonly seed: string;
  readonly setup: Setup;
  readonly steps: readonly Step[];
}

export function makePlan(seed: number, machines: number, steps: number): Plan {
  const random = new SeededRandom(`${seed}`).stream("plan");
  const setup: Setup = {
    machines,
    members: random.pick([1, 1, 2, 3]),
    slots: machines + random.between(0, 3),
    ttlSeconds: random.pick([20, 30, 60, 60, 300]),
    backend: random.chance(0.8) ? "vxlan" : "host-gw",
    directRouting: random.chance(0.15),
    page: random.pick([2, 5_000, 5_000]),
    resyncSeconds: random.pick([5, 30]),
  };
  const weights = Object.fromEntries(Object.entries(FAULTS).map(([name, { weight }]) => [name, weight])) as Record<
    FaultName,
    number
  >;
  // Each seed has a taste of its own, so that some kinds of fault meet often.
  for (const name of Object.keys(weights) as FaultName[]) if (random.chance(0.3)) weights[name] *= random.pick([0, 4]);
  const pace = random.pick([200, 1_000, 3_000]);
  return {
    seed: `${seed}`,
    setup,
    steps: Array.from({ length: steps }, () => ({
      after: Math.round(
        random.chance(0.06) ? setup.ttlSeconds * 1_000 * (0.5 + random.next()) : pace * 2 * random.next(),
      ),
      fault: random.weighted(weights),
      machine: random.between(0, machines - 1),
      x: random.next(),
      y: random.next(),
    })),
  };
}
