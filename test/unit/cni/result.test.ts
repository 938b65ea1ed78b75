// Results: read in every version's form, printed in every version's form, and what each version cannot say.
import { describe, expect, test } from "vitest";
import { CniError } from "../../../cni-plugins/error.ts";
import { resultDocument } from "../../../cni-plugins/result/print.ts";
import { readResult } from "../../../cni-plugins/result/read.ts";
import { EMPTY_RESULT } from "../../../cni-plugins/result/types.ts";
import { SUPPORTED_VERSIONS } from "#spec/cni-versions";

const plain = (value: object): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;

const LATEST = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "br0", mac: "02:00:00:00:00:01", mtu: 1400 },
    {
      name: "eth0",
      mac: "02:00:00:00:00:02",
      mtu: 1400,
      sandbox: "/run/netns/x",
      socketPath: "/s",
      pciID: "0000:01:00.0",
    },
  ],
  ips: [
    { interface: 1, address: "10.1.0.5/16", gateway: "10.1.0.1" },
    { interface: 1, address: "fd01::5/64", gateway: "fd01::1" },
    { interface: 1, address: "10.2.0.5/16" },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1300, advmss: 1200, priority: 5, table: 100, scope: 0 },
    { dst: "fd00::/8" },
  ],
  dns: { nameservers: ["10.0.0.10"], domain: "a.example", search: ["b.example"], options: ["ndots:5"] },
};

describe("conversion", () => {
  test("the latest version comes back as it went in", () => {
    expect(plain(resultDocument(readResult(LATEST, "1.1.0", "result"), "1.1.0"))).toEqual(LATEST);
  });

  test.each(["0.3.0", "0.3.1", "0.4.0"])("to %s: ips have a version, interfaces three fields", (version) => {
    const document = plain(resultDocument(readResult(LATEST, "1.1.0", "result"), version));
    expect(document["interfaces"]).toEqual([
      { name: "br0", mac: "02:00:00:00:00:01" },
      { name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/x" },
    ]);
    expect((document["ips"] as { version: string }[]).map((ip) => ip.version)).toEqual(["4", "6", "4"]);
    const again = plain(resultDocument(readResult(document, version, "result"), version));
    expect(again).toEqual(document);
  });

  test.each(["0.1.0", "0.2.0"])("to %s: one address of each family, with its routes", (version) => {
    const document = plain(resultDocument(readResult(LATEST, "1.1.0", "result"), version));
    expect(document).toMatchObject({
      cniVersion: version,
      ip4: { ip: "10.1.0.5/16", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }] },
      ip6: { ip: "fd01::5/64", gateway: "fd01::1", routes: [{ dst: "fd00::/8" }] },
    });
    expect(plain(resultDocument(readResult(document, version, "result"), version))).toEqual(document);
  });

  test.each(SUPPORTED_VERSIONS)("no address, in %s", (version) => {
    const print = (): object => resultDocument(EMPTY_RESULT, version);
    if (version < "0.3.0") expect(print).toThrow("cannot convert: no valid IP addresses");
    else expect(plain(print())).toEqual({ cniVersion: version, ...(version < "1.0.0" ? { dns: {} } : {}) });
  });
});

describe("reading", () => {
  test("keys in any spelling, the last one winning; null is absent", () => {
    const result = readResult({ IPs: [{ Address: "10.0.0.1/8", ADDRESS: "10.0.0.2/8", gateway: null }] }, "1.0.0", "x");
    expect(plain(result)["ips"]).toEqual([{ address: "10.0.0.2/8" }]);
  });

  test("a missing version is the configuration's, one of another form is refused", () => {
    expect(readResult({}, "1.0.0", "x")).toEqual(EMPTY_RESULT);
    for (const [own, version] of [
      ["0.2.0", "1.0.0"],
      ["1.0.0", "0.2.0"],
      ["7.0.0", "1.0.0"],
    ] as const) {
      expect(() => readResult({ cniVersion: own }, version, "prevResult")).toThrow(CniError);
    }
  });

  test.each<[object, string]>([
    [{ ips: {} }, "x.ips is {}"],
    [{ ips: [7] }, "x.ips[0] is 7"],
    [{ ips: [{}] }, "x.ips[0].address is missing"],
    [{ ips: [{ address: "10.0.0.300/8" }] }, "x.ips[0].address"],
    [{ ips: [{ address: "10.0.0.1/8", interface: "0" }] }, "x.ips[0].interface"],
    [{ routes: [{ gw: "10.0.0.1" }] }, "x.routes[0].dst is missing"],
    [{ interfaces: [{ name: 7 }] }, "x.interfaces[0].name"],
    [{ dns: { nameservers: "10.0.0.1" } }, "x.dns.nameservers"],
  ])("%j is refused by name", (document, text) => {
    expect(() => readResult(document as Record<string, unknown>, "1.0.0", "x")).toThrow(text);
  });
});
