// The worker thread as the daemon sees it: started, told things, watched, and started again by whoever is told that it ended.
import { existsSync } from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { optimizeHotLoops } from "#kernel/optimizer";
import { eventFd } from "#kernel/packets/io";
import type { Sys } from "#kernel/sys";
import { errorText } from "#spec/errors";
import type { FromWorker, ToWorker, WorkerData } from "./messages.ts";

/** Beside the running bundle in a build, in the folder above in a checkout. */
const FILES = ["udp-worker.js", "../udp-worker.ts"];

/** A worker gives a sign of life twice a second. One that gave none between two looks so far apart is stuck. */
const LOOK_MS = 5_000;

/** V8's young generation, MiB: the worker makes next to no garbage. */
const YOUNG_GENERATION_MB = 1;

export interface CarrierEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** It has ended, by itself. Descriptors are nobody's any more. */
  readonly onEnd: (reason: string) => void;
}

export class Carrier {
  readonly #sys: Sys;
  readonly #worker: Worker;
  readonly #bell: number;
  readonly #look: NodeJS.Timeout;
  #reason: string | undefined;
  #isStopping = false;
  #hasEnded = false;
  /** Resolves when the thread has ended. */
  readonly ended: Promise<void>;

  /** @param rounds how often the worker has looked around, from its counters */
  constructor(sys: Sys, data: Omit<WorkerData, "bell">, rounds: () => number, events: CarrierEvents) {
    this.#sys = sys;
    this.#bell = eventFd();
    optimizeHotLoops();
    const here = import.meta.dirname;
    const file = FILES.map((name) => path.join(here, name)).find((name) => existsSync(name));
    const workerData: WorkerData = { ...data, bell: this.#bell };
    this.#worker = new Worker(file!, {
      workerData,
      name: "udp",
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.#worker.unref();
    this.#worker.on("message", events.onMessage);
    this.#worker.on("error", (error) => (this.#reason = errorText(error)));
    this.ended = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#hasEnded = true;
        clearInterval(this.#look);
        process.off("exit", this.#ring);
        sys.close(this.#bell);
        resolve();
        if (!this.#isStopping) events.onEnd(this.#reason ?? `it ended with status ${code}`);
      });
    });
    let seen = -1;
    this.#look = setInterval(() => {
      const now = rounds();
      if (now === seen) {
        this.#reason = `it gave no sign of life for ${LOOK_MS / 1000} s`;
        void this.#worker.terminate();
      }
      seen = now;
    }, LOOK_MS);
    this.#look.unref();
    // Node waits for its threads when it ends.
    process.once("exit", this.#ring);
  }

  get isRunning(): boolean {
    return !this.#hasEnded && !this.#isStopping;
  }

  tell(message: ToWorker): void {
    if (this.#hasEnded) return;
    this.#post(message);
  }

  stop(): void {
    if (!this.isRunning) return;
    this.#isStopping = true;
    this.#post({ type: "stop" });
  }

  /** Ends it as a defect would: for tests. */
  async terminate(): Promise<void> {
    const ended = this.#worker.terminate();
    this.#ring();
    await ended;
  }

  #post(message: ToWorker): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    this.#worker.postMessage(message);
    this.#ring();
  }

  readonly #ring = (): void => {
    if (!this.#hasEnded) this.#sys.write(this.#bell, new Uint8Array(new BigUint64Array([1n]).buffer));
  };
}
