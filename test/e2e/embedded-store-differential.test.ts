// The embedded store against a real etcd: the same random requests to both, every field of every answer compared, then
// the same watches over what happened. Both begin empty, so that revisions are equal as long as behaviour is.
import { ConnectError } from "@connectrpc/connect";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RangeRequest, TxnRequest } from "../../daemon/store/embedded/types.ts";
import { type Event, Event_EventType } from "../../daemon/store/etcd/generated/kv_pb.js";
import { startEtcd } from "../support/etcd.ts";
import { type RawEtcd, rawEtcd } from "../support/etcd-raw.ts";
import { startLodenStore } from "../support/loden-store.ts";
import {
  anyOperation,
  anyWatch,
  type Moment,
  type Operation,
  type WatchOperation,
} from "../support/store-operations.ts";
import type { StoreServer } from "../support/store-server.ts";

let servers: StoreServer[] = [];
let ours: RawEtcd;
let theirs: RawEtcd;
let runs = 0n;
let compacted = -1n;

beforeAll(async () => {
  // etcd's own timings: the shortest life of a lease follows from them.
  const timings = { "heartbeat-interval": "100", "election-timeout": "1000" };
  servers = await Promise.all([startLodenStore(), startEtcd({ flags: timings })]);
  [ours, theirs] = servers.map(({ endpoint }) => rawEtcd(endpoint)) as [RawEtcd, RawEtcd];
});

afterAll(async () => {
  ours.close();
  theirs.close();
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
});

test("answers as etcd does", { timeout: 600_000 }, async () => {
  const sequence = fc.array(anyOperation, { minLength: 1, maxLength: 60, size: "max" });
  const watches = fc.array(anyWatch, { minLength: 1, maxLength: 4, size: "max" });
  await fc.assert(
    fc.asyncProperty(sequence, watches, async (operations, watched) => {
      runs += 1n;
      const prefix = `${runs}/`;
      const moment = async (): Promise<Moment> => ({ current: await revision(ours), prefix, leaseBase: runs * 10n });
      expect(await revision(ours)).toBe(await revision(theirs));
      for (const at of operations) {
        const operation = at(await moment());
        if (operation.do === "txn" && hasSiblings(operation.request)) continue;
        const [our, their] = await Promise.all([outcome(ours, operation), outcome(theirs, operation)]);
        expect({ operation, outcome: our }).toEqual({ operation, outcome: their });
        if (operation.do === "compact" && !isRefused(our)) ({ revision: compacted } = operation);
      }
      const then = await moment();
      const all = watched.map((at) => at(then));
      const [our, their] = await Promise.all([replays(ours, all), replays(theirs, all)]);
      expect(our).toEqual(their);
    }),
    { numRuns: 80, endOnFailure: true },
  );
});

/** Beside each other, nested transactions may change one key twice in etcd, which we refuse (txn-check.ts). */
function hasSiblings({ success, failure }: TxnRequest): boolean {
  return [success, failure].some((ops) => {
    const nested = ops.flatMap(({ request }) => (request.case === "requestTxn" ? [request.value] : []));
    return nested.length > 1 || nested.some(hasSiblings);
  });
}

async function revision(etcd: RawEtcd): Promise<bigint> {
  const { header } = await etcd.kv.range({ key: Buffer.from("0"), countOnly: true });
  return header?.revision ?? 0n;
}

function isRefused(result: unknown): boolean {
  return typeof result === "object" && result !== null && "code" in result;
}

/** The answer, or the status and its text, in a form that can be compared. */
async function outcome(etcd: RawEtcd, operation: Operation): Promise<unknown> {
  try {
    return plain(await perform(etcd, operation));
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return { code: error.code, text: error.rawMessage };
  }
}

async function perform({ kv, lease }: RawEtcd, operation: Operation): Promise<object> {
  switch (operation.do) {
    case "range": {
      const answer = await kv.range(asMessage(operation.request));
      return { ...answer, kvs: withoutChance(operation.request, answer.kvs) };
    }
    case "put":
      return await kv.put(operation.request);
    case "deleteRange":
      return await kv.deleteRange(operation.request);
    case "txn":
      return txnWithoutChance(operation.request, await kv.txn(asMessage(operation.request)));
    case "compact":
      // The rest of the run reads what is left: both must be done.
      return await kv.compact({ revision: operation.revision, physical: true });
    case "grant":
      return await lease.leaseGrant({ ID: operation.id, TTL: 10_000n });
    case "revoke":
      return await lease.leaseRevoke({ ID: operation.id });
    case "leaseKeys":
  }
  const answer = await lease.leaseTimeToLive({ ID: operation.id, keys: true });
  // Time passes between the two, and etcd lists keys in no order.
  const keys = answer.keys.map((key) => Buffer.from(key).toString("latin1")).toSorted();
  return { ...answer, TTL: answer.TTL > 0n, keys };
}

/** The engine's requests are messages but for enums that are numbers and arrays that are not to be changed. */
function asMessage(request: RangeRequest | TxnRequest): object {
  return request;
}

type TxnAnswer = Awaited<ReturnType<RawEtcd["kv"]["txn"]>>;
type Kv = Awaited<ReturnType<RawEtcd["kv"]["range"]>>["kvs"][number];

/** etcd's sort is not stable: records with equal targets are put in key order. */
function withoutChance({ sortTarget = 0 }: RangeRequest, kvs: readonly Kv[]): Kv[] {
  const target = (kv: Kv): string =>
    [kv.key, kv.version, kv.createRevision, kv.modRevision, Buffer.from(kv.value).toString("latin1")].map(String)[
      sortTarget
    ] ?? "";
  const sorted: Kv[] = [];
  for (let at = 0; at < kvs.length;) {
    const first = kvs[at] as Kv;
    const equal = kvs.slice(at).filter((kv) => target(kv) === target(first));
    sorted.push(...equal.toSorted((a, b) => Buffer.compare(a.key, b.key)));
    at += equal.length;
  }
  return sorted;
}

function txnWithoutChance(request: TxnRequest, answer: TxnAnswer): TxnAnswer {
  const ops = answer.succeeded ? request.success : request.failure;
  for (const [index, { request: op }] of ops.entries()) {
    const response = answer.responses[index]?.response;
    if (op.case === "requestRange" && response?.case === "responseRange") {
      response.value.kvs = withoutChance(op.value, response.value.kvs);
    } else if (op.case === "requestTxn" && response?.case === "responseTxn") {
      txnWithoutChance(op.value, response.value);
    }
  }
  return answer;
}

/** Runs watches up to an end mark that is put for each, and returns what came. */
async function replays(etcd: RawEtcd, watches: readonly WatchOperation[]): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const watch of watches) {
    await etcd.kv.put({ key: watch.key, value: Buffer.from("end") });
    const end = await etcd.kv.deleteRange({ key: watch.key });
    const isDeletionSeen = !watch.filters.includes(1);
    const last = (end.header?.revision ?? 0n) - (isDeletionSeen ? 0n : 1n);
    results.push(await replay(etcd, watch, last));
  }
  return results;
}

async function replay(etcd: RawEtcd, watch: WatchOperation, last: bigint): Promise<unknown> {
  const stop = new AbortController();
  const events: unknown[] = [];
  const requests = async function* () {
    yield { requestUnion: { case: "createRequest" as const, value: watch } };
    // The stream stays open for as long as answers are wanted.
    await new Promise((resolve) => {
      stop.signal.addEventListener("abort", resolve, { once: true });
    });
  };
  try {
    for await (const answer of etcd.watch.watch(requests(), { signal: stop.signal })) {
      events.push(...answer.events.filter(isComparable));
      if (answer.canceled) return plain({ events, watchId: answer.watchId, compactRevision: answer.compactRevision });
      if (answer.events.some(({ kv }) => (kv?.modRevision ?? 0n) >= last)) return plain({ events, id: answer.watchId });
    }
    return "ended";
  } finally {
    stop.abort();
  }
}

/** etcd before 3.4.36 forgets a deletion that was made at the compacted revision itself; later ones and we tell it. */
function isComparable({ type, kv }: Event): boolean {
  return type === Event_EventType.PUT || kv?.modRevision !== compacted;
}

/** Without what differs by nature: ids and term. Bytes as text, bigint as text. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (name, part: unknown) => {
    if (name === "clusterId" || name === "memberId" || name === "raftTerm") return part === 0n ? 0 : "own";
    if (part instanceof Uint8Array) return Buffer.from(part).toString("latin1");
    return typeof part === "bigint" ? String(part) : part;
  });
  return JSON.parse(text) as unknown;
}
