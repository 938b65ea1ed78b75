// `loden store` as a server: what it does with many, slow, broken and hostile clients, its process life, and TLS.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority, pemText } from "../support/certificates.ts";
import { type RawEtcd, rawEtcd } from "../support/etcd-raw.ts";
import { bytes, freshDirectory, TemporaryStore, text } from "../support/embedded.ts";
import { startLodenStore } from "../support/loden-store.ts";
import { runProcess, type Started, startProcess } from "../support/processes.ts";
import { ownLoopback, type StoreServer } from "../support/store-server.ts";

const LODEN = fileURLToPath(new URL("../../daemon/cli/loden.ts", import.meta.url));

let server: StoreServer;
let client: RawEtcd;

beforeAll(async () => {
  server = await startLodenStore();
  client = rawEtcd(server.endpoint);
});

afterAll(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

/** Keeps a request stream open after its first message. */
async function* openStream<T>(first: T): AsyncGenerator<T, void> {
  yield first;
  await new Promise(() => undefined);
}

function watchKey(etcd: RawEtcd, key: string, rangeEnd = "", startRevision = 0n) {
  const value = { key: bytes(key), rangeEnd: bytes(rangeEnd), startRevision };
  const stop = new AbortController();
  const request = openStream({ requestUnion: { case: "createRequest" as const, value } });
  const answers = etcd.watch.watch(request, { signal: stop.signal })[Symbol.asyncIterator]();
  return { answers, stop: () => stop.abort() };
}

/** However it comes to that: an error before it, such as a connection that the server resets, is none of a test's. */
function closed(stream: net.Socket | http2.ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => void stream.once("close", () => resolve()));
}

/** The store answers as ever. */
async function expectWell(): Promise<void> {
  const other = rawEtcd(server.endpoint);
  await other.kv.put({ key: bytes("well"), value: bytes("yes") });
  expect((await other.kv.range({ key: bytes("well") })).kvs.map(({ value }) => text(value))).toEqual(["yes"]);
  other.close();
}

describe("watchers", () => {
  test("500 streams on one connection each get each event", async () => {
    const watches = Array.from({ length: 500 }, () => watchKey(client, "many"));
    const created = await Promise.all(watches.map(({ answers }) => answers.next()));
    expect(created.every(({ value }) => value?.created === true)).toBe(true);
    for (let round = 0; round < 3; round++) {
      const next = watches.map(({ answers }) => answers.next());
      await client.kv.put({ key: bytes("many"), value: bytes(String(round)) });
      const values = (await Promise.all(next)).map(({ value }) => text(value?.events[0]?.kv?.value ?? bytes("none")));
      expect(new Set(values)).toEqual(new Set([String(round)]));
    }
    for (const watch of watches) watch.stop();
  });

  test("500 watches on one stream each get each event", async () => {
    const stop = new AbortController();
    const requests = async function* () {
      for (let count = 0; count < 500; count++) {
        yield { requestUnion: { case: "createRequest" as const, value: { key: bytes("one") } } };
      }
      yield* openStream({ requestUnion: { case: "progressRequest" as const, value: {} } });
    };
    const seen = new Set<bigint>();
    let created = 0;
    for await (const answer of client.watch.watch(requests(), { signal: stop.signal })) {
      if (answer.created) created++;
      else if (answer.watchId === -1n) await client.kv.put({ key: bytes("one"), value: bytes("v") });
      else seen.add(answer.watchId);
      if (seen.size === 500) break;
    }
    expect(created).toBe(500);
    stop.abort();
  });

  test("slow ones cost no memory, and get everything when they read", async () => {
    const slow = await startLodenStore();
    const etcd = rawEtcd(slow.endpoint);
    const writer = rawEtcd(slow.endpoint);
    const watches = Array.from({ length: 30 }, () => watchKey(etcd, "big/", "big0"));
    await Promise.all(watches.map(({ answers }) => answers.next()));
    const value = randomBytes(1_000_000);
    for (let count = 0; count < 60; count++) await writer.kv.put({ key: bytes(`big/${count % 3}`), value });
    // 30 watchers times 60 MB would be 1.8 GB.
    expect(residentMegabytes(slow)).toBeLessThan(500);
    const [first] = watches;
    const revisions: bigint[] = [];
    while (revisions.length < 60) {
      const answer = await first?.answers.next();
      if (answer === undefined || answer.done === true) throw new Error("the watch has ended");
      revisions.push(...answer.value.events.map(({ kv }) => kv?.modRevision ?? 0n));
    }
    expect(revisions).toEqual(Array.from({ length: 60 }, (_, index) => BigInt(index + 2)));
    for (const watch of watches) watch.stop();
    etcd.close();
    writer.close();
    await slow[Symbol.asyncDispose]();
  });

  test("a client that will ask no more goes on receiving", async () => {
    const requests = async function* () {
      yield { requestUnion: { case: "createRequest" as const, value: { key: bytes("half") } } };
    };
    const stop = new AbortController();
    const answers = client.watch.watch(requests(), { signal: stop.signal })[Symbol.asyncIterator]();
    expect((await answers.next()).value?.created).toBe(true);
    const next = answers.next();
    await client.kv.put({ key: bytes("half"), value: bytes("closed") });
    expect((await next).value?.events).toHaveLength(1);
    stop.abort();
  });

  test("streams of clients that go away are forgotten, however they go", async () => {
    await using temporary = new TemporaryStore();
    const { endpoint } = await temporary.store.listen({ host: ownLoopback(), port: 0 });
    const leaving = rawEtcd(endpoint);
    const watches = Array.from({ length: 50 }, () => watchKey(leaving, "k"));
    await Promise.all(watches.map(({ answers }) => answers.next()));
    expect(temporary.engine.streams).toBe(50);
    for (const watch of watches.slice(0, 25)) watch.stop();
    leaving.close();
    while (temporary.engine.streams > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

/** From the note in its directory. */
function pidOf({ directory }: StoreServer): number {
  const owner: unknown = JSON.parse(readFileSync(join(directory, "data/owner.json"), "utf8"));
  return (owner as { pid: number }).pid;
}

function residentMegabytes(of: StoreServer): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pidOf(of)}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

describe("limits", () => {
  test("a request of more than 1.5 MiB is refused in etcd's words", async () => {
    const put = (size: number) => client.kv.put({ key: bytes("large"), value: new Uint8Array(size) });
    await put(1_500_000);
    await expect(put(1_600_000)).rejects.toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: "etcdserver: request is too large",
    });
    await expect(put(3_000_000)).rejects.toMatchObject({ code: Code.ResourceExhausted });
    await expectWell();
  });

  test("a large range comes whole, or in pages", async () => {
    const value = "x".repeat(100);
    for (let round = 0; round < 50; round++) {
      const puts = Array.from({ length: 100 }, (_, index) => ({
        request: { case: "requestPut" as const, value: { key: bytes(`range/${round}/${index}`), value: bytes(value) } },
      }));
      await client.kv.txn({ success: puts });
    }
    const range = { key: bytes("range/"), rangeEnd: bytes("range0") };
    const { kvs, count, more } = await client.kv.range(range);
    expect([kvs.length, count, more]).toEqual([5000, 5000n, false]);
    const page = await client.kv.range({ ...range, limit: 10n });
    expect([page.kvs.length, page.count, page.more]).toEqual([10, 5000n, true]);
  });
});

describe("broken and hostile clients", () => {
  test("bytes that are no HTTP/2", async () => {
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const inputs = [
      Buffer.from("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"),
      ...Array.from({ length: 30 }, (_, index) => randomBytes(1 + index * 50)),
      ...Array.from({ length: 30 }, (_, index) => Buffer.concat([preface, randomBytes(1 + index * 50)])),
    ];
    await Promise.all(
      inputs.map(async (input) => {
        const { hostname, port } = new URL(server.endpoint);
        const socket = net.connect(Number(port), hostname);
        socket.on("error", () => undefined);
        socket.end(input);
        socket.resume();
        await closed(socket);
      }),
    );
    await expectWell();
  });

  test("messages that are no protobuf, on every method", async () => {
    const session = http2.connect(server.endpoint);
    const methods = ["KV/Range", "KV/Put", "KV/Txn", "Watch/Watch", "Lease/LeaseKeepAlive", "Maintenance/Status"];
    for (const method of methods) {
      for (const size of [1, 5, 50, 500]) {
        const message = randomBytes(size);
        const head = Buffer.alloc(5);
        head.writeUInt32BE(size, 1);
        const path = `/etcdserverpb.${method}`;
        const request = session.request({
          ":method": "POST",
          ":path": path,
          "content-type": "application/grpc",
          te: "trailers",
        });
        request.on("error", () => undefined);
        request.end(Buffer.concat([head, message]));
        request.resume();
        // A watch that happens to be read as one would go on for ever.
        if (method.startsWith("Watch")) request.close();
        await closed(request);
      }
    }
    session.destroy();
    await expectWell();
  });

  test("an unknown method, a GET, an authority that fits no URL", async () => {
    const session = http2.connect(server.endpoint);
    const ask = async (headers: http2.OutgoingHttpHeaders): Promise<http2.IncomingHttpHeaders> => {
      const request = session.request(headers);
      request.end();
      request.resume();
      const [answer] = (await once(request, "response")) as [http2.IncomingHttpHeaders];
      return answer;
    };
    const grpc = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
    const unknown = await ask({ ...grpc, ":path": "/v3lockpb.Lock/Lock" });
    expect(unknown["grpc-status"]).toBe("12");
    expect(decodeURIComponent(String(unknown["grpc-message"]))).toMatch(
      /does not serve v3lockpb\.Lock\/Lock; it serves KV/,
    );
    expect((await ask({ ":path": "/health" }))[":status"]).toBe(404);
    const odd = await ask({ ...grpc, ":path": "/etcdserverpb.Maintenance/Status", ":authority": "a:b:c[" });
    expect(odd[":status"]).toBe(200);
    session.destroy();
  });
});

describe("the process", () => {
  function start(...args: string[]): Started {
    return startProcess(process.execPath, [LODEN, "store", "--log-format=json", ...args]);
  }

  test("a second one on the same directory says who holds it", async () => {
    const dataDir = join(server.directory, "data");
    const { status, stderr } = await start(`--data-dir=${dataDir}`, `--listen=${ownLoopback()}:0`).finished;
    expect(status).toBe(1);
    expect(stderr).toContain(`the store's directory ${dataDir} is in use by process ${pidOf(server)} `);
    expect(stderr).toContain(`listening on ${server.endpoint}`);
    await expectWell();
  });

  test("an address that is taken, a flag that is wrong", async () => {
    const directory = freshDirectory();
    const taken = await start(`--data-dir=${directory}/data`, `--listen=${new URL(server.endpoint).host}`).finished;
    expect(taken.status).toBe(1);
    expect(taken.stderr).toMatch(/cannot listen on .*EADDRINUSE.* Give another --listen/);
    const wrong = await start("--listen=nowhere").finished;
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain("--listen");
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "ends at %s: answers, says so to watches, and leaves a clean directory",
    async (signal) => {
      const directory = freshDirectory();
      const started = start(
        `--data-dir=${directory}/data`,
        `--listen=${ownLoopback()}:0`,
        `--listen=${ownLoopback()}:0`,
      );
      await started.printed(/("listen":"[^"]+"[^]*){2}/);
      const endpoints = [...started.output.stderr.matchAll(/"listen":"([^"]+)"/g)].map(([, url]) => url ?? "");
      const [first, second] = endpoints.map((endpoint) => rawEtcd(endpoint)) as [RawEtcd, RawEtcd];
      await first.kv.put({ key: bytes("k"), value: bytes("v") });
      const { answers } = watchKey(second, "k");
      await answers.next();
      const { answers: renewed } = keepAlive(first);
      await renewed.next();
      const ends = Promise.allSettled([answers.next(), renewed.next()]);
      const puts = Array.from({ length: 20 }, (_, index) => second.kv.put({ key: bytes(`k${index}`) }));
      await Promise.all(puts);
      started.child.kill(signal);
      const stopped = { reason: { code: Code.Unavailable, rawMessage: "etcdserver: server stopped" } };
      expect(await ends).toMatchObject([stopped, stopped]);
      expect((await started.finished).status).toBe(0);
      expect(readdirSync(join(directory, "data"))).toEqual(["store.db"]);
      first.close();
      second.close();
    },
  );

  function keepAlive(etcd: RawEtcd) {
    return { answers: etcd.lease.leaseKeepAlive(openStream({ ID: 404n }))[Symbol.asyncIterator]() };
  }
});

describe("TLS", () => {
  test("serves clients with a certificate, refuses others, and etcdctl works", async () => {
    await using temporary = new TemporaryStore();
    using authority = new Authority();
    const own = authority.issue("store", `IP:${ownLoopback()}`);
    const clients = authority.issue("client");
    const { endpoint } = await temporary.store.listen(
      { host: ownLoopback(), port: 0 },
      { certFile: own.certificate, keyFile: own.key, trustedCaFile: authority.certificate, clientCertAuth: true },
    );
    expect(endpoint).toMatch(/^https:/);
    const ca = readFileSync(authority.certificate);
    const { certificate: cert, key } = pemText(clients);
    const known = rawEtcd(endpoint, { ca, cert, key });
    await known.kv.put({ key: bytes("k"), value: bytes("secret") });
    const unknown = rawEtcd(endpoint, { ca });
    await expect(unknown.kv.range({ key: bytes("k") })).rejects.toThrow();
    const flags = [`--cacert=${authority.certificate}`, `--cert=${clients.certificate}`, `--key=${clients.key}`];
    const env = { PATH: process.env["PATH"], ETCDCTL_API: "3", ETCDCTL_ENDPOINTS: endpoint };
    const get = await runProcess("/usr/bin/etcdctl", ["get", "k", ...flags], { env });
    expect(get.stdout).toBe("k\nsecret\n");
    const status = await runProcess("/usr/bin/etcdctl", ["endpoint", "status", ...flags], { env });
    expect(status.stdout).toContain("3.4.0+loden");
    known.close();
    unknown.close();
  });

  test("files that cannot be read or used are named", async () => {
    await using temporary = new TemporaryStore();
    using authority = new Authority();
    const { certificate, key } = authority.issue("store", `IP:${ownLoopback()}`);
    const listen = (certFile: string) =>
      temporary.store.listen({ host: ownLoopback(), port: 0 }, { certFile, keyFile: key });
    for (const wrong of [`${certificate}.absent`, key]) {
      await expect(listen(wrong)).rejects.toMatchObject({
        code: "ERR_CONFIG",
        message: expect.stringContaining(`--cert-file ${wrong}`) as string,
      });
    }
  });
});
