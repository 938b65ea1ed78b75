// The simulator's command: npm run sim -- --seeds 1000 --nodes 4. Seeds are shared out among processes; what a seed comes
// to depends on nothing but the seed, the nodes and the steps. The first failing seed is made small, shown and replayed.
import { spawn } from "node:child_process";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTATIONS, NONE } from "./mutations.ts";
import { makePlan } from "./plan.ts";
import { run } from "./run.ts";
import { shrink } from "./shrink.ts";

const USAGE = `usage: npm run sim -- [options]
  --seeds N      how many seeds to run (1000)
  --seed S       the first seed (1); alone, with its trace
  --nodes M      machines per cluster (4)
  --steps N      faults per run (25)
  --jobs N       processes (as many as there are processors)
  --mutation X   run a faulty variant, which has to be caught: ${Object.keys(MUTATIONS).join(", ")}
  --verbose      show the whole trace of every run
`;

interface Settings {
  readonly first: number;
  readonly seeds: number;
  readonly nodes: number;
  readonly steps: number;
  readonly mutation: string | undefined;
}

/** What a worker writes on its standard output, one JSON per line. */
type Report =
  | { readonly type: "progress"; readonly seeds: number; readonly events: number; readonly virtualMs: number }
  | { readonly type: "failed"; readonly seed: number };

/**
 * A worker then makes room for another: Node keeps what waits for a signal that never comes (AbortSignal.any), and a
 * daemon that is killed waits for ever. About half a megabyte a seed.
 */
const SEEDS_PER_WORKER = 1_000;

/** Seeds between two reports. */
const REPORT_EVERY = 50;

/** Node's young generation, MiB: a run's garbage dies with it. */
const YOUNG_SPACE = 64;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      seed: { type: "string" },
      nodes: { type: "string", default: "4" },
      steps: { type: "string", default: "25" },
      jobs: { type: "string", default: String(os.availableParallelism()) },
      mutation: { type: "string" },
      verbose: { type: "boolean", default: false },
      worker: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const settings: Settings = {
    first: whole("seed", values.seed ?? "1", 0),
    seeds: whole("seeds", values.seeds ?? (values.seed === undefined ? "1000" : "1"), 1),
    nodes: whole("nodes", values.nodes, 1),
    steps: whole("steps", values.steps, 0),
    mutation: values.mutation,
  };
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (settings.mutation !== undefined && MUTATIONS[settings.mutation] === undefined) {
    throw new Error(`--mutation ${settings.mutation} is none of ${Object.keys(MUTATIONS).join(", ")}`);
  }
  if (values.worker !== undefined) return work(settings, Number(values.worker), whole("jobs", values.jobs, 1));
  if (values.verbose || settings.seeds === 1) return show(settings, values.verbose);
  return share(settings, Math.min(whole("jobs", values.jobs, 1), settings.seeds));
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`--${name} is ${text}; it must be a whole number from ${least} on`);
}

/** Runs the seeds one by one with their traces. */
async function show(settings: Settings, isVerbose: boolean): Promise<number> {
  const mutation = settings.mutation === undefined ? NONE : MUTATIONS[settings.mutation]!;
  for (let seed = settings.first; seed < settings.first + settings.seeds; seed++) {
    const outcome = await run(makePlan(seed, settings.nodes, settings.steps), { mutation, isTraced: true });
    const { violation, trace } = outcome;
    process.stdout.write(
      `seed ${seed}: ${violation === undefined ? "no violation" : `${violation.rule}: ${violation.message}`}\n`,
    );
    if (isVerbose || (violation === undefined && settings.seeds === 1)) process.stdout.write(`${trace.join("\n")}\n`);
    if (violation !== undefined) return explain(settings, seed);
  }
  return 0;
}

/** One of several processes: its share is every `jobs`th seed. */
async function work(settings: Settings, index: number, jobs: number): Promise<number> {
  const mutation = settings.mutation === undefined ? NONE : MUTATIONS[settings.mutation]!;
  let [seeds, events, virtualMs] = [0, 0, 0];
  const report = (what: Report): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
  for (let seed = settings.first + index; seed < settings.first + settings.seeds; seed += jobs) {
    const outcome = await run(makePlan(seed, settings.nodes, settings.steps), { mutation });
    seeds += 1;
    events += outcome.events;
    virtualMs += outcome.lasted;
    if (outcome.violation !== undefined) {
      report({ type: "failed", seed });
      return 1;
    }
    if (seeds % REPORT_EVERY === 0) {
      report({ type: "progress", seeds, events, virtualMs });
      [seeds, events, virtualMs] = [0, 0, 0];
      // Lets what a run left behind (rejections, signals) come to light before the next.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  report({ type: "progress", seeds, events, virtualMs });
  return 0;
}

/** Starts the workers and adds up what they tell. */
async function share(settings: Settings, jobs: number): Promise<number> {
  const began = performance.now();
  const failed: number[] = [];
  let [seeds, events, virtualMs, shown] = [0, 0, 0, began];
  const status = (): string => {
    const seconds = (performance.now() - began) / 1_000;
    const days = virtualMs / 86_400_000;
    return (
      `${seeds} of ${settings.seeds} seeds, ${settings.nodes} nodes, ${settings.steps} faults each, ${events} events, ` +
      `${days.toFixed(1)} days of virtual time, in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(0)} seeds/s)`
    );
  };
  const take = (report: Report): void => {
    if (report.type === "failed") {
      failed.push(report.seed);
      return;
    }
    seeds += report.seeds;
    events += report.events;
    virtualMs += report.virtualMs;
    if (performance.now() - shown < 10_000) return;
    shown = performance.now();
    process.stderr.write(`${status()}\n`);
  };
  await Promise.all(Array.from({ length: jobs }, (_, index) => workThrough(settings, index, jobs, take, () => failed)));
  process.stdout.write(`${status()}\n`);
  // The lowest of those found: each worker stops at its own first.
  const [seed] = failed.toSorted((a, b) => a - b);
  if (seed === undefined) {
    process.stdout.write("no violation\n");
    return 0;
  }
  return explain(settings, seed);
}

/** One worker after the other, each with the next part of the seeds, until one has found something. */
async function workThrough(
  settings: Settings,
  index: number,
  jobs: number,
  take: (report: Report) => void,
  failed: () => readonly number[],
): Promise<void> {
  const span = SEEDS_PER_WORKER * jobs;
  for (let done = 0; done < settings.seeds && failed().length === 0; done += span) {
    const part = { first: settings.first + done, seeds: Math.min(span, settings.seeds - done) };
    await startWorker({ ...settings, ...part }, index, jobs, take);
  }
}

function startWorker(settings: Settings, index: number, jobs: number, take: (report: Report) => void): Promise<void> {
  const args = [
    ["--seed", settings.first],
    ["--seeds", settings.seeds],
    ["--nodes", settings.nodes],
    ["--steps", settings.steps],
    ["--jobs", jobs],
    ["--worker", index],
    ...(settings.mutation === undefined ? [] : [["--mutation", settings.mutation]]),
  ].flatMap((pair) => pair.map(String));
  const node = [`--max-semi-space-size=${YOUNG_SPACE}`, fileURLToPath(import.meta.url), ...args];
  const child = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line) as Report);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0 || status === 1) resolve();
      else reject(new Error(`a worker of the simulator ended with ${signal ?? `status ${String(status)}`}`));
    });
  });
}

/** Makes a failing seed small and shows how it comes about. */
async function explain({ nodes, steps, mutation: name }: Settings, seed: number): Promise<number> {
  const { plan, outcome, tries } = await shrink(
    makePlan(seed, nodes, steps),
    name === undefined ? NONE : MUTATIONS[name]!,
  );
  const { violation, trace } = outcome;
  process.stdout.write(
    [
      "",
      `seed ${seed} breaks rule ${violation?.rule ?? ""}: ${violation?.message ?? ""}`,
      `replay: npm run sim -- --seed ${seed} --nodes ${nodes} --steps ${steps}${name === undefined ? "" : ` --mutation "${name}"`}`,
      `smallest plan found in ${tries} runs: ${JSON.stringify(plan)}`,
      "",
      ...trace,
      "",
    ].join("\n"),
  );
  return 1;
}
