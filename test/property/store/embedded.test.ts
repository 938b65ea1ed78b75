// The embedded store's engine against a model of etcd: random operations, then watches over what happened, before and
// after the store has been closed and opened again.
import { rmSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Engine } from "../../../daemon/store/embedded/engine.ts";
import { RefusedError } from "../../../daemon/store/embedded/errors.ts";
import { openEmbeddedStore } from "../../../daemon/store/embedded/open.ts";
import type { ResponseOp, WatchResponse } from "../../../daemon/store/embedded/types.ts";
import { freshDirectory } from "../../support/embedded.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { anyOperation, anyWatch, type Operation, type WatchOperation } from "../../support/store-operations.ts";
import { EtcdModel } from "./etcd-model.ts";

let directory: string;
let runs = 0;

beforeEach(() => {
  directory = freshDirectory();
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

test("the engine is equal to the model, and stays so over a restart", async () => {
  const sequence = fc.array(anyOperation, { minLength: 1, maxLength: 60, size: "max" });
  const watches = fc.array(anyWatch, { minLength: 1, maxLength: 4, size: "max" });
  await fc.assert(
    fc.asyncProperty(sequence, sequence, watches, async (before, after, watched) => {
      const dataDir = join(directory, String(++runs));
      const model = new EtcdModel();
      const now = () => ({ current: model.revision, prefix: "/", leaseBase: 10n });
      for (const operations of [before, after]) {
        const store = openEmbeddedStore({ dataDir, clock: new ManualClock() });
        try {
          expect(store.engine.revision).toBe(model.revision);
          for (const at of operations) {
            const operation = at(now());
            const outcome = await perform(store.engine, operation);
            expect({ operation, outcome }).toEqual({ operation, outcome: model.perform(operation) });
          }
          for (const at of watched) {
            const watch = at(now());
            expect({ watch, events: await replay(store.engine, watch) }).toEqual({ watch, events: model.watch(watch) });
          }
        } finally {
          await store.close();
        }
      }
    }),
    { numRuns: 250 },
  );
});

async function perform(engine: Engine, operation: Operation): Promise<unknown> {
  try {
    return { answer: withoutHeaders(await ask(engine, operation)), revision: engine.revision };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { refusal: error.refusal, revision: engine.revision };
  }
}

async function ask(engine: Engine, operation: Operation): Promise<unknown> {
  switch (operation.do) {
    case "range":
      return engine.range(operation.request);
    case "put":
      return await engine.put(operation.request);
    case "deleteRange":
      return await engine.deleteRange(operation.request);
    case "txn":
      return await engine.txn(operation.request);
    case "compact":
      return await engine.compact(operation.revision, true);
    case "grant":
      return (await engine.leases.grant(100n, operation.id)).id;
    case "revoke":
      return await engine.leases.revoke(operation.id);
    case "leaseKeys":
  }
  const { ttl, keys } = engine.leases.status(operation.id, true);
  return ttl < 0n ? "no lease" : keys.map((key) => Buffer.from(key).toString("latin1"));
}

/** Headers are compared as the store's revision, and answer by answer against etcd itself. */
function withoutHeaders(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return answer;
  const { header: _, ...rest } = answer as Record<string, unknown>;
  if (!("responses" in rest)) return rest;
  const responses = (rest["responses"] as ResponseOp[]).map(({ response }) => withoutHeaders(response.value));
  return { ...rest, responses };
}

/** All events up to now: the answer to a request for progress says that there are no more. */
async function replay(engine: Engine, watch: WatchOperation): Promise<unknown> {
  const session = engine.watch();
  const answers: WatchResponse[] = [];
  await session.create(watch);
  session.requestProgress();
  for await (const answer of session.responses()) {
    if (answer.compactRevision !== undefined) return { compactRevision: answer.compactRevision };
    if (answer.watchId === -1n) break;
    answers.push(answer);
  }
  engine.end(session);
  return answers.flatMap(({ events }) => events);
}
