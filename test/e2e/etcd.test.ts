// The etcd client against a real etcd in what the store suite does not reach: how many requests it takes, several
// endpoints, dead networks, large answers, users, a full store.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock, systemRandom } from "../../daemon/clock.ts";
import type { EtcdOptions } from "../../daemon/store/etcd/options.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import { startEtcd } from "../support/etcd.ts";
import { EtcdRig } from "../support/etcd-rig.ts";
import { Follower, stateOf } from "../support/follower.ts";
import { freePort, ownLoopback, type StoreServer } from "../support/store-server.ts";

let etcd: StoreServer;
let count = 0;

beforeAll(async () => {
  etcd = await startEtcd();
});

afterAll(async () => {
  await etcd[Symbol.asyncDispose]();
});

const newRig = (server = etcd): EtcdRig => new EtcdRig(server, `/e2e/${++count}`);

function open(options: Partial<EtcdOptions>): EtcdSubnetStore {
  return new EtcdSubnetStore({
    endpoints: [etcd.endpoint],
    prefix: "/e2e",
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
}

const leases = (n: number): [string, string][] =>
  Array.from({ length: n }, (_, i) => [`subnets/10.${i >> 8}.${i & 255}.0-24`, `{"PublicIP":"192.0.2.1","i":${i}}`]);

const big = (n: number): [string, string][] =>
  Array.from({ length: n }, (_, i) => [`subnets/${i}`, `${i}`.padEnd(200_000)]);

const auth = (says: string): object => ({ code: "ERR_STORE_AUTH", message: expect.stringContaining(says) });

describe("requests", () => {
  test.each([10, 4_000])("a cold start with %d leases takes one Range and one Watch", async (n) => {
    await using rig = newRig();
    await rig.admin.putAll([["config", "{}"], ...leases(n)]);
    const { store, requests } = await rig.connect();
    await using follower = new Follower(store);
    await follower.until(() => follower.state.size === n + 1);
    await rig.admin.put("subnets/last", "1");
    await follower.until(() => follower.state.has("last"));
    expect(requests).toEqual(["KV/Range", "Watch/Watch"]);
  });

  test("a write takes one transaction, and one grant when it brings its life", async () => {
    await using rig = newRig();
    const { store, requests } = await rig.connect();
    await store.put("a", "1", { expect: 0n, ttl: undefined });
    await store.put("b", "1", { expect: 0n, ttl: 60 });
    expect(requests).toEqual(["KV/Txn", "Lease/LeaseGrant", "KV/Txn"]);
  });

  test("more records than a page are read at one revision", async () => {
    await using rig = newRig();
    await rig.admin.putAll(leases(1_050));
    const { store, requests } = await rig.connect({ page: 100 });
    const whole = (await (await rig.connect()).store.snapshot()).entries;
    // The first record and the last are always written together, and stand on different pages.
    const ends = [leases(1_050).at(0)?.[0], leases(1_050).at(-1)?.[0]].map(String);
    const writing = (async () => {
      for (let i = 0; i < 40; i++) await rig.admin.putAll(ends.map((key) => [key, `${i}`] as const));
    })();
    for (let i = 0; i < 5; i++) {
      const { entries } = await store.snapshot();
      expect(entries.map(({ key }) => key)).toEqual(whole.map(({ key }) => key));
      const values = entries.filter(({ key }) => ends.includes(`subnets/${key}`)).map(({ value }) => value);
      expect(values[0]?.replace(/.*"i":0}/, "")).toBe(values[1]?.replace(/.*"i":1049}/, ""));
    }
    await writing;
    expect(requests).toHaveLength(5 * 11);
  });

  test("a read that compaction overtakes begins anew", async () => {
    await using rig = newRig();
    await rig.admin.putAll(leases(30));
    let requests = 0;
    const store = open({
      prefix: rig.prefix,
      limits: { page: 10 },
      onRequest: () => {
        if (++requests !== 3) return;
        const revision = /"Revision" : (\d+)|revision":(\d+)/.exec(
          etcd.ctl("put", `${rig.prefix}/zoo`, "1", "-w", "json"),
        );
        etcd.ctl("compact", "--physical", String(revision?.[2]));
      },
    });
    expect((await store.snapshot()).entries).toHaveLength(30);
    expect(requests).toBe(3 + 3);
    await store.close();
  });
});

describe("endpoints", () => {
  test("a dead one is passed over", async () => {
    const dead = `http://${ownLoopback()}:${await freePort()}`;
    const requests: string[] = [];
    const store = open({ endpoints: [dead, etcd.endpoint], onRequest: (method) => requests.push(method) });
    await store.putConfig("{}");
    expect((await store.snapshot()).config?.value).toBe("{}");
    expect(requests).toEqual(["KV/Put", "KV/Range"]);
    await store.close();
  });

  test("when none answers, the error names each with its cause", async () => {
    const dead = [await freePort(), await freePort()].map((port) => `http://${ownLoopback()}:${port}`);
    const store = open({ endpoints: dead });
    const error: Error = await store.snapshot().then(
      () => expect.unreachable(),
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    for (const endpoint of dead) expect(error.message).toContain(`${endpoint}: connect ECONNREFUSED`);
    expect(error.message).toContain("is etcd running?");
    await store.close();
  });

  test("a watch moves to another one", async () => {
    await using rig = newRig();
    const [one, two] = [await rig.connect(), await rig.connect()];
    const store = open({
      prefix: rig.prefix,
      endpoints: [one, two].map(({ proxy }) => `http://${proxy.authority}`),
    });
    await using follower = new Follower(store);
    await rig.admin.put("subnets/a", "1");
    await follower.until(() => follower.state.has("a"));
    one.cut(true);
    await rig.admin.put("subnets/b", "1");
    await follower.until(() => follower.state.has("b"));
    one.cut(false);
    two.cut(true);
    await rig.admin.put("subnets/c", "1");
    await follower.until(() => follower.state.has("c"));
    expect(follower.snapshots).toBe(1);
    await store.close();
  });
});

describe("a network that swallows everything", () => {
  test("is noticed on a watch by its silence", async () => {
    await using rig = newRig();
    // A busy machine may be silent for a moment, too: only the silence that is meant is to be noticed.
    const { store, proxy } = await rig.connect({ watchProgress: 500, watchSilence: 2_500 });
    // A watch goes on from the last change it knows, and lists where it knows none (decisions/watch-resume.md).
    await rig.admin.put("subnets/known", "1");
    await using follower = new Follower(store);
    await follower.until(() => follower.state.has("known"));
    await rig.admin.put("subnets/a", "1");
    await follower.until(() => follower.state.has("a"));
    proxy.stall();
    await rig.admin.put("subnets/b", "1");
    await follower.until(() => follower.troubles.some((text) => text.includes("not a word on the watch")));
    expect([...follower.state.keys()]).toEqual(["known", "a"]);
    proxy.mend();
    await follower.until(() => follower.state.has("b"));
    expect(follower.snapshots).toBe(1);
  });

  test("is noticed by PING where nothing else would", async () => {
    await using rig = newRig();
    const { store, proxy } = await rig.connect({ pingInterval: 100, pingTimeout: 100 });
    await using follower = new Follower(store);
    await follower.until(() => follower.snapshots === 1);
    proxy.stall();
    await follower.until(() => follower.troubles.length > 0);
    expect(follower.troubles[0]).toContain("PING timed out");
    proxy.mend();
    await follower.until(() => follower.troubles.at(-1) === "");
  });

  test("fails calls in their time", async () => {
    await using rig = newRig();
    const { store, proxy } = await rig.connect({ dial: 300, request: 300 });
    // On a busy machine a call may take longer than this client waits.
    const answer = () => expect.poll(() => store.snapshot()).toMatchObject({ entries: [] });
    await answer();
    proxy.stall();
    for (const call of [
      () => store.snapshot(),
      () => store.put("k", "1", { expect: 0n, ttl: 60 }),
      () => store.keepAlive(1n),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: "ERR_STORE_UNAVAILABLE",
        message: expect.stringMatching(/no (answer to \w+\/\w+|connection) within 0.3 s/),
      });
    }
    proxy.mend();
    await answer();
  });

  test("does not hold up an abort", async () => {
    await using rig = newRig();
    const { store, proxy } = await rig.connect();
    proxy.stall();
    const stop = new AbortController();
    const call = store.snapshot(stop.signal);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});

describe("large answers", () => {
  test("come in fragments that are joined", async () => {
    await using rig = newRig();
    const client = await rig.connect();
    await using follower = new Follower(client.store);
    await follower.until(() => follower.snapshots === 1);
    // A watch goes on from the last change it knows, and lists where it knows none (decisions/watch-resume.md).
    await rig.admin.put("subnets/known", "1");
    await follower.until(() => follower.state.has("known"));
    client.cut(true);
    for (const record of big(40)) await rig.admin.put(...record);
    client.cut(false);
    await follower.until(() => follower.state.size === 41);
    expect(follower.snapshots).toBe(1);
    expect(follower.events).toHaveLength(41);
  });

  test("too large to be held are read piece by piece", async () => {
    await using rig = newRig();
    const client = await rig.connect({ message: 4_000_000 });
    await using follower = new Follower(client.store);
    await follower.until(() => follower.snapshots === 1);
    client.cut(true);
    for (const record of big(40)) await rig.admin.put(...record);
    client.cut(false);
    await follower.until(() => follower.state.size === 40);
    expect(follower.snapshots).toBe(2);
    expect(follower.state).toEqual(stateOf(await client.store.snapshot()));
  });
});

describe("users", () => {
  test("log in, and log in again when their token is gone", async () => {
    await using server = await startEtcd();
    const ctl = (...args: string[]): string => server.ctl(...args);
    const requests: string[] = [];
    const credentials = { user: "flannel", password: "secret" };
    const options = { endpoints: [server.endpoint], prefix: "/net", credentials };
    const store = open({ ...options, onRequest: (method) => requests.push(method) });
    // A user is no harm where etcd knows none.
    await store.putConfig("{}");
    ctl("user", "add", "root:root");
    ctl("user", "add", "flannel:secret");
    ctl("role", "add", "flannel");
    ctl("role", "grant-permission", "--prefix=true", "flannel", "readwrite", "/net/");
    ctl("user", "grant-role", "flannel", "flannel");
    ctl("user", "grant-role", "root", "root");
    ctl("auth", "enable");

    const nobody = open({ ...options, credentials: undefined });
    await expect(nobody.snapshot()).rejects.toMatchObject(auth("asks for a user"));
    const wrong = open({ ...options, credentials: { user: "flannel", password: "guess" } });
    await expect(wrong.snapshot()).rejects.toMatchObject(auth("user name and password"));
    const elsewhere = open({ ...options, prefix: "/other" });
    await expect(elsewhere.snapshot()).rejects.toMatchObject(auth("grant-permission"));
    await using outside = new Follower(elsewhere);
    await outside.until(() => outside.troubles.length > 0);
    expect(outside.snapshots).toBe(0);

    // The client believes that none is asked for; the refusal tells it otherwise.
    expect((await store.snapshot()).config?.value).toBe("{}");
    await using follower = new Follower(store);
    expect(await store.put("k", "1", { expect: 0n, ttl: 60 })).toMatchObject({ ok: true });
    await follower.until(() => follower.state.has("k"));
    requests.length = 0;
    await server.restart();
    // A restarted etcd may know the tokens of its log's last entries; now it has forgotten them.
    ctl("--user=root:root", "auth", "disable");
    ctl("auth", "enable");
    await follower.until(() => follower.troubles.length > 0);
    await store.snapshot().catch(() => store.snapshot());
    expect(requests).toContain("Auth/Authenticate");
    await store.put("l", "1", { expect: 0n, ttl: undefined });
    await follower.until(() => follower.state.has("l"));
    expect(follower.snapshots).toBe(1);
    for (const each of [store, nobody, wrong, elsewhere]) await each.close();
  });
});

describe("a full store", () => {
  test("says so, can be read, and takes deletions", async () => {
    await using server = await startEtcd({ flags: { "quota-backend-bytes": "2000000" } });
    await using rig = newRig(server);
    const { store } = await rig.connect();
    const value = "x".repeat(500_000);
    const fill = async (): Promise<never> => {
      for (let i = 0; ; i++) await store.put(`${i}`, value, { expect: 0n, ttl: 60 });
    };
    await expect(fill()).rejects.toMatchObject({
      code: "ERR_STORE_FULL",
      message: expect.stringContaining("alarm disarm"),
    });
    const [first] = (await store.snapshot()).entries;
    expect(await store.delete("0", first?.modRevision ?? 0n)).toEqual({ ok: true });
  });
});
