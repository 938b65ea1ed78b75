// One watch stream of etcd, from its opening to its end: fragments joined, progress asked for, silence noticed, and the
// cases told apart in which events may have been missed. What happens between two streams is follow.ts's business.
// Source: etcd's watch semantics (API guarantees, rpc.proto) and clientv3's watch.go for what servers really send.
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Events, ReleaseMark, StoreEvent } from "../port.ts";
import type { EtcdClient } from "./client.ts";
import { EtcdError, etcdError, etcdMalformed } from "./errors.ts";
import { type Event, Event_EventType } from "./generated/kv_pb.js";
import { Watch, type WatchRequestSchema, type WatchResponse } from "./generated/rpc_pb.js";
import type { Keyspace } from "./keyspace.ts";
import { RequestQueue } from "./request-queue.ts";

type WatchRequest = MessageInitShape<typeof WatchRequestSchema>;

/** How far a watch has come, and on which copy of the store. */
export interface Position {
  /** Everything up to here is known. */
  revision: bigint;
  /**
   * The last change that is known, undefined while none is. A store restored from a backup may be past `revision` by the
   * time it is seen again, with the same cluster id and term: only its history tells that it is another one.
   */
  last: Event | undefined;
  clusterId: bigint;
  term: bigint;
  /** Just listed, so a member that lags behind the listing is no sign of a restored backup. */
  fresh: boolean;
}

export interface SessionHooks {
  /** The server watches for us. */
  onCreated(): void;
  /** It has told something since: the connection is good. */
  onAlive(): void;
  /** Takes events; false when the consumer is too far behind. */
  onEvents(events: Events): boolean;
}

/** Why only a new snapshot helps: history compacted, another copy of the store, or a consumer too far behind. */
export type SessionEnd = "compacted" | "restored" | "behind";

/**
 * Watches from `position` on, which it moves along. Resolves when a snapshot is needed; rejects with an EtcdError when
 * the stream fails, after which another session can go on from `position`.
 */
export async function watchSession(
  client: EtcdClient,
  keyspace: Keyspace,
  position: Position,
  signal: AbortSignal,
  hooks: SessionHooks,
): Promise<SessionEnd> {
  const scope = new AbortController();
  const both = AbortSignal.any([signal, scope.signal]);
  let requests = new RequestQueue<WatchRequest>();
  const begin = (): AsyncIterable<WatchRequest> => {
    requests.end();
    requests = new RequestQueue();
    requests.push(createRequest(keyspace, startOf(position)));
    return requests;
  };
  const stream = await client.stream(Watch.method.watch, begin, both);
  const session = new Session(stream.endpoint, keyspace, position, hooks, client.limits.message);
  let heard = client.clock.monotonic();
  const watchdog = guard();
  try {
    for await (const response of stream.responses) {
      heard = client.clock.monotonic();
      const end = session.take(response);
      if (end !== undefined) return end;
    }
    throw new EtcdError("ERR_STORE_UNAVAILABLE", `etcd at ${stream.endpoint}: it ended the watch`, {});
  } catch (thrown) {
    signal.throwIfAborted();
    const error = etcdError(stream.endpoint, scope.signal.aborted ? scope.signal.reason : thrown);
    if (error.code === "ERR_STORE_AUTH") client.forgetToken();
    else stream.failed();
    throw error;
  } finally {
    requests.end();
    scope.abort();
    await watchdog;
  }

  /** Asks for a word when there was none for a while, and ends the session when none comes. */
  async function guard(): Promise<void> {
    const { watchProgress, watchSilence } = client.limits;
    for (;;) {
      const silent = client.clock.monotonic() - heard;
      if (silent >= watchSilence) {
        const text = `etcd at ${stream.endpoint}: not a word on the watch for ${watchSilence / 1_000} s`;
        scope.abort(new EtcdError("ERR_STORE_UNAVAILABLE", text, { fields: { endpoint: stream.endpoint } }));
        return;
      }
      const next = silent < watchProgress ? watchProgress : watchSilence;
      if (silent >= watchProgress) requests.push({ requestUnion: { case: "progressRequest", value: {} } });
      try {
        await client.clock.sleep(Math.min(next - silent, watchProgress), both);
      } catch {
        return;
      }
    }
  }
}

/** After a listing from there on; after a lost stream from the last change, to see that it is still there. */
function startOf(position: Position): bigint {
  return position.fresh ? position.revision : (position.last?.kv?.modRevision ?? position.revision);
}

function createRequest(keyspace: Keyspace, known: bigint): WatchRequest {
  return {
    requestUnion: {
      case: "createRequest",
      value: {
        key: keyspace.start,
        rangeEnd: keyspace.end,
        // The revision known already, not the one after it: etcd forgets a deletion at the very revision that it
        // compacts at, and says so only to a watch that asks for an older one (etcd issue 18089).
        startRevision: known,
        progressNotify: true,
        fragment: true,
      },
    },
  };
}

class Session {
  readonly #endpoint: string;
  readonly #keyspace: Keyspace;
  readonly #position: Position;
  readonly #hooks: SessionHooks;
  readonly #limit: number;
  #watchId: bigint | undefined;
  /** The change that must come first, for this to be the history that is known. */
  #expected: Event | undefined;
  #fragments: Event[] = [];
  #bytes = 0;

  constructor(endpoint: string, keyspace: Keyspace, position: Position, hooks: SessionHooks, limit: number) {
    this.#endpoint = endpoint;
    this.#keyspace = keyspace;
    this.#position = position;
    this.#hooks = hooks;
    this.#limit = limit;
    if (!position.fresh) this.#expected = position.last;
  }

  take(response: WatchResponse): SessionEnd | undefined {
    const { header } = response;
    if (header === undefined) throw etcdMalformed(this.#endpoint, "an answer on the watch lacks its header");
    // Created and canceled can come in one answer, and a refused watch has no id of its own.
    if (response.canceled) {
      if (response.compactRevision > 0n) return "compacted";
      throw etcdError(this.#endpoint, new Error(response.cancelReason || "it canceled the watch without a reason"));
    }
    if (response.created) return this.#created(response);
    // Answers to a progress request bear another id. They are a sign of life and no more: before 3.4.25 and 3.5.8 etcd
    // sends them ahead of events that they claim to follow (etcd issue 15220).
    if (this.#watchId === undefined) return undefined;
    // Nothing to tell, and the change that must come first has not come: it is not in this history.
    if (this.#expected !== undefined && response.events.length === 0 && !response.fragment) return "restored";
    if (response.watchId !== this.#watchId) return undefined;
    this.#hooks.onAlive();
    if (response.events.length === 0 && !response.fragment) {
      if (this.#fragments.length === 0 && header.revision > this.#position.revision) {
        this.#position.revision = header.revision;
      }
      return undefined;
    }
    return this.#events(response);
  }

  #created(response: WatchResponse): SessionEnd | undefined {
    const { header } = response;
    const position = this.#position;
    if (header === undefined) return undefined;
    const isBehind = header.revision < position.revision && !position.fresh;
    // A term only grows, also at a member that lags: a listing and a watch of it brings the member up to date.
    const isOther = header.clusterId !== position.clusterId || header.raftTerm < position.term;
    if (isOther || isBehind) return "restored";
    this.#watchId = response.watchId;
    position.fresh = false;
    if (header.raftTerm > position.term) position.term = header.raftTerm;
    this.#hooks.onCreated();
    return undefined;
  }

  #events(response: WatchResponse): SessionEnd | undefined {
    for (const event of response.events) {
      this.#fragments.push(event);
      this.#bytes += (event.kv?.key.length ?? 0) + (event.kv?.value.length ?? 0);
    }
    if (this.#bytes > this.#limit) return "behind";
    if (response.fragment) return undefined;
    if (!this.#isKnownHistory()) return "restored";
    const events: StoreEvent[] = [];
    const released: ReleaseMark[] = [];
    const known = this.#position.revision;
    for (const event of this.#fragments) {
      const revision = event.kv?.modRevision ?? 0n;
      if (revision <= known) continue;
      if (revision > this.#position.revision) this.#position.revision = revision;
      this.#position.last = event;
      const shown = this.#keyspace.eventOf(event);
      if (shown !== undefined) events.push(shown);
      else if (event.kv !== undefined && event.type === Event_EventType.PUT) {
        const mark = this.#keyspace.markOf(event.kv);
        if (mark !== undefined) released.push(mark);
      }
    }
    this.#fragments = [];
    this.#bytes = 0;
    if (events.length === 0 && released.length === 0) return undefined;
    // The revision of the last event, not of the header: a watch that catches up gets old events under today's header.
    const { revision } = this.#position;
    const batch: Events = { type: "events", revision, events, ...(released.length === 0 ? {} : { released }) };
    return this.#hooks.onEvents(batch) ? undefined : "behind";
  }

  /** What comes first after a lost stream is the last change before it, and nothing else that should be known. */
  #isKnownHistory(): boolean {
    const expected = this.#expected;
    if (expected === undefined || this.#fragments.length === 0) return true;
    this.#expected = undefined;
    const at = expected.kv?.modRevision ?? 0n;
    return (
      this.#fragments.some((event) => isSame(event, expected)) &&
      this.#fragments.every(
        ({ kv }) => kv === undefined || kv.modRevision === at || kv.modRevision > this.#position.revision,
      )
    );
  }
}

function isSame(a: Event, b: Event): boolean {
  const [one, other] = [a.kv, b.kv];
  if (one === undefined || other === undefined || a.type !== b.type) return false;
  if (one.modRevision !== other.modRevision || Buffer.compare(one.key, other.key) !== 0) return false;
  if (a.type === Event_EventType.DELETE) return true;
  const { createRevision, version, lease, value } = one;
  return (
    createRevision === other.createRevision &&
    version === other.version &&
    lease === other.lease &&
    Buffer.compare(value, other.value) === 0
  );
}
