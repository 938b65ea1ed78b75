// The etcd client against servers that send rubbish: bytes that are no HTTP/2, HTTP/2 that is no gRPC, gRPC that is no
// protobuf, protobuf that is no answer. Every call ends in an answer of the right shape or in a LodenError, a watch
// never shows a state that no server told, and the process lives.
import { once } from "node:events";
import {
  createServer as createHttp2,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createTcp, type Server, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  LeaseKeepAliveResponseSchema,
  RangeResponseSchema,
  TxnResponseSchema,
  WatchResponseSchema,
} from "../../../daemon/store/etcd/generated/rpc_pb.js";
import { EtcdSubnetStore } from "../../../daemon/store/etcd/subnet-store.ts";
import type { WatchResult } from "../../../daemon/store/port.ts";
import { LodenError } from "../../../spec/errors.ts";
import { header } from "../../support/fake-etcd.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ownLoopback } from "../../support/store-server.ts";

/** What the server does with a request. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
  readonly trailers: Record<string, string>;
  readonly ending: "end" | "reset" | "destroy" | "goaway" | "hang";
}

let http2: Http2Server;
let tcp: Server;
let answer: Answer;
let noise: Uint8Array;
const sessions = new Set<ServerHttp2Session>();

beforeAll(async () => {
  http2 = createHttp2();
  http2.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  http2.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.resume();
    const { status, type, body, trailers, ending } = answer;
    if (ending === "destroy") return stream.session?.destroy();
    // Node (26.10) aborts when a server resets a stream of its own that still owes trailers.
    stream.respond({ ":status": status, "content-type": type }, { waitForTrailers: ending !== "reset" });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    if (ending === "goaway") stream.session?.goaway(11, 0, Buffer.from("too_many_pings"));
    if (ending === "reset") stream.write(body, () => stream.close(2));
    else if (ending === "hang") stream.write(body);
    else stream.end(body);
    return undefined;
  });
  tcp = createTcp((socket: Socket) => {
    socket.on("error", () => {});
    socket.resume();
    socket.end(noise);
  });
  for (const server of [http2, tcp]) {
    server.listen(0, ownLoopback());
    await once(server, "listening");
  }
});

afterAll(async () => {
  for (const session of sessions) session.destroy();
  for (const server of [http2, tcp]) {
    server.close();
    await once(server, "close");
  }
});

function endpointOf(server: Http2Server | Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the server is closed");
  return `http://${bound.address}:${bound.port}`;
}

/** gRPC's framing: not compressed, the length, the message. */
function frame(message: Uint8Array, length = message.length): Uint8Array {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** Calls everything there is. Returns what came of each; only LodenErrors are let pass. */
async function exercise(endpoint: string): Promise<WatchResult[]> {
  const clock = new ManualClock();
  const store = new EtcdSubnetStore({ endpoints: [endpoint], prefix: "/n", clock, random: { next: () => 0.5 } });
  const stop = new AbortController();
  const results: WatchResult[] = [];
  const watching = (async () => {
    for await (const result of store.watch({ signal: stop.signal, onTrouble: check })) results.push(result);
  })();
  const calls = [
    store.snapshot(),
    store.put("k", "v", { expect: 0n, ttl: undefined }),
    store.put("k", "v", { expect: 1n, ttl: 60 }),
    store.delete("k", 1n),
    store.keepAlive(7n),
    store.timeToLive(7n),
    store.revoke(7n),
    store.putConfig("{}"),
  ].map((call) => call.then(() => {}, check));
  let pending = calls.length;
  for (const call of calls) void call.finally(() => pending--).catch(() => {});
  await clock.until(() => pending === 0, 200);
  await Promise.all(calls);
  stop.abort();
  await watching;
  await store.close();
  return results;
}

function check(error: unknown): void {
  if (error === undefined) return;
  expect(error).toBeInstanceOf(LodenError);
  expect((error as LodenError).message).toContain("etcd at http://127.");
}

const ok = { status: 200, type: "application/grpc+proto", trailers: { "grpc-status": "0" }, ending: "end" } as const;

const messages = [
  toBinary(
    RangeResponseSchema,
    create(RangeResponseSchema, { header: header(9n), kvs: [{ key: Buffer.from("/n/subnets/a"), modRevision: 9n }] }),
  ),
  toBinary(TxnResponseSchema, create(TxnResponseSchema, { header: header(9n), succeeded: true })),
  toBinary(
    WatchResponseSchema,
    create(WatchResponseSchema, {
      header: header(9n),
      created: true,
      events: [{ kv: { key: Buffer.from("/n/subnets/a") } }],
    }),
  ),
  toBinary(LeaseKeepAliveResponseSchema, create(LeaseKeepAliveResponseSchema, { header: header(9n), ID: 7n, TTL: 5n })),
];

const bytes = fc.uint8Array({ maxLength: 60 });
const mutated = fc
  .tuple(fc.constantFrom(...messages), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }), fc.nat(200))
  .map(([message, changes, cut]) => {
    const copy = Uint8Array.from(message);
    for (const [at, byte] of changes) copy[at % copy.length] = byte;
    return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
  });
const body = fc.oneof(
  bytes,
  mutated.map((message) => frame(message)),
  fc.array(mutated, { maxLength: 4 }).map((many) => Buffer.concat(many.map((message) => frame(message)))),
  fc.tuple(bytes, fc.nat(2 ** 31)).map(([message, length]) => frame(message, length)),
);
const answers: fc.Arbitrary<Answer> = fc.record({
  status: fc.constantFrom(200, 200, 200, 204, 404, 503),
  type: fc.constantFrom("application/grpc+proto", "application/grpc", "text/html", "application/grpc+json"),
  body,
  trailers: fc.oneof(
    fc.constant({ "grpc-status": "0" }),
    fc.constant({}),
    fc.record({
      "grpc-status": fc.constantFrom("14", "16", "99", "x", "-1"),
      "grpc-message": fc.constantFrom("", "%zz", "etcdserver: no leader"),
    }),
  ) as fc.Arbitrary<Record<string, string>>,
  ending: fc.constantFrom("end", "end", "end", "reset", "destroy", "goaway", "hang"),
});

describe("rubbish from a server", () => {
  test("that speaks no HTTP/2", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (sent) => {
        noise = sent;
        expect(await exercise(endpointOf(tcp))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test("that speaks HTTP/2, but not etcd's gRPC", async () => {
    await fc.assert(
      fc.asyncProperty(answers, async (chosen) => {
        answer = chosen;
        for (const result of await exercise(endpointOf(http2))) {
          // A listing that survived its mutation is one; it has a revision, and nothing without a name.
          expect(result.revision).toBeGreaterThan(0n);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("that answers every call with nothing at all is no empty store", async () => {
    answer = { ...ok, body: frame(new Uint8Array()) };
    expect(await exercise(endpointOf(http2))).toEqual([]);
  });
});
