// `dhcp daemon`: listens for plugins and keeps their leases. While an answer of a server is awaited it polls the packet
// sockets itself, a short time in turn with the runtime's own events; otherwise it sleeps until something is due.
import type { Server, Socket } from "node:net";
import { makeDirectories, removeFile, writeText } from "#kernel/files";
import type { Sys } from "#kernel/sys";
import { LodenError, errorText } from "#spec/errors";
import { CNI_ERROR, CniError } from "../../error.ts";
import { USAGE, readFlags, type DaemonFlags } from "./flags.ts";
import { LeaseKeeper } from "./keeper.ts";
import { LINE_LIMIT, printAnswer } from "./protocol.ts";
import { containerPort } from "./transport.ts";

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;
/** How long the packet sockets may keep plugins and signals waiting. */
const POLL_MS = 20;
/** setTimeout's limit. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;
/** sd_listen_fds(3): the first descriptor that the service manager gives. */
const FIRST_GIVEN = 3;
const SOCKET_DIRECTORY_MODE = 0o700;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs until a signal; gives the exit status. */
export async function runDaemon(sys: Sys, args: readonly string[], environment: Environment): Promise<number> {
  const log = (text: string): void => void sys.write(2, new TextEncoder().encode(`${text}\n`));
  const flags = readFlags(args);
  if (typeof flags === "string") {
    log(`${flags}\n${USAGE}`);
    return EXIT.usage;
  }
  try {
    await serve(sys, flags, environment, log);
    return EXIT.ok;
  } catch (error) {
    log(error instanceof LodenError ? error.message : errorText(error));
    return EXIT.failed;
  }
}

async function serve(
  sys: Sys,
  flags: DaemonFlags,
  environment: Environment,
  log: (text: string) => void,
): Promise<void> {
  const { socket, pidFile, hostPrefix, patience } = flags;
  const directory = socket.slice(0, socket.lastIndexOf("/")) || "/";
  makeDirectories(sys, directory, SOCKET_DIRECTORY_MODE);
  const keeper = new LeaseKeeper({
    ...{ sys, file: `${socket}.leases`, patience, log },
    portOf: (netns, ifname) => containerPort(sys, `${hostPrefix}${netns}`, ifname),
    now: () => performance.now(),
    random: Math.random,
  });
  const loop = new Loop(keeper);
  const server = process.getBuiltinModule("node:net").createServer((connection) => {
    answer(connection, keeper, () => loop.wake());
  });
  const given = givenSocket(environment);
  await listen(sys, server, given ?? socket);
  if (pidFile !== undefined) writeText(sys, pidFile, `${process.pid}`, "replace", 0o644);
  log(`listening at ${socket}`);
  loop.wake();
  await new Promise<void>((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve());
  });
  loop.stop();
  server.close();
  if (given === undefined) removeFile(sys, socket);
  if (pidFile !== undefined) removeFile(sys, pidFile);
}

/** Turns the leases: in short turns while a server is to answer, else when the next is due. */
class Loop {
  readonly #keeper: LeaseKeeper;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isStopped = false;

  constructor(keeper: LeaseKeeper) {
    this.#keeper = keeper;
  }

  /** Something has changed: looks again when to turn. */
  wake(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    if (this.#isStopped) return;
    if (this.#keeper.isWaiting) this.#immediate = setImmediate(() => this.#turn());
    else if (Number.isFinite(this.#keeper.pause)) {
      this.#timer = setTimeout(() => this.#turn(), Math.min(Math.ceil(this.#keeper.pause), LONGEST_SLEEP_MS));
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.wake();
  }

  #turn(): void {
    this.#keeper.turn(POLL_MS);
    this.wake();
  }
}

/** One connection: requests, a line each, and their answers. */
function answer(connection: Socket, keeper: LeaseKeeper, wake: () => void): void {
  let text = "";
  connection.setEncoding("utf8");
  // A plugin that was killed: its answer is nobody's, its lease the DEL's that follows.
  connection.on("error", () => connection.destroy());
  connection.on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      keeper.handle(line, (reply) => {
        if (connection.writable) connection.write(printAnswer(reply));
      });
      wake();
    }
    if (text.length > LINE_LIMIT) connection.destroy();
  });
}

/** A socket from the service manager, of which there must be one alone. */
function givenSocket(environment: Environment): { fd: number } | undefined {
  const count = environment["LISTEN_FDS"];
  if (count === undefined || Number(environment["LISTEN_PID"]) !== process.pid) return undefined;
  if (count === "1") return { fd: FIRST_GIVEN };
  throw new CniError(
    CNI_ERROR.internal,
    `LISTEN_FDS is ${count}: the daemon takes one socket, at ListenStream= of its unit`,
  );
}

async function listen(sys: Sys, server: Server, at: string | { fd: number }): Promise<void> {
  if (typeof at === "string") await removeStale(sys, at);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, resolve);
  });
}

/** A socket that an earlier daemon left behind. One that somebody listens at stays. */
async function removeStale(sys: Sys, path: string): Promise<void> {
  if (typeof sys.stat(path, false) === "number") return;
  const { connect } = process.getBuiltinModule("node:net");
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (isAlive)
    throw new CniError(
      CNI_ERROR.internal,
      `another DHCP daemon listens at ${path}; stop it, or choose another -socketpath`,
    );
  removeFile(sys, path);
}
