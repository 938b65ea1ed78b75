// Reading a whole network at one revision: one Range, or as many pages as it takes, all pinned to the first one's
// revision. Compaction can overtake a long read; it starts anew then.
import type { Entry, ReleaseMark, Snapshot } from "../port.ts";
import { CONFIG_KEY } from "../record-key.ts";
import type { EtcdClient } from "./client.ts";
import { EtcdError, etcdMalformed } from "./errors.ts";
import type { KeyValue } from "./generated/kv_pb.js";
import { KV, type ResponseHeader } from "./generated/rpc_pb.js";
import { entryOf, type Keyspace } from "./keyspace.ts";
import { Code, ConnectError } from "@connectrpc/connect";

export interface Listing {
  readonly snapshot: Snapshot;
  /** The header of the (last) answer: which copy of the store this is. */
  readonly header: ResponseHeader;
  /** The record written last, whether or not it is one of the snapshot's; undefined when there is none. */
  readonly newest: KeyValue | undefined;
}

/** Times that a read is begun again because its revision was compacted under it, or the store was restored. */
const TRIES = 3;

/** Everything there is. Rejects with an EtcdError, never returning part of it. */
export async function list(client: EtcdClient, keyspace: Keyspace, signal: AbortSignal | undefined): Promise<Listing> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(client, keyspace, signal);
    } catch (error) {
      if (!(error instanceof EtcdError) || error.code !== "ERR_STORE_COMPACTED" || attempt === TRIES) throw error;
    }
  }
}

async function listOnce(client: EtcdClient, keyspace: Keyspace, signal: AbortSignal | undefined): Promise<Listing> {
  const entries: Entry[] = [];
  const marks: ReleaseMark[] = [];
  let config: Entry | undefined;
  let newest: KeyValue | undefined;
  let key = keyspace.start;
  let limit = client.limits.page;
  let revision = 0n;
  let first: ResponseHeader | undefined;
  for (;;) {
    const request = { key, rangeEnd: keyspace.end, limit: BigInt(limit), revision };
    let page;
    try {
      page = await client.unary(KV.method.range, request, { signal, repeatable: true });
    } catch (error) {
      if (!isTooBig(error) || limit === 1) throw error;
      limit = Math.ceil(limit / 8);
      continue;
    }
    revision ||= page.header.revision;
    first ??= page.header;
    // The same revision on another copy of the store is another state.
    if (page.header.clusterId !== first.clusterId || page.header.raftTerm < first.raftTerm) {
      throw new EtcdError("ERR_STORE_COMPACTED", `etcd at ${client.name}: it was restored while it was read`, {});
    }
    for (const kv of page.kvs) {
      if (newest === undefined || kv.modRevision > newest.modRevision) newest = kv;
      const name = keyspace.nameOf(kv.key);
      const mark = name === undefined ? keyspace.markOf(kv) : undefined;
      if (name === CONFIG_KEY) config = entryOf(name, kv);
      else if (name !== undefined) entries.push(entryOf(name, kv));
      else if (mark !== undefined) marks.push(mark);
    }
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) {
      const released = marks.length === 0 ? {} : { released: marks.toSorted(byRevision) };
      return {
        snapshot: { type: "snapshot", revision, config, entries, ...released },
        header: page.header,
        newest: newest && copied(newest),
      };
    }
    // Keys come in order; a server that gives the same ones again would be read for ever.
    if (Buffer.compare(last.key, key) < 0) throw etcdMalformed(client.name, "a page of records is not in key order");
    key = Buffer.concat([last.key, Uint8Array.of(0)]);
  }
}

/** Free of the answer that it is a part of, which is a megabyte and would be kept with it. */
function copied(record: KeyValue): KeyValue {
  return { ...record, key: record.key.slice(), value: record.value.slice() };
}

function byRevision(a: ReleaseMark, b: ReleaseMark): number {
  return a.modRevision < b.modRevision ? -1 : 1;
}

/** The transport refused to read so big an answer: records are larger than leases are. */
function isTooBig(error: unknown): boolean {
  return (
    error instanceof EtcdError &&
    error.cause instanceof ConnectError &&
    error.cause.code === Code.ResourceExhausted &&
    !error.message.includes("etcdserver:")
  );
}
