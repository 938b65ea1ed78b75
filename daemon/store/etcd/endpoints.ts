// The endpoints that a client may ask, and which of them is next: given once, or found by DNS and looked up again after
// one of them failed.
import { LodenError } from "#spec/errors";
import { withDeadline } from "../../deadline.ts";
import { Endpoint } from "./endpoint.ts";
import { EtcdError } from "./errors.ts";
import type { EtcdLimits, EtcdOptions } from "./options.ts";

export class Endpoints {
  /** For messages: the endpoints, or the records that tell them. */
  readonly name: string;
  readonly #options: EtcdOptions;
  readonly #limits: EtcdLimits;
  #list: readonly Endpoint[];
  #current: Endpoint | undefined;
  /** The list is to be looked up before it is used. */
  #stale: boolean;
  #lookup: Promise<void> | undefined;

  /** Throws ERR_USAGE when an endpoint is not one, or when there is none. */
  constructor(options: EtcdOptions, limits: EtcdLimits) {
    const { endpoints, discovery } = options;
    this.#options = options;
    this.#limits = limits;
    this.#stale = discovery !== undefined;
    this.#list = discovery === undefined ? endpoints.map((text) => this.#open(text)) : [];
    if (discovery === undefined && this.#list.length === 0) {
      throw new LodenError("ERR_USAGE", "no etcd endpoint is given; write --etcd-endpoints=http://host:2379");
    }
    // Nodes with one and the same list must not all ask, and watch, its first member.
    this.#current = this.#list[Math.floor(options.random.next() * this.#list.length)];
    this.name = discovery?.name ?? this.#list.map((endpoint) => endpoint.url).join(",");
  }

  get size(): number {
    return this.#list.length;
  }

  /** The one to ask next. Rejects with an EtcdError when none is known. */
  async next(signal: AbortSignal): Promise<Endpoint> {
    if (this.#stale) await this.#refresh(signal);
    if (this.#current === undefined)
      throw new LodenError("ERR_INTERNAL", "the etcd client lost count of its endpoints");
    return this.#current;
  }

  /** The next one is another, where there is another. */
  rotate(failed: Endpoint): void {
    if (this.#options.discovery !== undefined) this.#stale = true;
    if (this.#current !== failed) return;
    this.#current = this.#list[(this.#list.indexOf(failed) + 1) % this.#list.length];
  }

  close(): void {
    for (const endpoint of this.#list) endpoint.close();
  }

  #open(text: string): Endpoint {
    return new Endpoint(text, this.#options.tls, this.#limits, this.#options.connect);
  }

  /** While DNS is away, what was known must do. */
  async #refresh(signal: AbortSignal): Promise<void> {
    this.#lookup ??= this.#find().finally(() => (this.#lookup = undefined));
    const late = (): Error => {
      const text = `no etcd endpoint is known: no answer from DNS to ${this.name} within ${this.#limits.dial / 1_000} s`;
      return new EtcdError("ERR_STORE_UNAVAILABLE", text, { unsent: true });
    };
    const lookup = this.#lookup;
    // Told below; not at all when the signal comes first.
    lookup.catch(() => {});
    try {
      await withDeadline(this.#options.clock, this.#limits.dial, signal, late, () => lookup);
    } catch (error) {
      signal.throwIfAborted();
      if (this.#list.length === 0) throw error;
    }
  }

  async #find(): Promise<void> {
    const found = (await this.#options.discovery?.find()) ?? [];
    const before = new Map(this.#list.map((endpoint) => [endpoint.url, endpoint]));
    const fresh = found.map((text) => this.#open(text));
    // What is known already keeps its connection.
    this.#list = fresh.map((endpoint) => before.get(endpoint.url) ?? endpoint);
    for (const endpoint of before.values()) if (!this.#list.includes(endpoint)) endpoint.close();
    if (this.#current === undefined || !this.#list.includes(this.#current)) this.#current = this.#list[0];
    this.#stale = false;
  }
}
