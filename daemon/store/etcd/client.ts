// Requests to etcd over any of several endpoints: picks one, goes to the next when it fails, logs in, gives every
// request a deadline. What can safely be asked twice is; a write that may have arrived is not.
import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Clock } from "../../clock.ts";
import { withDeadline } from "../../deadline.ts";
import type { Endpoint } from "./endpoint.ts";
import { Endpoints } from "./endpoints.ts";
import { EtcdError, etcdError, etcdMalformed, etcdTimeout } from "./errors.ts";
import { Auth, type ResponseHeader } from "./generated/rpc_pb.js";
import { DEFAULT_LIMITS, type EtcdLimits, type EtcdOptions } from "./options.ts";
import { LodenError } from "#spec/errors";

/** A message of the protocol's answers, with the header that all of them carry. */
type Answer<O extends DescMessage> = MessageShape<O> & { readonly header: ResponseHeader };

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** The request changes nothing, or changes it to the same however often it is sent. */
  readonly repeatable: boolean;
}

export interface EtcdStream<O extends DescMessage> {
  readonly endpoint: string;
  readonly responses: AsyncIterable<MessageShape<O>>;
  /** Tells that the stream failed: the next request goes to another endpoint. */
  failed(): void;
}

export class EtcdClient {
  readonly name: string;
  readonly limits: EtcdLimits;
  readonly clock: Clock;
  readonly #endpoints: Endpoints;
  readonly #options: EtcdOptions;
  readonly #closed = new AbortController();
  #reconnected = new AbortController();
  /** Absent: not logged in. Empty: the server wants no log-in. */
  #token: Promise<string> | undefined;

  /** Throws ERR_USAGE when an endpoint is not one, or when there is none. */
  constructor(options: EtcdOptions) {
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.clock = options.clock;
    this.#options = options;
    this.#endpoints = new Endpoints(options, this.limits);
    this.name = this.#endpoints.name;
  }

  /** Aborts when the client is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** One request, one answer. Rejects with an EtcdError, or with the reason of a signal. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    options: RequestOptions,
  ): Promise<Answer<O>> {
    return this.#anywhere(options, (endpoint, signal) => this.#ask(endpoint, method, input, signal));
  }

  /** One request and the first answer to it, on a stream of its own that ends with it. */
  exchange<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    input: MessageInitShape<I>,
    options: RequestOptions,
  ): Promise<Answer<O>> {
    return this.#anywhere(options, async (endpoint, signal) => {
      const transport = await endpoint.connect(this.clock, signal);
      const headers = await this.#headers(endpoint, signal);
      const message = await this.#inTime(endpoint, method, signal, async (scope) => {
        // Ends the stream once the answer is there, whether or not the server would.
        const own = new AbortController();
        const both = AbortSignal.any([scope, own.signal]);
        try {
          const response = await transport.stream(method, both, undefined, headers, only(input));
          for await (const first of response.message) return first;
          throw etcdMalformed(endpoint.url, `${label(method)} ended without an answer`);
        } finally {
          own.abort();
        }
      });
      return requireHeader<O>(endpoint, method, message);
    });
  }

  /**
   * Opens a stream that lives until `signal` aborts. `requests` is called for each endpoint that is tried, and what it
   * gives must bring the first request by itself.
   */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    requests: () => AsyncIterable<MessageInitShape<I>>,
    signal: AbortSignal,
  ): Promise<EtcdStream<O>> {
    return this.#anywhere({ signal, repeatable: true }, async (endpoint, scope) => {
      const transport = await endpoint.connect(this.clock, scope);
      const headers = await this.#headers(endpoint, scope);
      const response = await this.#inTime(endpoint, method, scope, (opening) =>
        transport.stream(method, AbortSignal.any([scope, opening]), undefined, headers, requests()),
      );
      return { endpoint: endpoint.url, responses: response.message, failed: () => this.#endpoints.rotate(endpoint) };
    });
  }

  /** Aborts when the connections of now are given up: who waits before the next try need not wait on. */
  get reconnected(): AbortSignal {
    return this.#reconnected.signal;
  }

  /** Ends the connections there are; the next request makes its own. */
  reconnect(): void {
    this.#endpoints.close();
    this.#reconnected.abort();
    this.#reconnected = new AbortController();
  }

  close(): void {
    const error = new LodenError("ERR_STORE", `etcd at ${this.name}: the store client is closed`);
    this.#closed.abort(error);
    this.#endpoints.close();
  }

  /** The token was refused or has run out: log in again with the next request. */
  forgetToken(): boolean {
    const had = this.#token !== undefined;
    this.#token = undefined;
    return had;
  }

  async #anywhere<T>(
    options: RequestOptions,
    ask: (endpoint: Endpoint, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const signal = options.signal === undefined ? this.closed : AbortSignal.any([options.signal, this.closed]);
    const failures: EtcdError[] = [];
    let mayLogIn = this.#options.credentials !== undefined;
    do {
      signal.throwIfAborted();
      const endpoint = await this.#endpoints.next(signal);
      try {
        return await ask(endpoint, signal);
      } catch (thrown) {
        // A caller that ran out of time finds another endpoint when it comes again.
        if (signal.aborted && isOutOfTime(signal.reason)) this.#endpoints.rotate(endpoint);
        signal.throwIfAborted();
        const error = etcdError(endpoint.url, thrown);
        if (error.fields["reason"] === "token" && mayLogIn) {
          mayLogIn = false;
          this.forgetToken();
          continue;
        }
        if (error.code === "ERR_STORE_UNAVAILABLE" || error.unsent) this.#endpoints.rotate(endpoint);
        if (!error.unsent && !(options.repeatable && error.code === "ERR_STORE_UNAVAILABLE")) throw error;
        failures.push(error);
      }
    } while (failures.length < this.#endpoints.size);
    throw together(failures, this.#options.discovery?.name);
  }

  async #ask<I extends DescMessage, O extends DescMessage>(
    endpoint: Endpoint,
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    signal: AbortSignal,
    headers?: Record<string, string>,
  ): Promise<Answer<O>> {
    const transport = await endpoint.connect(this.clock, signal);
    const metadata = headers ?? (await this.#headers(endpoint, signal));
    const response = await this.#inTime(endpoint, method, signal, (scope) =>
      transport.unary(method, scope, undefined, metadata, input),
    );
    return requireHeader<O>(endpoint, method, response.message);
  }

  /** Counts the request and gives it its deadline. */
  #inTime<T>(
    endpoint: Endpoint,
    method: Method,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { request } = this.limits;
    const late = (): Error => etcdTimeout(endpoint.url, `no answer to ${label(method)}`, request, false);
    this.#options.onRequest?.(label(method));
    return withDeadline(this.clock, request, signal, late, work);
  }

  /** "hasleader": a member cut off from its cluster refuses at once, and another endpoint is asked. */
  async #headers(endpoint: Endpoint, signal: AbortSignal): Promise<Record<string, string>> {
    const { credentials } = this.#options;
    if (credentials === undefined) return { hasleader: "true" };
    this.#token ??= this.#logIn(endpoint, credentials).catch((error: unknown) => {
      this.#token = undefined;
      throw error;
    });
    const token = this.#token;
    const value = await withAbort(token, signal);
    return value === "" ? { hasleader: "true" } : { hasleader: "true", token: value };
  }

  async #logIn(endpoint: Endpoint, credentials: NonNullable<EtcdOptions["credentials"]>): Promise<string> {
    try {
      const request = { name: credentials.user, password: credentials.password };
      const answer = await this.#ask(endpoint, Auth.method.authenticate, request, this.closed, {});
      return answer.token;
    } catch (thrown) {
      const error = etcdError(endpoint.url, thrown);
      if (error.fields["reason"] === "not-enabled") return "";
      throw error;
    }
  }
}

function isOutOfTime(reason: unknown): boolean {
  return reason instanceof LodenError && reason.code === "ERR_STORE_UNAVAILABLE";
}

type Method = { readonly name: string; readonly parent: { readonly name: string } };

function label(method: Method): string {
  return `${method.parent.name}/${method.name}`;
}

/**
 * The answer, if it is one. An empty message decodes as an answer with nothing in it, so that a foreign server could
 * pass for an empty store; etcd always says at which revision it answers.
 */
function requireHeader<O extends DescMessage>(endpoint: Endpoint, method: Method, message: MessageShape<O>): Answer<O> {
  const header = "header" in message ? (message.header as ResponseHeader | undefined) : undefined;
  if (header !== undefined && header.revision > 0n) return message as Answer<O>;
  throw etcdMalformed(endpoint.url, `the answer to ${label(method)} lacks its header`);
}

async function* only<T>(item: T): AsyncIterable<T> {
  yield item;
}

/** One error for all endpoints. Of mixed causes, the one that waiting can help decides. */
function together(failures: readonly EtcdError[], records: string | undefined): EtcdError {
  const [first] = failures;
  if (first !== undefined && failures.length === 1 && records === undefined) return first;
  const main = failures.find((error) => error.retry) ?? first;
  const found = records === undefined ? "" : ` of those that DNS has for ${records}`;
  const text = `no etcd endpoint can be used${found}: ${failures.map((error) => error.message).join("; ")}`;
  return new EtcdError(main?.code ?? "ERR_STORE_UNAVAILABLE", text, {
    cause: main,
    unsent: failures.every((error) => error.unsent),
    refused: failures.every((error) => error.refused),
  });
}

/** The promise, or a rejection with the signal's reason as soon as that aborts; the promise goes on for others. */
async function withAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
