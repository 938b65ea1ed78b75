// Makes a failing plan small: steps are left out, in halves first and one by one at last, as long as what is left still
// breaks the same rule; then machines and waits.
import type { Mutation } from "./mutations.ts";
import type { Plan, Step } from "./plan.ts";
import { type Outcome, run } from "./run.ts";

/** Runs at most so many plans. */
const TRIES = 600;

export interface Shrunk {
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly tries: number;
}

/** The smallest plan found, with its trace. `plan` must fail. */
export async function shrink(plan: Plan, mutation: Mutation): Promise<Shrunk> {
  const { violation } = await run(plan, { mutation });
  let best = plan;
  let tries = 0;
  const stillFails = async (candidate: Plan): Promise<boolean> => {
    if (tries >= TRIES) return false;
    tries += 1;
    const outcome = await run(candidate, { mutation });
    if (outcome.violation === undefined || outcome.violation.rule !== violation?.rule) return false;
    best = candidate;
    return true;
  };
  let isSmaller = true;
  while (isSmaller) {
    const before = size(best);
    for (let chunk = Math.ceil(best.steps.length / 2); chunk >= 1; chunk = Math.floor(chunk / 2)) {
      for (let from = 0; from < best.steps.length;) {
        if (!(await stillFails({ ...best, steps: without(best.steps, from, chunk) }))) from += chunk;
      }
    }
    while (best.setup.machines > 1 && (await stillFails(withMachines(best, best.setup.machines - 1))));
    while (best.setup.members > 1 && (await stillFails(withMembers(best, best.setup.members - 1))));
    for (const [index, step] of best.steps.entries()) {
      if (step.after > 1_000) await stillFails({ ...best, steps: best.steps.with(index, { ...step, after: 1_000 }) });
    }
    isSmaller = size(best) < before;
  }
  return { plan: best, outcome: await run(best, { mutation, isTraced: true }), tries };
}

/** Steps `from` to `from + count` are left out, and the time they took is kept. */
function without(steps: readonly Step[], from: number, count: number): Step[] {
  const gone = steps.slice(from, from + count).reduce((sum, { after }) => sum + after, 0);
  const next = steps[from + count];
  const rest = next === undefined ? [] : [{ ...next, after: next.after + gone }, ...steps.slice(from + count + 1)];
  return [...steps.slice(0, from), ...rest];
}

function withMachines(plan: Plan, machines: number): Plan {
  return { ...plan, setup: { ...plan.setup, machines } };
}

function withMembers(plan: Plan, members: number): Plan {
  return { ...plan, setup: { ...plan.setup, members } };
}

function size({ steps, setup }: Plan): number {
  return steps.reduce((sum, { after }) => sum + 100_000 + after, 0) + setup.machines + setup.members;
}
