// SubnetStore over etcd v3, with flannel's keys. Speaks to a real etcd and to Loden's embedded store alike.
import { LodenError } from "#spec/errors";
import { type DeleteResult, type Entry, type PutOptions, RELEASE_MARK_SECONDS, type Snapshot } from "../port.ts";
import type { SubnetStore, WatchOptions, WatchResult, WriteResult } from "../port.ts";
import { WatchBuffer } from "../watch-buffer.ts";
import { EtcdClient } from "./client.ts";
import { EtcdError, etcdMalformed } from "./errors.ts";
import { follow } from "./follow.ts";
import { Compare_CompareResult, Compare_CompareTarget, KV, Lease, type TxnResponse } from "./generated/rpc_pb.js";
import { keepAlive } from "./keepalive.ts";
import { entryOf, Keyspace } from "./keyspace.ts";
import type { EtcdOptions } from "./options.ts";
import { list } from "./read.ts";

export class EtcdSubnetStore implements SubnetStore {
  readonly name: string;
  readonly #client: EtcdClient;
  readonly #keyspace: Keyspace;
  readonly #options: EtcdOptions;

  /** Connects on first use. Throws ERR_USAGE when an endpoint is not one. */
  constructor(options: EtcdOptions) {
    this.#options = options;
    this.#client = new EtcdClient(options);
    this.#keyspace = new Keyspace(options.prefix);
    this.name = this.#client.name;
  }

  async snapshot(signal?: AbortSignal): Promise<Snapshot> {
    return (await list(this.#client, this.#keyspace, signal)).snapshot;
  }

  async put(key: string, value: string, options: PutOptions, signal?: AbortSignal): Promise<WriteResult> {
    const { ttl, expect } = options;
    const path = this.#keyspace.lease(key);
    const granted = typeof ttl === "number" ? await this.#grant(ttl, signal) : undefined;
    const lease = granted ?? (typeof ttl === "bigint" ? ttl : 0n);
    try {
      const bytes = Buffer.from(value);
      const put = { case: "requestPut" as const, value: { key: path, value: bytes, lease, prevKv: true } };
      const answer = await this.#swap(path, expect, put, signal);
      if (answer.succeeded) {
        const done = answer.responses[0]?.response;
        if (done?.case !== "responsePut") throw etcdMalformed(this.name, "a transaction answered without its put");
        const revision = answer.header?.revision ?? 0n;
        const createRevision = done.value.prevKv?.createRevision ?? revision;
        return { ok: true, entry: { key, value: value.toWellFormed(), modRevision: revision, createRevision, lease } };
      }
      if (granted !== undefined) await this.#drop(granted, signal);
      return { ok: false, current: currentOf(this.name, key, answer) };
    } catch (error) {
      // Only where it is certain that nothing was written: else the record may hang on this very lease.
      if (granted !== undefined && error instanceof EtcdError && error.refused) await this.#drop(granted, signal);
      throw error;
    }
  }

  async putConfig(value: string, signal?: AbortSignal): Promise<void> {
    const request = { key: this.#keyspace.config, value: Buffer.from(value) };
    await this.#client.unary(KV.method.put, request, { signal, repeatable: false });
  }

  async delete(key: string, expect: bigint, signal?: AbortSignal): Promise<DeleteResult> {
    const path = this.#keyspace.lease(key);
    const remove = { case: "requestDeleteRange" as const, value: { key: path } };
    const answer = await this.#swap(path, expect, remove, signal);
    return answer.succeeded ? { ok: true } : { ok: false, current: currentOf(this.name, key, answer) };
  }

  async markReleased(key: string, after: bigint, signal?: AbortSignal): Promise<boolean> {
    const [record, mark] = [this.#keyspace.lease(key), this.#keyspace.releaseMark(key)];
    const { LESS, EQUAL } = Compare_CompareResult;
    const lease = await this.#grant(RELEASE_MARK_SECONDS, signal);
    const request = {
      compare: [modCompare(record, EQUAL, 0n), modCompare(mark, LESS, after)],
      // For people alone: the order is that of the revisions.
      success: [put(mark, JSON.stringify({ Released: new Date(this.#client.clock.wall()).toISOString() }), lease)],
    };
    try {
      const answer = await this.#client.unary(KV.method.txn, request, { signal, repeatable: false });
      if (!answer.succeeded) await this.#drop(lease, signal);
      return answer.succeeded;
    } catch (error) {
      if (error instanceof EtcdError && error.refused) await this.#drop(lease, signal);
      throw error;
    }
  }

  keepAlive(lease: bigint, signal?: AbortSignal): Promise<number> {
    return keepAlive(this.#client, lease, signal);
  }

  async timeToLive(lease: bigint, signal?: AbortSignal): Promise<{ ttl: number; granted: number }> {
    const answer = await this.#client.unary(Lease.method.leaseTimeToLive, { ID: lease }, { signal, repeatable: true });
    if (answer.ID !== lease) throw etcdMalformed(this.name, "LeaseTimeToLive answered for another lease");
    return { ttl: Number(answer.TTL), granted: Number(answer.grantedTTL) };
  }

  async revoke(lease: bigint, signal?: AbortSignal): Promise<void> {
    try {
      await this.#client.unary(Lease.method.leaseRevoke, { ID: lease }, { signal, repeatable: true });
    } catch (error) {
      if (!(error instanceof EtcdError) || error.fields["reason"] !== "lease-not-found") throw error;
    }
  }

  watch(options: WatchOptions): AsyncIterable<WatchResult> {
    return {
      [Symbol.asyncIterator]: () => {
        const left = new AbortController();
        const signal = AbortSignal.any([options.signal, left.signal, this.#client.closed]);
        const buffer = new WatchBuffer(() => left.abort());
        signal.addEventListener("abort", () => buffer.end(), { once: true });
        if (signal.aborted) buffer.end();
        void follow(this.#client, this.#keyspace, buffer, this.#options.random, { ...options, signal });
        return buffer;
      },
    };
  }

  reconnect(): void {
    this.#client.reconnect();
  }

  close(): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }

  async #grant(ttl: number, signal: AbortSignal | undefined): Promise<bigint> {
    if (!Number.isSafeInteger(ttl) || ttl <= 0) {
      throw new LodenError("ERR_INTERNAL", `ttl ${ttl} is not a life in whole seconds`);
    }
    const request = { TTL: BigInt(ttl) };
    const answer = await this.#client.unary(Lease.method.leaseGrant, request, { signal, repeatable: true });
    if (answer.error !== "" || answer.ID === 0n) {
      throw etcdMalformed(this.name, `it granted no lease: ${answer.error || "no id in the answer"}`);
    }
    return answer.ID;
  }

  /** A lease that nothing hangs on. It would end by itself; failing to end it now harms nobody. */
  async #drop(lease: bigint, signal: AbortSignal | undefined): Promise<void> {
    await this.revoke(lease, signal).catch(() => {});
  }

  /** Does `request` if the record has the expected mod revision, else reads the record. */
  async #swap(
    key: Uint8Array,
    expect: bigint,
    request: SwapRequest,
    signal: AbortSignal | undefined,
  ): Promise<TxnResponse> {
    return this.#client.unary(
      KV.method.txn,
      {
        compare: [modCompare(key, Compare_CompareResult.EQUAL, expect)],
        success: [{ request }],
        failure: [{ request: { case: "requestRange", value: { key } } }],
      },
      { signal, repeatable: false },
    );
  }
}

/** The record's mod revision, 0 where there is none, against a value. */
function modCompare(key: Uint8Array, result: Compare_CompareResult, value: bigint) {
  const targetUnion = { case: "modRevision" as const, value };
  return { key, result, target: Compare_CompareTarget.MOD, targetUnion };
}

function put(key: Uint8Array, value: string, lease: bigint) {
  return { request: { case: "requestPut" as const, value: { key, value: Buffer.from(value), lease } } };
}

type SwapRequest =
  | {
      readonly case: "requestPut";
      readonly value: { key: Uint8Array; value: Uint8Array; lease: bigint; prevKv: boolean };
    }
  | { readonly case: "requestDeleteRange"; readonly value: { key: Uint8Array } };

/** The record that a lost transaction found. */
function currentOf(name: string, key: string, answer: TxnResponse): Entry | undefined {
  const found = answer.responses[0]?.response;
  if (found?.case !== "responseRange") throw etcdMalformed(name, "a lost transaction answered without the record");
  const kv = found.value.kvs[0];
  return kv === undefined ? undefined : entryOf(key, kv);
}
