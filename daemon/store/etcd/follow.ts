// The endless watch: list, watch from there, go on after a lost stream, and list again when something may have been
// missed. A failure only ever means that it is tried again; the consumer is never told of a store that is empty
// because it could not be read.
import { create } from "@bufbuild/protobuf";
import type { Random } from "../../clock.ts";
import { Backoff } from "../backoff.ts";
import type { WatchOptions } from "../port.ts";
import type { WatchBuffer } from "../watch-buffer.ts";
import type { EtcdClient } from "./client.ts";
import { etcdError } from "./errors.ts";
import { Event_EventType, EventSchema } from "./generated/kv_pb.js";
import type { Keyspace } from "./keyspace.ts";
import { list } from "./read.ts";
import { type Position, watchSession } from "./watch.ts";

/** Feeds `buffer` until `signal` aborts. */
export async function follow(
  client: EtcdClient,
  keyspace: Keyspace,
  buffer: WatchBuffer,
  random: Random,
  options: WatchOptions,
): Promise<void> {
  const { signal, onTrouble } = options;
  const backoff = new Backoff(client.clock, random);
  let position: Position | undefined;
  let restored: true | undefined;
  let trouble = false;
  // Listings since the last sign of a working watch: one is normal, a second in a row must wait.
  let listings = 0;
  const hooks = {
    onCreated: (): void => {
      if (trouble) onTrouble?.(undefined);
      trouble = false;
    },
    onAlive: (): void => {
      backoff.reset();
      listings = 0;
    },
    onEvents: buffer.events.bind(buffer),
  };
  // Of the connections that the try at hand is made on: given up meanwhile, the next try need not wait.
  let { reconnected } = client;
  const wait = async (): Promise<void> => {
    await backoff.wait(AbortSignal.any([signal, reconnected])).catch(() => {});
    if (reconnected.aborted) backoff.reset();
  };
  while (!signal.aborted) {
    reconnected = client.reconnected;
    try {
      if (position === undefined) {
        if (listings > 1) await wait();
        listings += 1;
        // The consumer may be busy: what it gets should be what there is when it comes.
        await buffer.hungry();
        const { snapshot, header, newest } = await list(client, keyspace, signal);
        buffer.snapshot(restored ? { ...snapshot, restored } : snapshot);
        restored = undefined;
        const { clusterId, raftTerm } = header;
        const last = newest && create(EventSchema, { type: Event_EventType.PUT, kv: newest });
        position = { revision: snapshot.revision, last, clusterId, term: raftTerm, fresh: true };
      }
      const end = await watchSession(client, keyspace, position, signal, hooks);
      if (end === "restored") restored = true;
      position = undefined;
    } catch (thrown) {
      if (signal.aborted) return;
      // Whatever comes back may be another copy of the store; without a change to know it by, only a listing tells.
      if (position?.last === undefined) position = undefined;
      else position.fresh = false;
      trouble = true;
      onTrouble?.(etcdError(client.name, thrown));
      await wait();
    }
  }
}
