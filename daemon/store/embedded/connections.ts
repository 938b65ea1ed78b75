// The HTTP/2 connections of one listener: what comes in before and beside requests, and their end.
import http2 from "node:http2";
import type { Socket } from "node:net";
import type { Log } from "../../log.ts";
import { FirstFrames } from "./first-frames.ts";
import type { Handler } from "./handler.ts";

/** Streams that one connection may have open: beyond any client, short of exhausting the process. */
const MAX_STREAMS = 10_000;

/** MB that Node may hold for one connection before it refuses new streams on it. */
const SESSION_MEMORY = 256;

/** How long calls under way may take when the server closes; milliseconds. */
const CLOSE_GRACE = 1000;

export class Connections {
  readonly #log: Log;
  /** Never listens itself: it is given sockets. */
  readonly #server: http2.Http2Server;
  readonly #sockets = new Set<Socket>();
  /** Those that have no session yet. */
  readonly #beginning = new Set<Socket>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();

  constructor(handler: Handler, log: Log) {
    this.#log = log;
    const options = { settings: { maxConcurrentStreams: MAX_STREAMS }, maxSessionMemory: SESSION_MEMORY };
    this.#server = http2.createServer(options, handler);
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    // Peers that speak something else, or break off: theirs is the trouble, and nothing of ours.
    this.#server.on("sessionError", (error) => log.debug({ err: error }, "a connection broke the protocol"));
    this.#server.on("unknownProtocol", (socket: Socket) => socket.destroy());
  }

  accept(socket: Socket): void {
    this.#sockets.add(socket);
    this.#beginning.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#beginning.delete(socket);
    });
    socket.on("error", (error) => this.#log.debug({ err: error }, "a connection broke"));
    socket.setNoDelay(true);
    const first = new FirstFrames();
    const onData = (chunk: Buffer): void => {
      const { reply, forward, refused } = first.push(chunk);
      if (refused === true) socket.destroy();
      if (reply !== undefined) socket.write(reply);
      if (forward === undefined) return;
      socket.off("data", onData);
      this.#beginning.delete(socket);
      socket.pause();
      socket.unshift(forward);
      this.#server.emit("connection", socket);
    };
    socket.on("data", onData);
  }

  /** Lets calls under way be answered, for a while, and ends everything. */
  async close(): Promise<void> {
    const sockets = [...this.#sockets];
    const ended = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, CLOSE_GRACE);
    for (const session of this.#sessions) session.close();
    for (const socket of this.#beginning) socket.destroy();
    await ended;
    clearTimeout(timer);
  }
}
