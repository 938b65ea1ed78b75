// The buffer between a watch's producer and its consumer: in whatever order they come to it, what the consumer takes
// adds up to what was put in, and what waits stays within its limits.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Entry, Snapshot, StoreEvent, WatchResult } from "../../../daemon/store/port.ts";
import { WatchBuffer } from "../../../daemon/store/watch-buffer.ts";

const entry = (key: string, revision: bigint): Entry => ({
  key,
  value: `${revision}`,
  modRevision: revision,
  createRevision: revision,
  lease: 0n,
});

const action = fc.oneof(
  fc.record({
    do: fc.constant("events" as const),
    keys: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 6 }),
  }),
  fc.record({ do: fc.constant("take" as const), keys: fc.constant([]) }),
  fc.record({ do: fc.constant("snapshot" as const), keys: fc.constant([]) }),
);

test("what is taken adds up to what was put in", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const buffer = new WatchBuffer(() => {}, { events: 8, characters: 1_000 });
      const truth = new Map<string, Entry>();
      const state = new Map<string, Entry>();
      const pending: Promise<void>[] = [];
      let revision = 1n;
      // The producer's side of the contract: after a refused batch, nothing but a snapshot.
      let behind = true;
      const snapshot = (): Snapshot => ({
        type: "snapshot",
        revision,
        config: undefined,
        entries: [...truth.values()],
      });
      const apply = (result: IteratorResult<WatchResult>): void => {
        if (result.done === true) return;
        if (result.value.type === "snapshot") {
          state.clear();
          for (const each of result.value.entries) state.set(each.key, each);
          return;
        }
        expect(result.value.events.length).toBeLessThanOrEqual(8);
        for (const event of result.value.events) {
          if (event.type === "put") state.set(event.entry.key, event.entry);
          else state.delete(event.key);
        }
      };
      const take = (): void => void pending.push(buffer.next().then(apply));
      for (const { do: kind, keys } of actions) {
        if (kind === "take") take();
        if (kind === "snapshot" && behind) {
          buffer.snapshot(snapshot());
          behind = false;
        }
        if (kind === "events") {
          const events = keys.map((key): StoreEvent => {
            revision += 1n;
            const exists = truth.delete(key);
            if (exists) return { type: "delete", key, modRevision: revision };
            truth.set(key, entry(key, revision));
            return { type: "put", entry: entry(key, revision) };
          });
          if (!behind) behind = !buffer.events({ type: "events", revision, events });
        }
      }
      if (behind) buffer.snapshot(snapshot());
      // Enough takes to empty it: what waits is one snapshot and one batch at most.
      take();
      take();
      await new Promise((resolve) => setImmediate(resolve));
      buffer.end();
      await Promise.all(pending);
      expect(state).toEqual(truth);
    }),
    { numRuns: 500 },
  );
});

test("hungry tells of a consumer that waits, and of the end", async () => {
  const buffer = new WatchBuffer(() => {});
  let fed = 0;
  void buffer.hungry().then(() => fed++);
  await new Promise((resolve) => setImmediate(resolve));
  expect(fed).toBe(0);
  const taken = buffer.next();
  await buffer.hungry();
  expect(fed).toBe(1);
  buffer.snapshot({ type: "snapshot", revision: 1n, config: undefined, entries: [] });
  expect((await taken).value).toMatchObject({ revision: 1n });
  const waiting = buffer.hungry();
  buffer.end();
  await waiting;
  expect(await buffer.next()).toEqual({ done: true, value: undefined });
});
