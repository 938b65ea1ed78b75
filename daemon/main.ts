#!/usr/bin/env node
// lodend: the daemon's entry. Reads the options, joins the parts to this machine, runs until a signal. Exit status 0 after
// a signal, 1 for what ended the daemon, 2 for a mistake on the command line or in the environment.
import { sys } from "#sys";
import { serviceManager } from "#kernel/notify";
import { errorText, LodenError } from "#spec/errors";
import { createApp } from "./app.ts";
import { requireNetAdmin } from "./capability.ts";
import { systemFiles } from "./atomic-file.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { DrainRequest } from "./life/release.ts";
import { createLog, type Log } from "./log.ts";
import { readHost } from "./node/host.ts";
import { readBootId, readMachineId } from "./node/identity.ts";
import { watchHost } from "./node/watch.ts";
import { type Options, readInvocation } from "./options.ts";
import { usage } from "./options/table.ts";
import { NetlinkKernel } from "./reconcile/kernel/netlink.ts";
import { openStore } from "./store/open.ts";
import { VERSION } from "./version.ts";

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const invocation = readInvocation(args, process.env);
    if (invocation.action === "run") return await runDaemon(invocation.options);
    process.stdout.write(invocation.action === "help" ? usage("lodend") : `lodend ${VERSION}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof LodenError) || error.code !== "ERR_USAGE") throw error;
    process.stderr.write(`lodend: ${error.message}\nTry 'lodend --help'.\n`);
    return EXIT.usage;
  }
}

async function runDaemon(options: Options): Promise<number> {
  const log = await createLog({ ...options.log, terminal: process.stderr.isTTY });
  const store = openStore(options.etcd);
  dieLoudly(log);
  log.info({ version: VERSION, options: options.given, store: store.name }, "lodend starts");
  for (const warning of options.warnings) log.warn({}, warning);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Once: a second signal finds the default disposition, and kills.
    process.once(signal, () => {
      log.info({ signal }, "asked to stop");
      stop.abort();
    });
  }
  // `loden drain` asks with it.
  process.once("SIGUSR2", () => {
    log.info({ signal: "SIGUSR2" }, "asked to give the lease back and stop");
    stop.abort(new DrainRequest());
  });
  try {
    requireNetAdmin();
    const app = createApp(options, {
      sys,
      store,
      clock: systemClock,
      random: systemRandom,
      files: systemFiles,
      log,
      readHost: () => readHost(sys, options.interface.canReach),
      watchHost: (onChange) => watchHost(sys, onChange),
      machineId: readMachineId(),
      bootId: readBootId(),
      openKernel: (marks) => new NetlinkKernel({ sys, marks }),
      serviceManager: serviceManager(sys, process.env),
    });
    await app.run(stop.signal);
    return EXIT.ok;
  } catch (error) {
    log.error({ err: error }, `lodend ends: ${errorText(error)}`);
    return EXIT.failed;
  }
}

/** A defect of ours ends the process with its stack in the log: whoever supervises it starts a fresh one. */
function dieLoudly(log: Log): void {
  const die = (error: unknown): void => {
    log.error({ err: error }, "lodend ends: a defect");
    process.exit(EXIT.failed);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
}
