// Runs the Sys suite in Bun and prints one JSON line per check. Started by sys.test.ts.
import { sys } from "#sys";
import { CHECKS } from "./sys-suite.ts";

for (const { name, run } of CHECKS) {
  let failure: string | null = null;
  try {
    run(sys);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  process.stdout.write(`${JSON.stringify({ name, failure })}\n`);
}
process.exit(0);
