// The etcd client over TLS against a real etcd: who is believed, who is let in, and what the errors say.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock, systemRandom } from "../../daemon/clock.ts";
import type { EtcdTls } from "../../daemon/store/etcd/options.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import { Authority, pemText } from "../support/certificates.ts";
import { startEtcd } from "../support/etcd.ts";
import { Follower } from "../support/follower.ts";
import { ownLoopback, type StoreServer } from "../support/store-server.ts";

let authority: Authority;
let strangers: Authority;
let secure: StoreServer;
let strict: StoreServer;
let plain: StoreServer;
let ca: string;

beforeAll(async () => {
  authority = new Authority();
  strangers = new Authority();
  ca = readFileSync(authority.certificate, "utf8");
  // "secure" has a certificate for its address, "strict" for another name, and asks for clients' certificates.
  secure = await startEtcd({ tls: authority.issue("secure", `IP:${ownLoopback()}`) });
  strict = await startEtcd({
    tls: { ...authority.issue("strict", "DNS:etcd.example"), clientCa: authority.certificate },
  });
  plain = await startEtcd();
});

afterAll(async () => {
  for (const server of [secure, strict, plain]) await server[Symbol.asyncDispose]();
  for (const each of [authority, strangers]) each[Symbol.dispose]();
});

async function withStore<T>(
  endpoint: string,
  tls: EtcdTls | undefined,
  use: (store: EtcdSubnetStore) => Promise<T>,
): Promise<T> {
  const store = new EtcdSubnetStore({
    endpoints: [endpoint],
    prefix: "/tls",
    tls,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

const refusal = (endpoint: string, tls?: EtcdTls): Promise<unknown> =>
  withStore(endpoint, tls, (store) => store.snapshot().catch((error: unknown) => error));

const text = (says: string): object => ({
  code: "ERR_STORE_UNAVAILABLE",
  message: expect.stringContaining(says),
});

describe("TLS", () => {
  test("an etcd whose authority is known is used", async () => {
    await withStore(secure.endpoint, { ca }, async (store) => {
      await using follower = new Follower(store);
      expect(await store.put("k", "1", { expect: 0n, ttl: 60 })).toMatchObject({ ok: true });
      await follower.until(() => follower.state.has("k"));
    });
  });

  test("an unknown authority is refused", async () => {
    const unknown = { code: "ERR_STORE_AUTH", message: expect.stringContaining("--etcd-cafile") };
    expect(await refusal(secure.endpoint)).toMatchObject(unknown);
    const other = readFileSync(strangers.certificate, "utf8");
    expect(await refusal(secure.endpoint, { ca: other })).toMatchObject(unknown);
  });

  test("the name in the certificate must be the endpoint's, or the one that is given", async () => {
    const client = pemText(authority.issue("client"));
    expect(await refusal(strict.endpoint, { ca, ...client })).toMatchObject({
      code: "ERR_STORE_AUTH",
      message: expect.stringContaining("the certificate is for other names"),
    });
    const tls = { ca, ...client, serverName: "etcd.example" };
    await withStore(strict.endpoint, tls, async (store) => {
      await store.putConfig("{}");
      expect((await store.snapshot()).config?.value).toBe("{}");
    });
  });

  test("an etcd that asks for certificates refuses none and strangers'", async () => {
    const refused = { code: "ERR_STORE_AUTH", message: expect.stringContaining("--etcd-certfile") };
    const stranger = pemText(strangers.issue("client"));
    expect(await refusal(strict.endpoint, { ca, serverName: "etcd.example" })).toMatchObject(refused);
    expect(await refusal(strict.endpoint, { ca, serverName: "etcd.example", ...stranger })).toMatchObject(refused);
  });

  test("the wrong scheme is named", async () => {
    expect(await refusal(plain.endpoint.replace("http:", "https:"), { ca })).toMatchObject(text("http://"));
    expect(await refusal(secure.endpoint.replace("https:", "http:"))).toMatchObject(text("https://"));
  });
});
