// The embedded store as one object: engine and servers on one data directory. `loden store` runs it as a process; tests
// and the demo run it in theirs.
import { type Clock, type Random, systemClock, systemRandom } from "../../clock.ts";
import { type Log, silentLog } from "../../log.ts";
import type { AutoCompaction } from "./compaction.ts";
import { removeOwner, writeOwner } from "./data-dir.ts";
import { Engine } from "./engine.ts";
import { RefusedError } from "./errors.ts";
import { type ListenAddress, type Listener, serve, type TlsFiles } from "./serve.ts";

/** etcd's --quota-backend-bytes. */
const QUOTA_BYTES = 2n * 1024n ** 3n;

/** etcd's: a watch that asked for progress is told every 10 minutes. Milliseconds. */
const PROGRESS_INTERVAL = 600_000;

/** What nobody compacts keeps the changes of an hour. */
const AUTO_COMPACTION: AutoCompaction = { mode: "periodic", retention: 3_600_000 };

export interface EmbeddedStoreOptions {
  /** Made when it is not there, mode 0700. */
  readonly dataDir: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  readonly autoCompaction?: AutoCompaction;
  /** Data beyond this refuses writes that add to it; bytes. */
  readonly quotaBytes?: bigint;
  /** Milliseconds between the progress reports of a watch that asked for them. */
  readonly progressInterval?: number;
}

export interface EmbeddedStore {
  readonly engine: Engine;
  /**
   * Serves the engine on one more address. Port 0 takes a free one.
   * Rejects with LodenError ERR_STORE when the address cannot be had, ERR_CONFIG for bad TLS files.
   */
  listen(address: ListenAddress, tls?: TlsFiles): Promise<Listener>;
  /** Ends streams and connections, commits what is queued and frees the directory. */
  close(): Promise<void>;
}

/** @throws LodenError ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE */
export function openEmbeddedStore(options: EmbeddedStoreOptions): EmbeddedStore {
  const { dataDir, clock = systemClock, random = systemRandom, log = silentLog } = options;
  const engine = new Engine({
    dataDir,
    clock,
    random,
    log,
    autoCompaction: options.autoCompaction ?? AUTO_COMPACTION,
    quotaBytes: options.quotaBytes ?? QUOTA_BYTES,
    progressInterval: options.progressInterval ?? PROGRESS_INTERVAL,
  });
  const listeners: Listener[] = [];
  const since = new Date(clock.wall()).toISOString();
  const note = (): void =>
    writeOwner(dataDir, { pid: process.pid, since, listen: listeners.map(({ endpoint }) => endpoint) });
  note();
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    engine.endStreams(new RefusedError("stopped"));
    await Promise.all(listeners.map((listener) => listener.close()));
    await engine.close();
    removeOwner(dataDir);
  };
  return {
    engine,
    listen: async (address, tls) => {
      const listener = await serve({ engine, log, address, endpoints: () => listeners.map((l) => l.endpoint) }, tls);
      listeners.push(listener);
      note();
      return listener;
    },
    close: () => (closing ??= close()),
  };
}
