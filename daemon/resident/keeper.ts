// Keeps the resident CNI plugins running beside the daemon: `loden-cni serve` as a child, started anew when it ends, gone
// when the daemon goes. An accelerator and nothing more: without it every plugin is a process of its own, so whatever
// happens here is told and holds up nothing. spec/decisions/cni-resident.md.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { errorText } from "#spec/errors";
import type { ResidentStatus } from "#spec/status";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/** Between the end of one and the start of the next: doubling, and from the start again after one that lasted. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** For the call it is busy with; the daemon's own end shall not wait longer. */
const STOP_PATIENCE_MS = 2_000;
/** After its end, for its last words; a process that it started may hold its output open for longer. */
const TRAIL_MS = 1_000;

export interface KeeperOptions {
  readonly executable: string;
  readonly socket: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The state is another one. */
  readonly onChange: () => void;
}

export class ResidentKeeper {
  readonly #options: KeeperOptions;
  readonly #stop = new AbortController();
  #state: ResidentStatus["state"] = "starting";
  #reason: string | null = null;
  #child: ChildProcess | undefined;
  #isOver: Promise<void> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  get status(): ResidentStatus {
    const { socket } = this.#options;
    return { socket, state: this.#state, pid: this.#child?.pid ?? null, reason: this.#reason };
  }

  start(): void {
    this.#isOver = this.#keep();
  }

  /** Lets it finish what it is at. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stop.abort();
    // The end of its standard input is what it ends by.
    this.#child?.stdin?.end();
    await this.#isOver;
  }

  async #keep(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const started = clock.monotonic();
      const end = await this.#runOnce();
      if (signal.aborted) return;
      if (clock.monotonic() - started > LONGEST_WAIT_MS) wait = FIRST_WAIT_MS;
      this.#enter("waiting", end);
      log.warn({ component: "cni", retryMs: wait }, `the resident CNI plugins ended: ${end}; plugins run stand-alone`);
      await clock.sleep(wait, signal).catch(() => undefined);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  /** One life of the child; gives what its end was, in words. */
  async #runOnce(): Promise<string> {
    const { executable, socket, log } = this.#options;
    this.#enter("starting", null);
    const args = ["serve", `--socket=${socket}`, "--until-eof"];
    const child = spawn(executable, args, {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: "/",
      // What plugins do depends on the environment of who calls them, never on this daemon's.
      env: { PATH: process.env["PATH"] },
    });
    this.#child = child;
    let trail: NodeJS.Timeout | undefined;
    const ended = new Promise<string>((resolve) => {
      const settle = (code: number | null, killer: NodeJS.Signals | null): void =>
        resolve(killer === null ? `exit status ${code ?? "none"}` : killer);
      child.once("error", (error) => resolve(errorText(error)));
      child.once("exit", (code, killer) => (trail = setTimeout(() => settle(code, killer), TRAIL_MS)));
      child.once("close", settle);
    });
    // Writing to a child that is gone is no defect of ours.
    child.stdin.on("error", () => undefined);
    let last = "";
    createInterface({ input: child.stderr }).on("line", (line) => {
      last = line;
      log.warn({ component: "cni" }, line);
    });
    createInterface({ input: child.stdout }).once("line", () => {
      log.info({ component: "cni", listen: socket }, "the resident CNI plugins serve");
      this.#enter("serving", null);
    });
    const onStop = (): void => {
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE_MS);
      void ended.then(() => clearTimeout(timer));
    };
    this.#stop.signal.addEventListener("abort", onStop, { once: true });
    const how = await ended;
    clearTimeout(trail);
    this.#stop.signal.removeEventListener("abort", onStop);
    this.#child = undefined;
    return last === "" ? how : `${last} (${how})`;
  }

  #enter(state: ResidentStatus["state"], reason: string | null): void {
    this.#state = state;
    this.#reason = reason;
    this.#options.onChange();
  }
}
