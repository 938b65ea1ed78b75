#!/usr/bin/env node
// lodend: the daemon's entry. Reads the options and runs the daemon (run.ts). Exit status 0 after a signal, 1 for what ended
// the daemon, 2 for a mistake on the command line or in the environment.
import { LodenError } from "#spec/errors";
import { readInvocation } from "./options.ts";
import { usage } from "./options/table.ts";
import { VERSION } from "./version.ts";

const EXIT = { ok: 0, usage: 2 } as const;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const invocation = readInvocation(args, process.env);
    if (invocation.action === "run") {
      const { runDaemon } = await import("./run.ts");
      return await runDaemon(invocation.options);
    }
    process.stdout.write(invocation.action === "help" ? usage("lodend") : `lodend ${VERSION}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof LodenError) || error.code !== "ERR_USAGE") throw error;
    process.stderr.write(`lodend: ${error.message}\nTry 'lodend --help'.\n`);
    return EXIT.usage;
  }
}
