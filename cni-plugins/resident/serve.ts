// The resident's loop: one thread that waits for clients, greets them, and carries out one whole request after another.
// Everything is synchronous, as the plugins are; a client that is slow to speak holds up nobody.
import { errnoText, type PollEntry, type Sys } from "#kernel/sys";
import { readText } from "#kernel/files";
import { CNI_ERROR, CniError, toCniError } from "../error.ts";
import { printDocument } from "../result/print.ts";
import { errorDocument } from "../skeleton.ts";
import { LATEST_VERSION } from "../version.ts";
import { Connection } from "./connection.ts";
import { Performer } from "./perform.ts";
import { decodeRequest, encodeAnswer, encodeDeclined, encodeGreeting, type Request, type World } from "./protocol.ts";
import { listenAt, SOCK_NONBLOCK, type Listener } from "./socket.ts";
import { ownWorld } from "./world.ts";

const POLLIN = 1;
const POLLRDHUP = 0x2000;
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const EAGAIN = 11;
/** Connections at a time; more wait unaccepted, and their clients help themselves after two seconds. */
const CONNECTIONS = 256;
/** For a greeted client to send its request. It reads its input first, and whoever started it may take its time. */
const SILENCE_MS = 30_000;
/** How often memory is looked at, in requests; and the pages of 4 KiB at which a fresh process is due. */
const MEMORY_PERIOD = 256;
const MEMORY_PAGES = (256 << 20) / 4096;

export interface ResidentOptions {
  readonly socket: string;
  /** End when standard input does: it is a pipe from whoever supervises this process. */
  readonly untilEof: boolean;
}

/** Serves until standard input ends, or until memory has grown so much that a fresh process is better. */
export function serveResident(sys: Sys, options: ResidentOptions): void {
  const world = ownWorld(sys);
  const listener = listenAt(sys, options.socket);
  try {
    writeText(sys, STDOUT, `serving ${options.socket}\n`);
    new Resident(sys, world, listener).run(options.untilEof);
  } finally {
    listener.close();
  }
}

function writeText(sys: Sys, fd: number, text: string): void {
  sys.write(fd, new TextEncoder().encode(text));
}

class Resident {
  readonly #sys: Sys;
  readonly #world: World;
  readonly #greeting: Uint8Array;
  readonly #listener: Listener;
  readonly #performer: Performer;
  readonly #connections = new Map<number, Connection>();
  #requests = 0;

  constructor(sys: Sys, world: World, listener: Listener) {
    this.#sys = sys;
    this.#world = world;
    this.#greeting = encodeGreeting(world);
    this.#listener = listener;
    this.#performer = new Performer(sys);
  }

  run(untilEof: boolean): void {
    while (this.#turn(untilEof)) this.#dropSilent();
    // What they have sent has not been begun, and what they send from now on nobody reads: all of them help themselves.
    for (const connection of this.#connections.values()) {
      connection.send(encodeDeclined());
      connection.close();
    }
  }

  /** Waits for something to do and does it. False at the end. */
  #turn(untilEof: boolean): boolean {
    const entries = this.#entries(untilEof);
    this.#sys.poll(entries, this.#patience());
    for (const { fd, revents } of entries) {
      if (revents === 0) continue;
      if (fd === STDIN) {
        if (this.#sys.read(STDIN, new Uint8Array(64)) <= 0) return false;
      } else if (fd === this.#listener.fd) {
        this.#acceptAll();
      } else {
        this.#read(this.#connections.get(fd)!);
        if (this.#requests % MEMORY_PERIOD === 0 && this.#isLarge()) return false;
      }
    }
    return true;
  }

  #entries(untilEof: boolean): PollEntry[] {
    const entries: PollEntry[] = [];
    if (untilEof) entries.push({ fd: STDIN, events: POLLIN, revents: 0 });
    if (this.#connections.size < CONNECTIONS) entries.push({ fd: this.#listener.fd, events: POLLIN, revents: 0 });
    for (const fd of this.#connections.keys()) entries.push({ fd, events: POLLIN | POLLRDHUP, revents: 0 });
    return entries;
  }

  /** Milliseconds until the first silent client is given up; -1 when there is none. */
  #patience(): number {
    const [first] = this.#connections.values();
    return first === undefined ? -1 : Math.max(0, Math.ceil(first.deadline - performance.now()));
  }

  #acceptAll(): void {
    while (this.#connections.size < CONNECTIONS) {
      const fd = this.#sys.accept(this.#listener.fd, SOCK_NONBLOCK);
      if (fd === -EAGAIN) return;
      if (fd < 0) {
        this.#tell(`a connection cannot be accepted: ${errnoText(-fd)}`);
        return;
      }
      const connection = new Connection(this.#sys, fd, performance.now() + SILENCE_MS);
      if (this.#sys.peerUser(fd) === this.#world.uid && connection.send(this.#greeting)) {
        this.#connections.set(fd, connection);
      } else {
        connection.close();
      }
    }
  }

  #read(connection: Connection): void {
    const received = connection.receive();
    if (received === undefined) return;
    this.#connections.delete(connection.fd);
    if (typeof received !== "string") this.#answer(connection, received);
    connection.close();
  }

  #answer(connection: Connection, bytes: Uint8Array): void {
    // Nobody waits for it any more: the runtime gave up while others were served.
    if (connection.isGone()) return;
    this.#requests++;
    const request = decodeRequest(bytes);
    if (request === undefined) {
      connection.send(encodeDeclined());
      return;
    }
    const { status, answer } = this.#carryOut(request);
    if (!connection.isGone() && connection.send(answer)) return;
    if (status !== 0 || request.variables["CNI_COMMAND"] !== "ADD") return;
    this.#tell(`the caller of ADD for ${request.variables["CNI_CONTAINERID"]} has gone: it is undone`);
    this.#performer.undo(request);
  }

  #carryOut(request: Request): { readonly status: number; readonly answer: Uint8Array } {
    try {
      const performed = this.#performer.perform(request);
      if (typeof performed === "string") return { status: 1, answer: encodeDeclined() };
      const { status, output, error } = performed;
      const answer = encodeAnswer(status, output, error);
      if (answer !== undefined) return { status, answer };
      if (status === 0 && request.variables["CNI_COMMAND"] === "ADD") this.#performer.undo(request);
      throw new CniError(CNI_ERROR.internal, "the plugin's output is longer than 1 MiB");
    } catch (thrown) {
      this.#tell(`a call failed: ${(thrown as Error).stack ?? String(thrown)}`);
      const document = printDocument(errorDocument(toCniError(thrown), LATEST_VERSION));
      return { status: 1, answer: encodeAnswer(1, document, "") ?? encodeDeclined() };
    }
  }

  #dropSilent(): void {
    const now = performance.now();
    for (const [fd, connection] of this.#connections) {
      if (connection.deadline > now) return;
      this.#connections.delete(fd);
      connection.close();
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
    writeText(this.#sys, STDERR, `${text}\n`);
  }
}
