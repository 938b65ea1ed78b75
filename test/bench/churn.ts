// `npm run bench -- churn`: containers that come and go in chains of plugins, one in ten with a plugin or the resident killed at
// a random moment; then GC, and a look at what is left. test/kernel/cni/churn.test.ts is a short one.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { enterFreshNetns } from "../support/netns.ts";
import { compiledPlugins } from "../support/cni.ts";
import { churn, type Way } from "../support/cni-churn.ts";

const USAGE = `usage: npm run bench -- churn [flags]

  --cycles N   containers, both for stand-alone plugins and through the resident (default 1000)
  --seed S     whatever the last one was (default: by the clock)
  --period N   one in so many is hit (default 10)
`;
const WAYS: readonly Way[] = ["stand-alone", "resident"];

export async function run(args: readonly string[]): Promise<number> {
  let values;
  try {
    const text = { type: "string" } as const;
    ({ values } = parseArgs({ args: [...args], options: { cycles: text, seed: text, period: text } }));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const cycles = Number(values.cycles ?? 1000);
  const period = Number(values.period ?? 10);
  const seed = values.seed ?? String(Date.now());
  if (!(cycles > 0) || !(period > 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const directory = compiledPlugins();
  const work = mkdtempSync(path.join(os.tmpdir(), "loden-churn-"));
  let isClean = true;
  try {
    for (const way of WAYS) {
      enterFreshNetns();
      const own = path.join(work, way);
      mkdirSync(own);
      const start = performance.now();
      const report = await churn({ directory, work: own, seed, cycles, way, period });
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      const { killed, residentsKilled, left, lost } = report;
      process.stdout.write(
        `${way}, seed ${seed}: ${cycles} containers in ${seconds} s, ${killed} processes killed (${residentsKilled} residents); left after GC: ${left.length}, lost: ${lost.length}\n`,
      );
      for (const line of left) process.stdout.write(`  left: ${line}\n`);
      for (const line of lost) process.stdout.write(`  lost: ${line}\n`);
      isClean &&= left.length === 0 && lost.length === 0;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return isClean ? 0 : 1;
}
