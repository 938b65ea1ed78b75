// etcd's key space as simply as it can be said: every revision is a whole copy, every range a filter over all keys. What
// the embedded store must be equal to; itself held against etcd by way of test/e2e/embedded-store-differential.
import type { Refusal } from "../../../daemon/store/embedded/errors.ts";
import type {
  Compare,
  DeleteRangeRequest,
  Event,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../../daemon/store/embedded/types.ts";
import type { Operation, WatchOperation } from "../../support/store-operations.ts";

/** Keys as latin1 text: JavaScript orders that as bytes. */
type State = ReadonlyMap<string, KeyValue>;

interface Draft {
  readonly state: Map<string, KeyValue>;
  readonly events: Event[];
}

class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal);
    this.refusal = refusal;
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const NOTHING = new Uint8Array(0);

function isWithin(name: string, key: Uint8Array, rangeEnd: Uint8Array = NOTHING): boolean {
  const [from, end] = [text(key), text(rangeEnd)];
  if (end === "") return name === from;
  return name >= from && (end === "\u{0}" || name < end);
}

/** Every way that a list of operations can go: which keys are put and which ranges deleted on it. */
function paths(ops: readonly RequestOp[]): { put: string[]; deleted: DeleteRangeRequest[] }[] {
  let all: { put: string[]; deleted: DeleteRangeRequest[] }[] = [{ put: [], deleted: [] }];
  for (const { request } of ops) {
    if (request.case === "requestPut") for (const path of all) path.put.push(text(request.value.key));
    if (request.case === "requestDeleteRange") for (const path of all) path.deleted.push(request.value);
    if (request.case !== "requestTxn") continue;
    const nested = [...paths(request.value.success), ...paths(request.value.failure)];
    all = all.flatMap((path) =>
      nested.map((more) => ({ put: [...path.put, ...more.put], deleted: [...path.deleted, ...more.deleted] })),
    );
  }
  return all;
}

export class EtcdModel {
  revision = 1n;
  #compacted = -1n;
  readonly #states = new Map<bigint, State>([[1n, new Map()]]);
  readonly #events: Event[] = [];
  readonly #leases = new Set<bigint>();

  /** The answer without header, or the name of the refusal. */
  perform(operation: Operation): unknown {
    try {
      return { answer: this.#perform(operation), revision: this.revision };
    } catch (error) {
      if (error instanceof Refused) return { refusal: error.refusal, revision: this.revision };
      throw error;
    }
  }

  /** The events that a watch brings, or the revision that says they are gone. */
  watch({ key, rangeEnd, startRevision, prevKv, filters }: WatchOperation): unknown {
    if (startRevision < this.#compacted) return { compactRevision: this.#compacted };
    return this.#events
      .filter(
        ({ type, kv }) =>
          kv.modRevision >= startRevision && isWithin(text(kv.key), key, rangeEnd) && !filters.includes(type),
      )
      .map(({ type, kv }) => {
        const before =
          kv.modRevision > this.#compacted ? this.#state(kv.modRevision - 1n).get(text(kv.key)) : undefined;
        return prevKv && before !== undefined ? { type, kv, prevKv: before } : { type, kv };
      });
  }

  #state(revision = this.revision): State {
    return this.#states.get(revision) ?? new Map();
  }

  #perform(operation: Operation): unknown {
    switch (operation.do) {
      case "range":
        return this.#range(operation.request, this.#state());
      case "put":
        this.#checkPut(operation.request, false);
        return this.#write((draft) => this.#put(operation.request, draft));
      case "deleteRange":
        if (operation.request.key.length === 0) throw new Refused("emptyKey");
        return this.#write((draft) => this.#delete(operation.request, draft));
      case "txn":
        return this.#transaction(operation.request);
      case "compact":
        if (operation.revision <= this.#compacted) throw new Refused("compacted");
        if (operation.revision > this.revision) throw new Refused("futureRevision");
        this.#compacted = operation.revision;
        return undefined;
      case "grant":
        if (this.#leases.has(operation.id)) throw new Refused("leaseExists");
        this.#leases.add(operation.id);
        return operation.id;
      case "revoke":
        if (!this.#leases.delete(operation.id)) throw new Refused("leaseNotFound");
        return this.#write((draft) => {
          for (const name of this.#keysOf(operation.id)) this.#remove(name, draft);
        });
      case "leaseKeys":
    }
    return this.#leases.has(operation.id) ? this.#keysOf(operation.id) : "no lease";
  }

  #keysOf(lease: bigint): string[] {
    return [...this.#state()]
      .filter(([, kv]) => kv.lease === lease)
      .map(([name]) => name)
      .toSorted();
  }

  #write<T>(change: (draft: Draft) => T): T {
    const draft: Draft = { state: new Map(this.#state()), events: [] };
    const answer = change(draft);
    if (draft.events.length > 0) {
      this.revision += 1n;
      this.#states.set(this.revision, draft.state);
      this.#events.push(...draft.events);
    }
    return answer;
  }

  #range(request: RangeRequest, newest: State): unknown {
    if (request.key.length === 0) throw new Refused("emptyKey");
    const { revision = 0n, limit = 0n, sortOrder = 0, sortTarget = 0 } = request;
    this.#checkRevision(revision);
    const state = revision === 0n ? newest : this.#state(revision);
    const found = [...state]
      .filter(([name]) => isWithin(name, request.key, request.rangeEnd))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, kv]) => kv);
    const count = BigInt(found.length);
    if (request.countOnly === true) return { kvs: [], more: false, count };
    const kept = found.filter(
      ({ modRevision, createRevision }) =>
        this.#isBetween(modRevision, request.minModRevision, request.maxModRevision) &&
        this.#isBetween(createRevision, request.minCreateRevision, request.maxCreateRevision),
    );
    const target = (kv: KeyValue): bigint | string =>
      [text(kv.key), kv.version, kv.createRevision, kv.modRevision, text(kv.value)][sortTarget] ?? "";
    const sign = sortOrder === 2 ? -1 : 1;
    const sorted = kept.toSorted((a, b) => (target(a) === target(b) ? 0 : target(a) < target(b) ? -sign : sign));
    const more = limit > 0n && BigInt(sorted.length) > limit;
    const cut = more ? sorted.slice(0, Number(limit)) : sorted;
    return { kvs: request.keysOnly === true ? cut.map((kv) => ({ ...kv, value: NOTHING })) : cut, more, count };
  }

  #isBetween(value: bigint, min = 0n, max = 0n): boolean {
    return value >= min && (max === 0n || value <= max);
  }

  #checkRevision(revision: bigint): void {
    if (revision > this.revision) throw new Refused("futureRevision");
    if (revision !== 0n && revision < this.#compacted) throw new Refused("compacted");
  }

  #checkForm(request: PutRequest): void {
    if (request.key.length === 0) throw new Refused("emptyKey");
    if (request.ignoreValue === true && (request.value?.length ?? 0) > 0) throw new Refused("valueProvided");
    if (request.ignoreLease === true && (request.lease ?? 0n) !== 0n) throw new Refused("leaseProvided");
  }

  #checkPut(request: PutRequest, isInTransaction: boolean): void {
    this.#checkForm(request);
    const isLeaseGone = (request.lease ?? 0n) !== 0n && !this.#leases.has(request.lease ?? 0n);
    const isOldMissing =
      (request.ignoreValue === true || request.ignoreLease === true) && !this.#state().has(text(request.key));
    if (isInTransaction && isOldMissing) throw new Refused("keyNotFound");
    if (isLeaseGone) throw new Refused("leaseNotFound");
    if (isOldMissing) throw new Refused("keyNotFound");
  }

  #put(request: PutRequest, { state, events }: Draft): unknown {
    const old = state.get(text(request.key));
    const kv: KeyValue = {
      key: request.key,
      createRevision: old?.createRevision ?? this.revision + 1n,
      modRevision: this.revision + 1n,
      version: (old?.version ?? 0n) + 1n,
      value: request.ignoreValue === true ? (old?.value ?? NOTHING) : (request.value ?? NOTHING),
      lease: request.ignoreLease === true ? (old?.lease ?? 0n) : (request.lease ?? 0n),
    };
    state.set(text(request.key), kv);
    events.push({ type: 0, kv });
    return request.prevKv === true && old !== undefined ? { prevKv: old } : {};
  }

  #remove(name: string, { state, events }: Draft): void {
    state.delete(name);
    const key = new Uint8Array(Buffer.from(name, "latin1"));
    const kv = { key, createRevision: 0n, modRevision: this.revision + 1n, version: 0n, value: NOTHING, lease: 0n };
    events.push({ type: 1, kv });
  }

  #delete(request: DeleteRangeRequest, draft: Draft): unknown {
    const gone = [...draft.state]
      .filter(([name]) => isWithin(name, request.key, request.rangeEnd))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [name] of gone) this.#remove(name, draft);
    return { deleted: BigInt(gone.length), prevKvs: request.prevKv === true ? gone.map(([, kv]) => kv) : [] };
  }

  #transaction(request: TxnRequest): unknown {
    this.#checkTransaction(request);
    for (const ops of [request.success, request.failure]) {
      for (const { put, deleted } of paths(ops)) {
        const isTwice = new Set(put).size < put.length;
        if (isTwice || put.some((name) => deleted.some((range) => isWithin(name, range.key, range.rangeEnd)))) {
          throw new Refused("duplicateKey");
        }
      }
    }
    this.#checkChosen(request, "requestPut");
    this.#checkChosen(request, "requestRange");
    const judged = this.#state();
    return this.#write((draft) => this.#apply(request, judged, draft));
  }

  #checkTransaction({ compare, success, failure }: TxnRequest): void {
    if (compare.some(({ key }) => key.length === 0)) throw new Refused("emptyKey");
    for (const { request } of [...success, ...failure]) {
      if (request.case === "requestTxn") this.#checkTransaction(request.value);
      else if (request.case === "requestPut") this.#checkForm(request.value);
      else if (request.value?.key.length === 0) throw new Refused("emptyKey");
    }
  }

  #branch(request: TxnRequest, state: State): readonly RequestOp[] {
    return request.compare.every((compare) => this.#holds(compare, state)) ? request.success : request.failure;
  }

  #checkChosen(request: TxnRequest, kind: "requestPut" | "requestRange"): void {
    for (const { request: op } of this.#branch(request, this.#state())) {
      if (op.case === "requestTxn") this.#checkChosen(op.value, kind);
      else if (op.case === "requestPut" && kind === op.case) this.#checkPut(op.value, true);
      else if (op.case === "requestRange" && kind === op.case) this.#checkRevision(op.value.revision ?? 0n);
    }
  }

  #apply(request: TxnRequest, judged: State, draft: Draft): unknown {
    const ops = this.#branch(request, judged);
    const responses = ops.map(({ request: op }) => {
      if (op.case === "requestPut") return this.#put(op.value, draft);
      if (op.case === "requestDeleteRange") return this.#delete(op.value, draft);
      if (op.case === "requestRange") return this.#range(op.value, draft.state);
      return op.case === "requestTxn" ? this.#apply(op.value, judged, draft) : undefined;
    });
    return { succeeded: request.compare.every((compare) => this.#holds(compare, judged)), responses };
  }

  #holds({ key, rangeEnd, target, result, targetUnion }: Compare, state: State): boolean {
    const found = [...state].filter(([name]) => isWithin(name, key, rangeEnd)).map(([, kv]) => kv);
    const absent = { version: 0n, createRevision: 0n, modRevision: 0n, value: undefined, lease: 0n };
    return (found.length > 0 ? found : [absent]).every((kv) => {
      const actual = [kv.version, kv.createRevision, kv.modRevision, kv.value && text(kv.value), kv.lease][target];
      if (actual === undefined) return false;
      const wanted = targetUnion.value instanceof Uint8Array ? text(targetUnion.value) : (targetUnion.value ?? 0n);
      return [actual === wanted, actual > wanted, actual < wanted, actual !== wanted][result] ?? false;
    });
  }
}
