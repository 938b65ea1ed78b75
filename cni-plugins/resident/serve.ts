// The resident's loop: one thread that takes one client after another, and carries out what it asks. Everything is
// synchronous, as the plugins are. Some calls wait in the kernel or for a lock, which others need not wait for; when
// clients queue up behind such a call, helpers are started: processes that serve the same listening socket until they
// have had nothing to do for a while.
import { LATEST_VERSION } from "#spec/cni-versions";
import { readText } from "#kernel/files";
import { errnoText, type PollEntry, type Sys } from "#kernel/sys";
import { CNI_ERROR, CniError, toCniError } from "../error.ts";
import { printDocument } from "../result/print.ts";
import { errorDocument } from "../skeleton.ts";
import { Connection } from "./connection.ts";
import { type LinkFirst, Performer, type Performed } from "./perform.ts";
import {
  decodeRequest,
  encodeAnswer,
  encodeDeclined,
  encodeGreeting,
  encodeLinkFirst,
  type Request,
} from "./protocol.ts";
import { ownWorld } from "./world.ts";

const POLLIN = 1;
const STDIN = 0;
const STDERR = 2;
const EAGAIN = 11;
/** A call that has waited as long, and not for a processor, is one behind which others need not wait. */
const BLOCKED_MS = 5;
/** Characters of an error's text. */
const ERROR_LIMIT = 64 << 10;
/** How often memory is looked at, in requests; and the pages of 4 KiB at which a fresh process is due. */
const MEMORY_PERIOD = 256;
const MEMORY_PAGES = (256 << 20) / 4096;

export interface ServeOptions {
  readonly listener: number;
  /** Directory of the locks that keep calls for one attachment apart. */
  readonly locks: string;
  /** End when standard input does: it is a pipe from whoever supervises this process. */
  readonly untilEof: boolean;
  /** Milliseconds without a call after which to end; never when undefined. */
  readonly idleLimit?: number;
}

/** Called between calls: clients wait though this process is not short of time. */
export type OnQueue = () => void;

/** Why the loop ended. */
export type End = "eof" | "idle" | "memory" | "closed";

export class Resident {
  readonly #sys: Sys;
  readonly #options: ServeOptions;
  readonly #uid: number;
  readonly #greeting: Uint8Array;
  readonly #performer: Performer;
  readonly #onQueue: OnQueue;
  #requests = 0;

  constructor(sys: Sys, options: ServeOptions, onQueue: OnQueue) {
    this.#sys = sys;
    this.#options = options;
    const world = ownWorld(sys);
    this.#uid = world.uid;
    this.#greeting = encodeGreeting(world);
    this.#performer = new Performer(sys, options.locks);
    this.#onQueue = onQueue;
  }

  /** Serves what comes within `patience` milliseconds (-1: whenever). Gives why to end, undefined to go on. */
  turn(patience: number): End | undefined {
    const { listener, untilEof, idleLimit } = this.#options;
    const entries: PollEntry[] = [{ fd: listener, events: POLLIN, revents: 0 }];
    if (untilEof) entries.push({ fd: STDIN, events: POLLIN, revents: 0 });
    if (this.#sys.poll(entries, idleLimit ?? patience) === 0) return idleLimit === undefined ? undefined : "idle";
    if (entries[1] !== undefined && entries[1].revents !== 0) {
      if (this.#sys.read(STDIN, new Uint8Array(64)) <= 0) return "eof";
    }
    const fd = this.#sys.accept(listener, 0);
    // Another process was faster, or the client has gone.
    if (fd === -EAGAIN) return undefined;
    if (fd < 0) {
      this.#tell(`a connection cannot be accepted: ${errnoText(-fd)}`);
      return "closed";
    }
    const [start, busy] = [performance.now(), this.#busy()];
    using connection = new Connection(this.#sys, fd);
    if (connection.user !== this.#uid || !connection.send(this.#greeting)) return undefined;
    const received = connection.receive();
    if (!("bytes" in received)) return undefined;
    this.#answer(connection, received.bytes);
    if (performance.now() - start - (this.#busy() - busy) > BLOCKED_MS && this.#isAwaited()) this.#onQueue();
    return ++this.#requests % MEMORY_PERIOD === 0 && this.#isLarge() ? "memory" : undefined;
  }

  /** Milliseconds that this thread has run or stood in line for a processor: /proc/thread-self/schedstat, nanoseconds. */
  #busy(): number {
    const [run = "0", queued = "0"] = readText(this.#sys, "/proc/thread-self/schedstat")?.split(" ") ?? [];
    return (Number(run) + Number(queued)) / 1e6;
  }

  /** Whether more clients are there. */
  #isAwaited(): boolean {
    return this.#sys.poll([{ fd: this.#options.listener, events: POLLIN, revents: 0 }], 0) > 0;
  }

  #answer(connection: Connection, bytes: Uint8Array): void {
    const request = decodeRequest(bytes);
    if (request === undefined) {
      connection.send(encodeDeclined());
      return;
    }
    try {
      this.#performer.perform(request, (outcome) => {
        const [isDone, answer] = answerFor(outcome);
        const isKnown = !connection.isGone() && connection.send(answer);
        if (!isKnown) this.#tell(`the caller of ${callText(request)} has gone`);
        return isDone && isKnown;
      });
    } catch (thrown) {
      this.#tell(`${callText(request)} failed: ${(thrown as Error).stack ?? String(thrown)}`);
      connection.send(answerFor(performedError(thrown))[1]);
    }
  }

  /** Resident pages are the second number of /proc/self/statm (proc_pid_statm(5)). */
  #isLarge(): boolean {
    const pages = Number(readText(this.#sys, "/proc/self/statm")?.split(" ")[1] ?? 0);
    if (pages < MEMORY_PAGES) return false;
    this.#tell(`memory has grown to ${pages >> 8} MiB: ending for a fresh process to take over`);
    return true;
  }

  #tell(text: string): void {
    this.#sys.write(STDERR, new TextEncoder().encode(`${text}\n`));
  }
}

/** What is sent, and whether it says that all was done. */
function answerFor(outcome: Performed | LinkFirst | string): readonly [boolean, Uint8Array] {
  if (typeof outcome === "string") return [false, encodeDeclined()];
  if ("link" in outcome) return [true, encodeLinkFirst(outcome.link)];
  const answer = encodeAnswer(outcome.status, outcome.output, outcome.error);
  if (answer !== undefined) return [outcome.status === 0, answer];
  return answerFor(performedError(new CniError(CNI_ERROR.internal, "the plugin's output is longer than 1 MiB")));
}

function performedError(thrown: unknown): Performed {
  const output = printDocument(errorDocument(toCniError(thrown), LATEST_VERSION));
  return { status: 1, output: output.slice(0, ERROR_LIMIT), error: "" };
}

function callText({ plugin, variables }: Request): string {
  return `${plugin} ${variables["CNI_COMMAND"] ?? ""} for ${variables["CNI_CONTAINERID"] ?? ""}`;
}
