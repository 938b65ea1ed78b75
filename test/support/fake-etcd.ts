// An etcd whose every answer a test decides: our generated services on an HTTP/2 server of this process.
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  KV,
  type RangeRequest,
  RangeResponseSchema,
  ResponseHeaderSchema,
  Watch,
  type WatchRequest,
  type WatchResponseSchema,
} from "../../daemon/store/etcd/generated/rpc_pb.js";
import { ownLoopback } from "./store-server.ts";

type WatchAnswer = MessageInitShape<typeof WatchResponseSchema>;

/** One watch stream, seen from the server. */
export class FakeWatch {
  readonly requests: WatchRequest[] = [];
  readonly metadata: Headers;
  #answers: WatchAnswer[] = [];
  #end: ConnectError | "normal" | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(metadata: Headers) {
    this.metadata = metadata;
  }

  /** The start revision that the client asked for. */
  get start(): bigint | undefined {
    const [first] = this.requests;
    return first?.requestUnion.case === "createRequest" ? first.requestUnion.value.startRevision : undefined;
  }

  send(...answers: readonly WatchAnswer[]): void {
    this.#answers.push(...answers);
    this.#wake.resolve();
  }

  end(error?: ConnectError): void {
    this.#end = error ?? "normal";
    this.#wake.resolve();
  }

  async *run(signal: AbortSignal): AsyncGenerator<WatchAnswer> {
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
    while (!signal.aborted) {
      const answer = this.#answers.shift();
      if (answer !== undefined) yield answer;
      else if (this.#end === "normal") return;
      else if (this.#end !== undefined) throw this.#end;
      else {
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      }
    }
  }
}

export class FakeEtcd implements AsyncDisposable {
  readonly ranges: RangeRequest[] = [];
  readonly watches: FakeWatch[] = [];
  /** PING frames from the client. */
  pings = 0;
  /** What a Range answers; an error is thrown as it is; "never" lets the client wait. */
  range: (request: RangeRequest) => MessageInitShape<typeof RangeResponseSchema> | ConnectError | "never" = () => ({
    header: header(1n),
  });
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  #changed = Promise.withResolvers<void>();

  private constructor() {
    this.#server = createServer(connectNodeAdapter({ routes: (router) => this.#routes(router), connect: false }));
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.on("error", () => {});
      session.on("ping", () => (this.pings += 1));
    });
  }

  static async start(): Promise<FakeEtcd> {
    const fake = new FakeEtcd();
    fake.#server.listen(0, ownLoopback());
    await once(fake.#server, "listening");
    return fake;
  }

  get endpoint(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") throw new Error("the server is closed");
    return `http://${bound.address}:${bound.port}`;
  }

  /** Resolves to the n-th watch stream (from 0) once the client has sent `requests` requests on it. */
  async watch(index: number, requests = 1): Promise<FakeWatch> {
    for (;;) {
      const watch = this.watches[index];
      if (watch !== undefined && watch.requests.length >= requests) return watch;
      await this.#changed.promise;
    }
  }

  /** Resolves once there have been `count` Range requests. */
  async ranged(count: number): Promise<void> {
    while (this.ranges.length < count) await this.#changed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #routes(router: ConnectRouter): void {
    router.service(KV, {
      range: async (request, context) => {
        this.ranges.push(request);
        this.#tell();
        const answer = this.range(request);
        if (answer === "never") {
          await once(context.signal, "abort");
          throw new ConnectError("gone", Code.Canceled);
        }
        if (answer instanceof ConnectError) throw answer;
        return create(RangeResponseSchema, answer);
      },
    });
    router.service(Watch, {
      watch: (requests, context) => this.#watch(requests, context),
    });
  }

  #watch(requests: AsyncIterable<WatchRequest>, context: HandlerContext): AsyncGenerator<WatchAnswer> {
    const watch = new FakeWatch(context.requestHeader);
    this.watches.push(watch);
    const listen = async (): Promise<void> => {
      for await (const request of requests) {
        watch.requests.push(request);
        this.#tell();
      }
    };
    // The client breaks its streams off as it likes.
    listen().catch(() => {});
    return watch.run(context.signal);
  }
}

/** A header as etcd fills it in. */
export function header(
  revision: bigint,
  clusterId = 7n,
  raftTerm = 2n,
): ReturnType<typeof create<typeof ResponseHeaderSchema>> {
  return create(ResponseHeaderSchema, { revision, clusterId, memberId: 1n, raftTerm });
}
