// Endpoints, keys and errors of the etcd client, without a server or with one that only counts PINGs.
import { once } from "node:events";
import { createServer } from "node:http2";
import { createServer as createTcp } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { Endpoint } from "../../../daemon/store/etcd/endpoint.ts";
import { etcdError } from "../../../daemon/store/etcd/errors.ts";
import { KV } from "../../../daemon/store/etcd/generated/rpc_pb.js";
import { Keyspace } from "../../../daemon/store/etcd/keyspace.ts";
import { DEFAULT_LIMITS } from "../../../daemon/store/etcd/options.ts";
import { EtcdSubnetStore } from "../../../daemon/store/etcd/subnet-store.ts";
import { FakeEtcd, header } from "../../support/fake-etcd.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ownLoopback } from "../../support/store-server.ts";

const endpoint = (text: string): Endpoint => new Endpoint(text, undefined, DEFAULT_LIMITS);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("endpoints", () => {
  test.each([
    ["http://127.0.0.1:2379", "http://127.0.0.1:2379"],
    [" https://etcd.example:2379/ ", "https://etcd.example:2379"],
    ["127.0.0.1:4001", "http://127.0.0.1:4001"],
    ["etcd:2379", "http://etcd:2379"],
    ["[fd00::1]:2379", "http://[fd00::1]:2379"],
  ])("%s is %s", (given, url) => {
    expect(endpoint(given).url).toBe(url);
  });

  test.each([
    "",
    "unix:///run/etcd.sock",
    "http://",
    "ftp://host:1",
    "http://host:99999",
    "http://me:secret@host:2379",
  ])("%s is none", (given) => {
    const usage = expect.objectContaining({ code: "ERR_USAGE", fields: { flag: "etcd-endpoints" } });
    expect(() => endpoint(given)).toThrow(usage);
    expect(() => endpoint(given)).not.toThrow(/secret/);
  });

  test("none at all is refused", () => {
    const options = { endpoints: [], prefix: "/", clock: new ManualClock(), random: { next: () => 0 } };
    expect(() => new EtcdSubnetStore(options)).toThrow(/--etcd-endpoints/);
  });

  test("one that accepts and says nothing is given up in time", async () => {
    const server = createTcp((socket) => socket.resume()).listen(0, ownLoopback());
    await once(server, "listening");
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("no port");
    const clock = new ManualClock();
    const silent = endpoint(`https://${bound.address}:${bound.port}`);
    const connecting = silent.connect(clock, undefined).catch((error: unknown) => error);
    await once(server, "connection");
    await clock.advance(DEFAULT_LIMITS.dial);
    expect(await connecting).toMatchObject({ code: "ERR_STORE_UNAVAILABLE", unsent: true });
    server.close();
    await once(server, "close");
  });
});

describe("PINGs", () => {
  test("are sent while a request is open, and not otherwise", async () => {
    await using etcd = await FakeEtcd.start();
    const clock = new ManualClock();
    const store = new EtcdSubnetStore({ endpoints: [etcd.endpoint], prefix: "/n", clock, random: { next: () => 0.5 } });
    await store.snapshot();
    await clock.advance(3_600_000);
    expect(etcd.pings).toBe(0);
    etcd.range = () => "never";
    const call = store.snapshot().catch(() => {});
    await etcd.ranged(2);
    // The connection was idle for an hour: it is tried before it is used.
    expect(etcd.pings).toBe(1);
    await store.close();
    await call;
  });

  test("become fewer when the server complains", async () => {
    const server = createServer().listen(0, ownLoopback());
    await once(server, "listening");
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("no port");
    let sessions = 0;
    let pings = 0;
    server.on("session", (session) => {
      sessions += 1;
      session.on("ping", () => {
        pings += 1;
        if (sessions === 1) session.goaway(11, 0, Buffer.from("too_many_pings"));
      });
    });
    const clock = new ManualClock();
    const busy = new Endpoint(`http://${bound.address}:${bound.port}`, undefined, {
      ...DEFAULT_LIMITS,
      dial: 1e9,
      request: 1e9,
    });
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      const transport = await busy.connect(clock, undefined);
      await transport.unary(KV.method.range, stop.signal, undefined, undefined, {}).catch(() => {});
    };
    const first = ask();
    await clock.until(() => pings === 1);
    await first;
    const began = clock.monotonic();
    const second = ask();
    await clock.until(() => pings === 2);
    expect(sessions).toBe(2);
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(2 * DEFAULT_LIMITS.pingInterval);
    stop.abort();
    await second;
    busy.close();
    server.close();
  });
});

describe("keys", () => {
  test.each([
    ["/coreos.com/network", "/coreos.com/network/config", "/coreos.com/network/subnets/k"],
    ["/coreos.com//network/", "/coreos.com/network/config", "/coreos.com/network/subnets/k"],
    ["net", "net/config", "net/subnets/k"],
    ["/", "/config", "/subnets/k"],
    ["", "config", "subnets/k"],
    ["/a/../b/.", "/b/config", "/b/subnets/k"],
  ])("below %s are joined as Go's path.Join does", (prefix, config, lease) => {
    const keyspace = new Keyspace(prefix);
    expect(text(keyspace.config)).toBe(config);
    expect(text(keyspace.lease("k"))).toBe(lease);
    expect(keyspace.nameOf(keyspace.lease("10.1.2.0-24&fd00::-64"))).toBe("10.1.2.0-24&fd00::-64");
    expect(keyspace.nameOf(keyspace.config)).toBe("config");
    for (const key of [config, lease]) {
      expect(Buffer.compare(Buffer.from(key), keyspace.start)).toBeGreaterThanOrEqual(0);
      expect(Buffer.compare(Buffer.from(key), keyspace.end)).toBeLessThan(0);
    }
  });
});

describe("errors", () => {
  test.each([
    ["etcdserver: mvcc: database space exceeded", Code.ResourceExhausted, "ERR_STORE_FULL", false, true],
    ["etcdserver: mvcc: required revision has been compacted", Code.OutOfRange, "ERR_STORE_COMPACTED", false, false],
    ["etcdserver: requested lease not found", Code.NotFound, "ERR_STORE", false, true],
    ["etcdserver: permission denied", Code.PermissionDenied, "ERR_STORE_AUTH", false, true],
    ["etcdserver: invalid auth token", Code.Unauthenticated, "ERR_STORE_AUTH", false, true],
    ["etcdserver: no leader", Code.Unavailable, "ERR_STORE_UNAVAILABLE", true, true],
    ["etcdserver: request timed out", Code.Unavailable, "ERR_STORE_UNAVAILABLE", false, false],
    ["etcdserver: corrupt cluster", Code.DataLoss, "ERR_STORE_CORRUPT", false, false],
    ["something new", Code.Unknown, "ERR_STORE", false, false],
  ] as const)("%s", (message, status, code, unsent, refused) => {
    const error = etcdError("http://e:1", new ConnectError(message, status));
    expect(error).toMatchObject({
      code,
      unsent,
      refused,
      message: expect.stringContaining(`etcd at http://e:1: ${message}`),
    });
  });

  test("of anything thrown name the endpoint", () => {
    for (const thrown of [undefined, null, "text", 7, {}, new Error("")]) {
      expect(etcdError("http://e:1", thrown)).toMatchObject({ code: "ERR_STORE", fields: { endpoint: "http://e:1" } });
    }
  });

  test.each(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT"])("of a socket, %s, say that it is away", (code) => {
    const thrown = new Error("a", { cause: Object.assign(new Error("b"), { code }) });
    expect(etcdError("x", thrown).code).toBe("ERR_STORE_UNAVAILABLE");
  });
});

describe("a write that was refused", () => {
  test("is answered by a foreign server as an error, not as success", async () => {
    await using etcd = await FakeEtcd.start();
    etcd.range = () => ({ header: header(1n) });
    const clock = new ManualClock();
    const store = new EtcdSubnetStore({ endpoints: [etcd.endpoint], prefix: "/n", clock, random: { next: () => 0.5 } });
    await expect(store.put("k", "v", { expect: 0n, ttl: undefined })).rejects.toMatchObject({
      code: "ERR_STORE",
      message: expect.stringContaining("not an etcd 3.4 or later"),
    });
    await store.close();
  });
});
