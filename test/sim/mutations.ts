// Faulty variants of the code under test, put in at a port: the simulator has to find each of them, or it proves
// nothing about the code without them.
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { EtcdOptions } from "../../daemon/store/etcd/options.ts";
import type { Snapshot, SubnetStore, WatchOptions, WatchResult } from "../../daemon/store/port.ts";

export interface Mutation {
  /** A store client in the place of the real one. */
  readonly store?: (store: SubnetStore) => SubnetStore;
  /** What the daemon gets in the place of a store client that was listened to. */
  readonly heard?: (store: SubnetStore) => SubnetStore;
  readonly etcdOptions?: (connect: NonNullable<EtcdOptions["connect"]>) => Partial<EtcdOptions>;
  /** What a file is read as. */
  readonly read?: (text: string | undefined) => string | undefined;
}

export const NONE: Mutation = {};

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  /** Writes without comparing: over whatever is there. */
  "no compare-and-swap": {
    store: (store) =>
      variant(store, {
        put: async (key, value, options, signal) => {
          for (;;) {
            const { entries } = await store.snapshot(signal);
            const expect = entries.find((entry) => entry.key === key)?.modRevision ?? 0n;
            const result = await store.put(key, value, { ...options, expect }, signal);
            if (result.ok) return result;
          }
        },
      }),
  },
  /** A store that cannot be read holds nothing. */
  "failed read is empty": {
    store: (store) =>
      variant(store, {
        snapshot: (signal) => store.snapshot(signal).catch(() => EMPTY),
        watch: (options) => emptyOnTrouble(store, options),
      }),
  },
  /** A watch that is told of compaction goes on from where history begins. */
  "compaction is ignored": {
    etcdOptions: (connect) => {
      const seen = { compacted: 0n };
      return { connect: async (endpoint) => pastCompaction(await connect(endpoint), seen) };
    },
  },
  /** A lease that the store says is gone counts as renewed. */
  "lost lease is renewed": {
    store: (store) =>
      variant(store, { keepAlive: async (lease, signal) => Math.max(await store.keepAlive(lease, signal), 30) }),
  },
  /** Any free subnet is as good as another. */
  "release marks are not read": {
    heard: (store) =>
      variant(store, {
        snapshot: async (signal) => {
          const { released: _released, ...snapshot } = await store.snapshot(signal);
          return snapshot;
        },
      }),
  },
  /** What subnet the node had before is forgotten. */
  "subnet file is not read": { read: () => "" },
  /** A watch whose stream broke goes on without what it missed. */
  "missed events stay missed": {
    etcdOptions: (connect) => {
      const seen = { watches: 0 };
      return { connect: async (endpoint) => fromNow(await connect(endpoint), seen) };
    },
  },
};

const EMPTY: Snapshot = { type: "snapshot", revision: 1n, config: undefined, entries: [] };

function variant(store: SubnetStore, methods: Partial<SubnetStore>): SubnetStore {
  return {
    name: store.name,
    snapshot: store.snapshot.bind(store),
    put: store.put.bind(store),
    putConfig: store.putConfig.bind(store),
    delete: store.delete.bind(store),
    markReleased: store.markReleased.bind(store),
    keepAlive: store.keepAlive.bind(store),
    timeToLive: store.timeToLive.bind(store),
    revoke: store.revoke.bind(store),
    watch: store.watch.bind(store),
    close: store.close.bind(store),
    ...methods,
  };
}

async function* emptyOnTrouble(store: SubnetStore, options: WatchOptions): AsyncGenerator<WatchResult> {
  let last: WatchResult | undefined;
  let isFailed = false;
  for await (const result of store.watch({
    ...options,
    onTrouble: (error) => {
      isFailed = error !== undefined;
      options.onTrouble?.(error);
    },
  })) {
    if (isFailed && last !== undefined) {
      yield { type: "snapshot", revision: last.revision, config: undefined, entries: [] };
      isFailed = false;
    }
    last = result;
    yield result;
  }
}

/** The requests of a watch as they were meant, but from another revision. */
function restarted(transport: Transport, from: (asked: bigint) => bigint): Transport {
  return {
    unary: transport.unary.bind(transport),
    stream: (method, signal, timeout, header, input) =>
      transport.stream(
        method,
        signal,
        timeout,
        header,
        method.name === "Watch" ? (shifted(input, from) as never) : input,
      ),
  };
}

async function* shifted(input: AsyncIterable<unknown>, from: (asked: bigint) => bigint): AsyncGenerator {
  for await (const request of input) {
    const { requestUnion } = request as { requestUnion: { case: string; value: { startRevision: bigint } } };
    if (requestUnion.case !== "createRequest") yield request;
    else {
      const { value } = requestUnion;
      yield { requestUnion: { ...requestUnion, value: { ...value, startRevision: from(value.startRevision) } } };
    }
  }
}

function pastCompaction(transport: Transport, seen: { compacted: bigint }): Transport {
  const past = restarted(transport, (asked) => (asked < seen.compacted ? seen.compacted : asked));
  return {
    unary: transport.unary.bind(transport),
    stream: async (method, signal, timeout, header, input) => {
      const response = await past.stream(method, signal, timeout, header, input);
      if (method.name !== "Watch") return response;
      const message = heeding(response.message as AsyncIterable<Cancelable>, (revision) => (seen.compacted = revision));
      return { ...response, message: message as never };
    },
  };
}

interface Cancelable {
  readonly canceled: boolean;
  readonly compactRevision: bigint;
}

/** Says that the stream broke where the server said that history is gone. */
async function* heeding(
  messages: AsyncIterable<Cancelable>,
  onCompacted: (revision: bigint) => void,
): AsyncGenerator<Cancelable> {
  for await (const message of messages) {
    if (message.canceled && message.compactRevision > 0n) {
      onCompacted(message.compactRevision);
      throw new ConnectError("the watch was canceled", Code.Unavailable);
    }
    yield message;
  }
}

/** Each watch after the first begins some revisions later than it should. */
function fromNow(transport: Transport, seen: { watches: number }): Transport {
  return restarted(transport, (asked) => (seen.watches++ === 0 ? asked : asked + 2n));
}
