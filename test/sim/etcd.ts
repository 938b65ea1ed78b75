// The store of a simulation: etcd as its clients see it, on a MemoryWorld. Members share one state, as after raft; each
// can be down, or lag behind in what its watches show. Only requests of the fabric's client are served. Sources: etcd's
// rpc.proto and API guarantees; the texts of errors are those of etcd's rpctypes.
import { Code, ConnectError } from "@connectrpc/connect";
import { Compare_CompareResult } from "../../daemon/store/etcd/generated/rpc_pb.js";
import { type MemoryCopy, type MemoryRecord, MemoryWorld } from "../../daemon/store/memory-world.ts";
import type { SeededRandom } from "./random.ts";
import { StoreClock } from "./store-clock.ts";
import { StoreTruth } from "./store-truth.ts";
import type { Timeline } from "./timeline.ts";
import { type WatchMessage, WatchStream } from "./watch-stream.ts";

export const PREFIX = "/loden";
export const CONFIG_PATH = `${PREFIX}/config`;
export const LEASES = `${PREFIX}/subnets/`;

export interface Header {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: bigint;
  readonly raftTerm: bigint;
}

/** A committed write of one record, for whoever judges it. */
export interface Written {
  /** The machine that asked for it, or undefined for an operator. */
  readonly by: string | undefined;
  /** The lease's key below subnets/. */
  readonly key: string;
  readonly before: MemoryRecord | undefined;
  readonly after: MemoryRecord | undefined;
}

export class Member {
  readonly url: string;
  readonly id: bigint;
  isUp = true;
  /** What its watches have come to, while it lags. */
  lagsAt: bigint | undefined;
  readonly streams = new Set<WatchStream>();

  constructor(number: number) {
    this.url = `http://store-${number}:2379`;
    this.id = BigInt(number);
  }
}

/** What requests come to while the store is ailing: refused, done without saying so, or done twice. */
export interface Ailment {
  readonly refused: number;
  readonly unanswered: number;
  readonly twice: number;
}

export const HEALTHY: Ailment = { refused: 0, unanswered: 0, twice: 0 };

interface Message {
  readonly [field: string]: unknown;
}

export class SimEtcd {
  readonly world: MemoryWorld;
  readonly members: readonly Member[];
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly truth: StoreTruth;
  /** When what ails it began or ended. */
  changedAt = 0;
  #ailment: Ailment = HEALTHY;
  #isFull = false;
  /** When each store lease was granted or last renewed. */
  readonly renewed = new Map<bigint, number>();
  onWritten: (written: Written) => void = () => undefined;
  #clusterId = 1n;
  // Elections of a cluster that is not new.
  #term = 5n;
  #terms = 5n;
  /** Listings that are being read in pages, by their revision. */
  readonly #pinned = new Map<bigint, readonly MemoryRecord[]>();

  constructor(timeline: Timeline, random: SeededRandom, members: number) {
    this.timeline = timeline;
    this.random = random;
    this.world = new MemoryWorld(new StoreClock(timeline));
    this.members = Array.from({ length: members }, (_, index) => new Member(index + 1));
    this.truth = new StoreTruth(this.world, LEASES);
    this.world.onChange(() => {
      this.truth.take();
      for (const member of this.members) for (const stream of member.streams) stream.wake();
    });
  }

  get ailment(): Ailment {
    return this.#ailment;
  }

  set ailment(ailment: Ailment) {
    if (ailment !== this.#ailment) this.changedAt = this.timeline.now;
    this.#ailment = ailment;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  set isFull(isFull: boolean) {
    if (isFull !== this.#isFull) this.changedAt = this.timeline.now;
    this.#isFull = isFull;
  }

  header(member: Member, revision = this.world.revision): Header {
    return { clusterId: this.#clusterId, memberId: member.id, revision, raftTerm: this.#term };
  }

  /** The member has answered what a request asked, or throws the refusal. */
  answer(member: Member, by: string, method: string, request: Message): Message {
    switch (method) {
      case "Range":
        return this.#range(member, request);
      case "Txn":
        return this.#txn(member, by, request);
      case "LeaseGrant": {
        const id = this.world.grant(Number(request["TTL"]));
        this.renewed.set(id, this.timeline.now);
        return { header: this.header(member), ID: id, TTL: request["TTL"], error: "" };
      }
      case "LeaseKeepAlive": {
        const id = request["ID"] as bigint;
        this.renewed.set(id, this.timeline.now);
        return { header: this.header(member), ID: id, TTL: BigInt(this.world.keepAlive(id)) };
      }
      case "LeaseTimeToLive": {
        const { ttl, granted } = this.world.timeToLive(request["ID"] as bigint);
        return { header: this.header(member), ID: request["ID"], TTL: BigInt(ttl), grantedTTL: BigInt(granted) };
      }
      case "LeaseRevoke":
        return this.#revoke(member, by, request["ID"] as bigint);
    }
    throw new ConnectError(`the simulated store does not serve ${method}`, Code.Unimplemented);
  }

  watch(member: Member, send: (message: WatchMessage) => void): WatchStream {
    const stream = new WatchStream(this, member, send);
    member.streams.add(stream);
    return stream;
  }

  /** A new leader. With `anew` the store's leases start their whole life again, and history is gone. */
  elect(anew: boolean): void {
    this.#terms += 1n;
    this.#term = this.#terms;
    if (anew) this.#restore(this.world.copyOut());
  }

  /** Goes back to an older copy, as an administrator does with a backup. */
  rollBack(copy: MemoryCopy, isNewCluster: boolean): void {
    // A restored cluster begins with its first election. Under the same cluster id that is all a client can go by, so
    // that two such restores in a row cannot be told apart, by nobody.
    if (isNewCluster || this.#term <= 2n) this.#clusterId += 1n;
    this.#term = 2n;
    this.#restore(copy);
  }

  /** A write by an operator's hand. */
  put(key: string, value: string, ttl?: number): void {
    const before = this.world.get(LEASES + key);
    const lease = ttl === undefined ? 0n : this.world.grant(ttl);
    if (ttl !== undefined) this.renewed.set(lease, this.timeline.now);
    const after = this.world.put(LEASES + key, value, lease);
    this.onWritten({ by: undefined, key, before, after });
  }

  delete(key: string): void {
    const before = this.world.get(LEASES + key);
    this.world.delete(LEASES + key);
    if (before !== undefined) this.onWritten({ by: undefined, key, before, after: undefined });
  }

  #restore(copy: MemoryCopy): void {
    this.#pinned.clear();
    this.world.restore(copy);
    this.truth.restored();
    for (const id of this.renewed.keys()) this.renewed.set(id, this.timeline.now);
  }

  #range(member: Member, request: Message): Message {
    const { world } = this;
    const wanted = request["revision"] as bigint;
    const revision = wanted === 0n ? world.revision : wanted;
    if (revision < world.compacted || revision > world.revision) throw compacted();
    const key = textOf(request["key"] as Uint8Array);
    const end = textOf(request["rangeEnd"] as Uint8Array);
    const limit = Number(request["limit"]);
    if (revision === world.revision) this.#pinned.set(revision, world.list(PREFIX));
    const pinned = this.#pinned.get(revision);
    if (pinned === undefined) throw compacted();
    const all = pinned.filter((record) => record.key >= key && record.key < end);
    const kvs = all.slice(0, limit).map(keyValueOf);
    return { header: this.header(member), kvs, more: all.length > limit, count: BigInt(all.length) };
  }

  #txn(member: Member, by: string, request: Message): Message {
    const compares = request["compare"] as readonly Compare[];
    const succeeded = compares.every(({ key, result, targetUnion }) => {
      const revision = this.world.get(textOf(key))?.modRevision ?? 0n;
      return result === Compare_CompareResult.LESS ? revision < targetUnion.value : revision === targetUnion.value;
    });
    const operations = (request[succeeded ? "success" : "failure"] ?? []) as readonly { readonly request: Operation }[];
    const responses = operations.map(({ request: operation }) => {
      const path = textOf(operation.value.key);
      return { response: this.#carryOut(operation, by, path, this.world.get(path)) };
    });
    return { header: this.header(member), succeeded, responses };
  }

  #carryOut(operation: Operation, by: string, path: string, before: MemoryRecord | undefined): Message {
    const key = path.slice(LEASES.length);
    const isLease = path.startsWith(LEASES);
    switch (operation.case) {
      case "requestRange":
        return { case: "responseRange", value: { kvs: before === undefined ? [] : [keyValueOf(before)] } };
      case "requestPut": {
        if (this.isFull) throw new ConnectError("etcdserver: mvcc: database space exceeded", Code.ResourceExhausted);
        const after = this.#put(path, operation.value);
        if (isLease) this.onWritten({ by, key, before, after });
        return { case: "responsePut", value: { prevKv: before === undefined ? undefined : keyValueOf(before) } };
      }
      case "requestDeleteRange":
        this.world.delete(path);
        if (before !== undefined) this.onWritten({ by, key, before, after: undefined });
    }
    return { case: "responseDeleteRange", value: {} };
  }

  #put(path: string, { value, lease }: { readonly value: Uint8Array; readonly lease: bigint }): MemoryRecord {
    try {
      return this.world.put(path, textOf(value), lease);
    } catch {
      throw new ConnectError("etcdserver: requested lease not found", Code.NotFound);
    }
  }

  #revoke(member: Member, by: string, lease: bigint): Message {
    if (this.world.timeToLive(lease).ttl < 0) {
      throw new ConnectError("etcdserver: requested lease not found", Code.NotFound);
    }
    const bound = this.world.list(LEASES).filter((record) => record.lease === lease);
    this.world.revoke(lease);
    for (const before of bound) {
      this.onWritten({ by, key: before.key.slice(LEASES.length), before, after: undefined });
    }
    return { header: this.header(member) };
  }
}

interface Compare {
  readonly key: Uint8Array;
  readonly result: Compare_CompareResult;
  readonly targetUnion: { readonly value: bigint };
}

type Operation =
  | { readonly case: "requestRange" | "requestDeleteRange"; readonly value: { readonly key: Uint8Array } }
  | {
      readonly case: "requestPut";
      readonly value: { readonly key: Uint8Array; readonly value: Uint8Array; readonly lease: bigint };
    };

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly modRevision: bigint;
  readonly createRevision: bigint;
  readonly lease: bigint;
}

const encoded = new WeakMap<MemoryRecord, KeyValue>();

export function keyValueOf(record: MemoryRecord): KeyValue {
  let kv = encoded.get(record);
  if (kv === undefined) {
    const { modRevision, createRevision, lease } = record;
    kv = { key: Buffer.from(record.key), value: Buffer.from(record.value), modRevision, createRevision, lease };
    encoded.set(record, kv);
  }
  return kv;
}

export function compacted(): ConnectError {
  return new ConnectError("etcdserver: mvcc: required revision has been compacted", Code.OutOfRange);
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}
