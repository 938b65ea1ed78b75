// `loden store`: the embedded store as a process. Runs until SIGTERM or SIGINT.
import { systemClock } from "../clock.ts";
import { createLog, type Log } from "../log.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../store/embedded/open.ts";
import { VERSION } from "../version.ts";
import { readStoreOptions, STORE_USAGE, type StoreOptions } from "./store-options.ts";

/**
 * Serves until a signal comes. Resolves to the exit status: 0 after a signal, 1 when the database failed.
 * Rejects with LodenError: ERR_USAGE, ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE, ERR_CONFIG.
 */
export async function runStore(args: readonly string[]): Promise<number> {
  const options = readStoreOptions(args);
  if (options === undefined) {
    process.stdout.write(STORE_USAGE);
    return 0;
  }
  // Before anything is open: a signal that comes early is not lost.
  const stop = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, stop.resolve);
  const log = (await createLog({ ...options.log, terminal: process.stderr.isTTY })).child({ component: "store" });
  const store = openEmbeddedStore({ ...options, clock: systemClock, log });
  try {
    await listenAll(store, options, log);
    const signal = await Promise.race([stop.promise, store.engine.fault]);
    log.info({ signal }, "stopping");
    return 0;
  } finally {
    await store.close();
  }
}

async function listenAll(store: EmbeddedStore, options: StoreOptions, log: Log): Promise<void> {
  for (const address of options.listen) {
    const { endpoint } = await store.listen(address, options.tls);
    const file = options.dataDir;
    const revision = String(store.engine.revision);
    log.info({ listen: endpoint, file, revision, version: VERSION }, "serving etcd's v3 API");
  }
}
