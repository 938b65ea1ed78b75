// One etcd endpoint: its HTTP/2 connection and gRPC transport. Connections are made on first use and again after a
// loss; PINGs are sent only while a stream is open, because etcd ends connections that ping without one.
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { LodenError } from "#spec/errors";
import type { Clock } from "../../clock.ts";
import { withDeadline } from "./deadline.ts";
import { etcdError, etcdTimeout } from "./errors.ts";
import type { EtcdLimits, EtcdOptions, EtcdTls } from "./options.ts";

interface Connection {
  readonly manager: Http2SessionManager;
  readonly transport: Transport;
}

export class Endpoint {
  /** As in errors and logs: scheme, host and port. */
  readonly url: string;
  readonly #limits: EtcdLimits;
  readonly #tls: EtcdTls;
  readonly #connect: EtcdOptions["connect"];
  #connection: Connection | undefined;

  /** Throws ERR_USAGE for text that is not an endpoint. */
  constructor(text: string, tls: EtcdTls | undefined, limits: EtcdLimits, connect?: EtcdOptions["connect"]) {
    this.url = endpointUrl(text);
    this.#limits = limits;
    this.#tls = tls ?? {};
    this.#connect = connect;
  }

  /** The transport, with a connection behind it. Rejects with an EtcdError (unsent) when there is none in time. */
  async connect(clock: Clock, signal: AbortSignal | undefined): Promise<Transport> {
    if (this.#connect !== undefined) return this.#connectBy(this.#connect, clock, signal);
    const connection = (this.#connection ??= this.#open());
    const { manager } = connection;
    if (manager.state() === "open") return connection.transport;
    const late = (): Error => {
      this.#drop(connection.manager);
      return etcdTimeout(this.url, "no connection", this.#limits.dial, true);
    };
    const state = await withDeadline(clock, this.#limits.dial, signal, late, () => manager.connect());
    if (state !== "error") return connection.transport;
    const error = manager.error();
    this.#drop(manager);
    throw etcdError(this.url, error, true);
  }

  async #connectBy(
    connect: NonNullable<EtcdOptions["connect"]>,
    clock: Clock,
    signal: AbortSignal | undefined,
  ): Promise<Transport> {
    const { dial } = this.#limits;
    const late = (): Error => etcdTimeout(this.url, "no connection", dial, true);
    try {
      return await withDeadline(clock, dial, signal, late, () => connect(this.url));
    } catch (error) {
      throw etcdError(this.url, error, true);
    }
  }

  close(): void {
    if (this.#connection !== undefined) this.#drop(this.#connection.manager);
  }

  #open(): Connection {
    const limits = this.#limits;
    const tls = this.#tls;
    const manager = new Http2SessionManager(
      this.url,
      { pingIntervalMs: limits.pingInterval, pingTimeoutMs: limits.pingTimeout },
      {
        ...(tls.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
        ...(tls.key === undefined ? {} : { key: tls.key }),
        ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      },
    );
    const transport = createGrpcTransport({
      baseUrl: this.url,
      sessionManager: manager,
      acceptCompression: [],
      readMaxBytes: limits.message,
    });
    return { manager, transport };
  }

  /** A manager that was aborted while it connected may mix up its states, so none is used twice. */
  #drop(manager: Http2SessionManager): void {
    if (this.#connection?.manager === manager) this.#connection = undefined;
    manager.abort();
  }
}

function endpointUrl(text: string): string {
  const trimmed = text.trim();
  const url = URL.parse(trimmed.includes("://") ? trimmed : `http://${trimmed}`);
  if (url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "" && url.username === "") return url.origin;
  throw new LodenError(
    "ERR_USAGE",
    `etcd endpoint "${url === null || url.username === "" ? trimmed : url.host}" is not an endpoint; ` +
      "write http://host:port or https://host:port",
    { fields: { flag: "etcd-endpoints" } },
  );
}
