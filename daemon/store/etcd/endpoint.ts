// One etcd endpoint: its connection, made on first use and again after a loss, and the gRPC transport over it.
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { LodenError } from "#spec/errors";
import type { Clock } from "../../clock.ts";
import { Connection } from "./connection.ts";
import { withDeadline } from "../../deadline.ts";
import { etcdError, etcdTimeout } from "./errors.ts";
import type { EtcdLimits, EtcdOptions, EtcdTls } from "./options.ts";

interface Link {
  readonly connection: Connection;
  readonly transport: Transport;
}

export class Endpoint {
  /** As in errors and logs: scheme, host and port. */
  readonly url: string;
  readonly #limits: EtcdLimits;
  readonly #tls: EtcdTls;
  /** Set where connections are made elsewhere. */
  readonly #connect: EtcdOptions["connect"];
  #pingInterval: number;
  #link: Link | undefined;

  /** Throws ERR_USAGE for text that is not an endpoint. */
  constructor(text: string, tls: EtcdTls | undefined, limits: EtcdLimits, connect?: EtcdOptions["connect"]) {
    this.url = endpointUrl(text);
    this.#limits = limits;
    this.#tls = tls ?? {};
    this.#connect = connect;
    this.#pingInterval = limits.pingInterval;
  }

  /** The transport, with a connection behind it. Rejects with an EtcdError (unsent) when there is none in time. */
  async connect(clock: Clock, signal: AbortSignal | undefined): Promise<Transport> {
    if (this.#connect !== undefined) return this.#connectBy(this.#connect, clock, signal);
    const { dial } = this.#limits;
    const before = this.#link?.connection;
    if (before?.stale === true) await before.ping(signal).catch(() => {});
    signal?.throwIfAborted();
    if (this.#link !== undefined && !this.#link.connection.usable) this.#forget(this.#link);
    const link = (this.#link ??= this.#open(clock));
    const late = (): Error => {
      link.connection.close();
      return etcdTimeout(this.url, "no connection", dial, true);
    };
    try {
      await withDeadline(clock, dial, signal, late, () => link.connection.ready);
      return link.transport;
    } catch (thrown) {
      signal?.throwIfAborted();
      this.#forget(link);
      throw etcdError(this.url, thrown, true);
    }
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
    } catch (thrown) {
      signal?.throwIfAborted();
      throw etcdError(this.url, thrown, true);
    }
  }

  close(): void {
    this.#link?.connection.close();
    this.#link = undefined;
  }

  #open(clock: Clock): Link {
    const limits = { pingInterval: this.#pingInterval, pingTimeout: this.#limits.pingTimeout };
    const connection = new Connection(this.url, { clock, tls: this.#tls, limits });
    const transport = createGrpcTransport({
      baseUrl: this.url,
      sessionManager: connection,
      acceptCompression: [],
      readMaxBytes: this.#limits.message,
    });
    return { connection, transport };
  }

  /** Streams that are still open on it may end in peace. */
  #forget(link: Link): void {
    if (link.connection.tooManyPings) this.#pingInterval *= 2;
    if (this.#link === link) this.#link = undefined;
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
