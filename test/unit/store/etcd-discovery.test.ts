// Endpoints from SRV records: which records count, in what order, and what is said when there are none.
import { describe, expect, test } from "vitest";
import { type DiscoveryOptions, srvDiscovery, type SrvRecord } from "../../../daemon/store/etcd/discovery.ts";

const record = (name: string, priority = 0, weight = 0, port = 2379): SrvRecord => ({ name, port, priority, weight });

/** Discovery in example.com, with these records. */
function discovery(records: Record<string, SrvRecord[] | string>, options: Partial<DiscoveryOptions> = {}) {
  const asked: string[] = [];
  const found = srvDiscovery({
    domain: "example.com",
    tlsOnly: false,
    random: { next: () => 0 },
    resolve: async (name) => {
      asked.push(name);
      const there = records[name] ?? "ENOTFOUND";
      if (typeof there === "string") throw Object.assign(new Error(`querySrv ${there} ${name}`), { code: there });
      return there;
    },
    ...options,
  });
  return { find: () => found.find(), asked };
}

const TLS = "_etcd-client-ssl._tcp.example.com";
const PLAIN = "_etcd-client._tcp.example.com";

describe("the records", () => {
  test("of TLS come before those without", async () => {
    const { find, asked } = discovery({ [TLS]: [record("a.example.com")], [PLAIN]: [record("b.example.com")] });
    expect(await find()).toEqual(["https://a.example.com:2379"]);
    expect(asked).toEqual([TLS]);
  });

  test.each(["ENOTFOUND", "ENODATA"])("without TLS count where there are no others (%s)", async (code) => {
    const { find } = discovery({ [TLS]: code, [PLAIN]: [record("b.example.com.", 0, 0, 4001)] });
    expect(await find()).toEqual(["http://b.example.com:4001"]);
  });

  test("without TLS do not count for who wants TLS", async () => {
    const { find, asked } = discovery({ [PLAIN]: [record("b.example.com")] }, { tlsOnly: true });
    await expect(find()).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      message: expect.stringMatching(/SRV record _etcd-client-ssl\._tcp\.example\.com \(only TLS records count beside/),
    });
    expect(asked).toEqual([TLS]);
  });

  test("of a named service have its name", async () => {
    const { find, asked } = discovery({ "_etcd-client-blue._tcp.example.com": [record("a")] }, { serviceName: "blue" });
    expect(await find()).toEqual(["http://a:2379"]);
    expect(asked).toEqual(["_etcd-client-ssl-blue._tcp.example.com", "_etcd-client-blue._tcp.example.com"]);
  });

  test.each([
    ["no service", ""],
    ["a user", "root@a"],
    ["a path", "a/b"],
    ["blanks", "a b"],
    ["a port", "a:1"],
    ["no host at all", ".."],
  ])("with %s for a target are passed over", async (_, target) => {
    const { find } = discovery({ [TLS]: [record(target), record("good")] });
    expect(await find()).toEqual(["https://good:2379"]);
    await expect(discovery({ [TLS]: [record(target)] }).find()).rejects.toThrow("no usable SRV record");
  });

  test("with port 0 are passed over", async () => {
    const { find } = discovery({ [TLS]: [record("a", 0, 0, 0), record("b")] });
    expect(await find()).toEqual(["https://b:2379"]);
  });
});

describe("the order", () => {
  const all = [record("far", 20), record("light", 10, 1), record("heavy", 10, 99), record("near", 0)];
  const order = async (random: number): Promise<string[]> => {
    const endpoints = await discovery({ [TLS]: all }, { random: { next: () => random } }).find();
    return endpoints.map((endpoint) => new URL(endpoint).hostname);
  };

  test("is by priority, and by chance and weight in each", async () => {
    expect(await order(0)).toEqual(["near", "light", "heavy", "far"]);
    expect(await order(0.02)).toEqual(["near", "heavy", "light", "far"]);
    expect(await order(0.999)).toEqual(["near", "heavy", "light", "far"]);
  });

  test("gives equals without weight the same chance", async () => {
    const first = async (random: number): Promise<string | undefined> => {
      const records = ["a", "b", "c", "d"].map((name) => record(name));
      return (await discovery({ [TLS]: records }, { random: { next: () => random } }).find())[0];
    };
    expect(await Promise.all([0.1, 0.3, 0.6, 0.9].map(first))).toEqual(
      ["a", "b", "c", "d"].map((name) => `https://${name}:2379`),
    );
  });
});

describe("a failure", () => {
  test("names the records and the flag when there are none", async () => {
    await expect(discovery({}).find()).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      message: `no etcd endpoint is known: DNS has no usable SRV record ${TLS} and ${PLAIN}; make one, or check --etcd-discovery-srv`,
    });
  });

  test("of DNS for TLS does not lead to endpoints without", async () => {
    const { find, asked } = discovery({ [TLS]: "ESERVFAIL", [PLAIN]: [record("b")] });
    await expect(find()).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      message: expect.stringMatching(
        /the SRV record _etcd-client-ssl\._tcp\.example\.com cannot be looked up: .*ESERVFAIL/,
      ),
    });
    expect(asked).toEqual([TLS]);
  });
});
