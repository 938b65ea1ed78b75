// Gathers what the parts know into the status document and keeps the file up to date (spec/status-file.md). Holds the
// lock that tells readers whether a daemon lives, and that keeps two daemons from serving one subnet file.
import { constants, mkdirSync } from "node:fs";
import path from "node:path";
import { FAMILIES } from "#kernel/ip/address";
import type { Sys } from "#kernel/sys";
import { errorText, LodenError } from "#spec/errors";
import {
  type DatapathStatus,
  type DatapathWorkerStatus,
  type PeerProbe,
  type Phase,
  type Problem,
  type ResidentStatus,
  STATUS_FORMAT,
  type Status,
  statusPaths,
} from "#spec/status";
import type { PeerTrafficCounts } from "#spec/state-document";
import type { Files } from "./atomic-file.ts";
import type { Clock } from "./clock.ts";
import type { Counts } from "./health/metrics.ts";
import type { HeldLease } from "./lease/terms.ts";
import type { Network, Node } from "./lease/types.ts";
import type { Log } from "./log.ts";
import type { ReconcilerState } from "./reconcile/loop.ts";
import { codeOf, isoTime, type Troubles } from "./troubles.ts";
import { VERSION } from "./version.ts";

/** flock(2) */
const LOCK_EX = 2;
const LOCK_NB = 4;

const FILE_MODE = 0o644;

/** Changes within this time become one write, but for those of phase and readiness, which are written at once. */
const WRITE_INTERVAL_MS = 250;

/** At most so many failures are listed by key; a disaster need not be written out in full. */
const LISTED_LIMIT = 50;

/** Where the parts put what the status shows. All but the first group are unknown until their phase. */
export interface StatusSources {
  readonly bootId: string;
  readonly subnetFile: string;
  readonly storeName: string;
  node?: Node;
  network?: Network;
  /** The network configuration as the store has it, to tell whether it has changed. */
  configText?: string;
  lease?: () => HeldLease | undefined;
  peers?: () => { readonly size: number; unusable(): ReadonlyMap<string, string> };
  kernel?: () => ReconcilerState;
  resident?: () => ResidentStatus;
  probes?: () => readonly PeerProbe[] | undefined;
  datapath?: () => DatapathStatus | undefined;
  datapathWorker?: () => DatapathWorkerStatus | undefined;
  /** What the udp backend sent to and got from each peer, for the state document and the metrics. */
  traffic?: () => readonly PeerTrafficCounts[] | undefined;
  /** Packets that the source filter has dropped; undefined where there is no filter. */
  dropped?: () => number | undefined;
}

export class StatusBoard {
  readonly sources: StatusSources;
  /** For the metrics; the document does not have them, which is written at each change. */
  readonly counts = { passes: 0, changes: 0, failures: 0, repairs: 0 } satisfies Counts;
  /** The boot of the run before this one; undefined when there was none that is known. */
  readonly previousBootId: string | undefined;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #troubles: Troubles;
  readonly #file: string;
  readonly #started: string;
  #phase: Phase = "starting";
  /** Why the node is not ready; undefined when it is. */
  #reason: Problem | undefined;
  #isWritePending = false;
  /** What the file says, but for the time of writing. */
  #written = "";
  #writeFailed = false;

  constructor(sources: StatusSources, files: Files, clock: Clock, log: Log, troubles: Troubles) {
    this.sources = sources;
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    this.#troubles = troubles;
    this.#file = statusPaths(sources.subnetFile).status;
    this.#started = isoTime(clock);
    this.previousBootId = readBootId(files.read(this.#file));
    this.#reason = this.#awaiting("the daemon is starting");
  }

  get phase(): Phase {
    return this.#phase;
  }

  get isReady(): boolean {
    return this.#reason === undefined;
  }

  /** Enters a phase in which the node is not ready. `waitingFor` is what people read until a fault is known. */
  enter(phase: Phase, waitingFor: string): void {
    this.#phase = phase;
    this.#reason = this.#awaiting(waitingFor);
    this.#log.debug({ phase }, waitingFor);
    this.#write();
  }

  /** The end: on a signal, or with the error that ended it. */
  end(phase: "stopped" | "failed", error?: unknown): void {
    this.#phase = phase;
    if (error !== undefined) this.#reason = this.#problem(error);
    this.#write();
  }

  /** In phase running: undefined is ready. */
  setReady(problem: Error | undefined): void {
    this.#phase = "running";
    const text = problem?.message;
    if (text === this.#reason?.text) return;
    this.#reason = problem === undefined ? undefined : this.#problem(problem);
    this.#write();
  }

  /** Something the status shows has changed. */
  changed(): void {
    if (this.#isWritePending) return;
    this.#isWritePending = true;
    void this.#clock.sleep(WRITE_INTERVAL_MS).then(() => {
      if (this.#isWritePending) this.#write();
    });
  }

  document(): Status {
    const { bootId, subnetFile, storeName, node, network, lease, peers, kernel } = this.sources;
    const troubles = this.#troubles;
    const state = kernel?.();
    const table = peers?.();
    const unusable = { ...Object.fromEntries(table?.unusable() ?? []), ...refusals(state) };
    const problems = troubles.list();
    const dropped = this.sources.dropped?.();
    const isWaiting = this.#reason?.code === "ERR_NOT_READY";
    return {
      format: STATUS_FORMAT,
      version: VERSION,
      pid: process.pid,
      bootId,
      nodeId: node?.id ?? null,
      started: this.#started,
      updated: isoTime(this.#clock),
      phase: this.#phase,
      ready: this.isReady,
      // What is known to be wrong says more than what is waited for.
      reason: this.#reason === undefined ? null : isWaiting ? (problems[0] ?? this.#reason) : this.#reason,
      subnetFile,
      interface: node === undefined ? null : { name: node.link.name, mtu: node.link.mtu },
      backend: network?.backend.type ?? null,
      networks: FAMILIES.flatMap((family) => network?.ranges[family]?.network.toString() ?? []),
      lease: this.#leaseStatus(lease?.()),
      store: { name: storeName, trouble: troubles.get("store") ?? null },
      peers: { known: table?.size ?? 0, unusable: limited(Object.entries(unusable)) },
      kernel: {
        objects: Object.values(state?.desired ?? {}).reduce((sum, count) => sum + count, 0),
        failed: limited((state?.failed ?? []).map(({ key, error }) => [key, error.message])),
      },
      sourceFilter: dropped === undefined ? null : { dropped },
      resident: this.sources.resident?.() ?? null,
      probes: this.sources.probes?.() ?? null,
      datapath: this.sources.datapath?.() ?? null,
      datapathWorker: this.sources.datapathWorker?.() ?? null,
      problems,
    };
  }

  #leaseStatus(held: HeldLease | undefined): Status["lease"] {
    if (held === undefined) return null;
    const { lease, deadline } = held;
    return {
      key: lease.key,
      subnets: FAMILIES.flatMap((family) => lease.subnet[family]?.toString() ?? []),
      publicAddresses: FAMILIES.flatMap((family) => lease.publicAddress[family]?.toString() ?? []),
      expires: deadline === undefined ? null : isoTime(this.#clock, deadline - this.#clock.monotonic()),
    };
  }

  #awaiting(text: string): Problem {
    return { code: "ERR_NOT_READY", text, since: isoTime(this.#clock) };
  }

  #problem(error: unknown): Problem {
    return { code: codeOf(error), text: errorText(error), since: isoTime(this.#clock) };
  }

  #write(): void {
    this.#isWritePending = false;
    const document = this.document();
    const content = JSON.stringify({ ...document, updated: "" });
    if (content === this.#written) return;
    try {
      this.#files.replace(this.#file, `${JSON.stringify(document, undefined, 2)}\n`, FILE_MODE);
      this.#written = content;
      this.#writeFailed = false;
    } catch (error) {
      if (!this.#writeFailed) this.#log.warn({ file: this.#file, err: error }, "the status file cannot be written");
      this.#writeFailed = true;
    }
  }
}

/**
 * Takes the lock of a subnet file. It is held until the process ends or the lock is disposed.
 * @throws LodenError ERR_CONFIG when another daemon has it, or when its directory cannot be written
 */
export function takeLock(sys: Sys, subnetFile: string): Disposable {
  const { lock } = statusPaths(subnetFile);
  let fd: number;
  try {
    fd = openLock(sys, lock);
  } catch (error) {
    throw new LodenError("ERR_CONFIG", `the directory of --subnet-file cannot be written: ${errorText(error)}`, {
      cause: error,
      fields: { file: lock },
    });
  }
  try {
    sys.flock(fd, LOCK_EX | LOCK_NB);
  } catch (error) {
    sys.close(fd);
    const text = `another lodend serves ${subnetFile} (it holds ${lock}); stop it, or give this one its own --subnet-file`;
    throw new LodenError("ERR_CONFIG", text, { cause: error, fields: { file: lock } });
  }
  return { [Symbol.dispose]: () => sys.close(fd) };
}

function openLock(sys: Sys, lock: string): number {
  const open = (): number => sys.open(lock, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
  try {
    return open();
  } catch {
    mkdirSync(path.dirname(lock), { recursive: true, mode: 0o755 });
    return open();
  }
}

function readBootId(text: string | undefined): string | undefined {
  try {
    const { bootId } = JSON.parse(text ?? "") as { readonly bootId?: unknown };
    return typeof bootId === "string" && bootId !== "" ? bootId : undefined;
  } catch {
    return undefined;
  }
}

function refusals(state: ReconcilerState | undefined): Record<string, string> {
  return Object.fromEntries((state?.refused ?? []).map(({ lease, error }) => [lease, error.message]));
}

function limited(entries: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(entries.slice(0, LISTED_LIMIT));
}
