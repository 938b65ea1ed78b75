// One HTTP/2 connection to an etcd endpoint, as Connect's transport uses it. The library has a manager of its own, which
// takes its error listener away while the connection can still fail: a server that breaks the protocol ends the process
// then. This one listens as long as the connection lives.
//
// PINGs (gRPC proposal A8) go out only while a stream is open and nothing was read for a while: etcd ends connections
// that ping without a stream, or more often than it likes, with GOAWAY "too_many_pings".
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import type { GrpcTransportOptions } from "@connectrpc/connect-node";
import type { Clock } from "../../clock.ts";
import { withDeadline } from "../../deadline.ts";
import { EtcdError } from "./errors.ts";
import type { EtcdLimits, EtcdTls } from "./options.ts";

type SessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>;

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly tls: EtcdTls;
  readonly limits: Pick<EtcdLimits, "pingInterval" | "pingTimeout">;
}

export class Connection implements SessionManager {
  readonly authority: string;
  /** Settles with the connection, TLS included. */
  readonly ready: Promise<void>;
  readonly #session: ClientHttp2Session;
  readonly #options: ConnectionOptions;
  #streams = 0;
  #heard: number;
  #pinging: AbortController | undefined;
  #leaving = false;
  /** Set when the server complained of PINGs: the next connection must send fewer. */
  tooManyPings = false;

  constructor(authority: string, options: ConnectionOptions) {
    this.authority = authority;
    this.#options = options;
    this.#heard = options.clock.monotonic();
    const { tls } = options;
    const session = connect(authority, {
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    });
    this.#session = session;
    const settled = Promise.withResolvers<void>();
    session.once("connect", () => settled.resolve());
    // For ever: what goes wrong shows on the streams and in `usable`.
    session.on("error", (error) => settled.reject(error));
    session.once("close", () => {
      this.#pinging?.abort();
      settled.reject(new Error("the connection was closed before it was made"));
    });
    session.once("goaway", (_code, _last, text) => {
      this.#leaving = true;
      this.tooManyPings = text !== undefined && Buffer.from(text).includes("too_many_pings");
    });
    this.ready = settled.promise;
    this.ready.catch(() => {});
  }

  /** Whether new requests can go over it. */
  get usable(): boolean {
    return !this.#leaving && !this.#session.closed && !this.#session.destroyed;
  }

  /** Whether nothing has used it for so long that it may be dead without our knowing. */
  get stale(): boolean {
    const { clock, limits } = this.#options;
    return this.#streams === 0 && clock.monotonic() - this.#heard > limits.pingInterval;
  }

  /** Async for the transport's sake; throws when the connection has ended. */
  async request(method: string, path: string, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    const stream = this.#session.request({ ...headers, ":method": method, ":path": path });
    // The transport adds its own listener a moment later; what fails in between must not be fatal.
    stream.on("error", () => {});
    stream.once("close", () => this.#closed());
    this.#streams += 1;
    this.#session.ref();
    if (this.#pinging === undefined) void this.#keepAlive();
    return stream;
  }

  notifyResponseByteRead(): void {
    this.#heard = this.#options.clock.monotonic();
  }

  /** Sends a PING. Resolves when it comes back; rejects, and ends the connection, when it does not in time. */
  async ping(signal?: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options;
    const late = (): Error => {
      const error = new EtcdError("ERR_STORE_UNAVAILABLE", `etcd at ${this.authority}: PING timed out`, {});
      this.#session.destroy(error);
      return error;
    };
    await withDeadline(clock, limits.pingTimeout, signal, late, () => {
      const back = Promise.withResolvers<void>();
      this.#session.ping((error) => (error === null ? back.resolve() : back.reject(error)));
      return back.promise;
    });
    this.#heard = clock.monotonic();
  }

  /** Ends the connection and all streams on it. */
  close(): void {
    this.#pinging?.abort();
    this.#session.destroy();
  }

  #closed(): void {
    this.#streams -= 1;
    if (this.#streams > 0) return;
    this.#pinging?.abort();
    this.#pinging = undefined;
    // Nothing waits for it: an idle connection keeps no process alive.
    this.#session.unref();
    if (this.#leaving) this.#session.destroy();
  }

  async #keepAlive(): Promise<void> {
    const { clock, limits } = this.#options;
    const stop = new AbortController();
    this.#pinging = stop;
    try {
      for (;;) {
        const silent = clock.monotonic() - this.#heard;
        if (silent >= limits.pingInterval) await this.ping(stop.signal);
        else await clock.sleep(limits.pingInterval - silent, stop.signal);
      }
    } catch {
      // Stopped, or the connection is dead and its streams have been told.
    }
  }
}
