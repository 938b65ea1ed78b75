// Folding keys to the schema's spelling, as Go's encoding/json reads into structs.
import { confListContract } from "#spec/documents/cni-conf-list";
import { flannelConfContract } from "#spec/documents/cni-flannel";
import { hostLocalConfContract } from "#spec/documents/cni-host-local";
import { runtimeConfigContract } from "#spec/documents/cni-runtime-config";
import { bridgeConfContract } from "#spec/documents/cni-bridge";
import { networkConfigContract } from "#spec/documents/network-config";
import { fold, type Shape } from "#spec/fold";
import { validate } from "#spec/validate";
import { describe, expect, test } from "vitest";

const shape: Shape = {
  keys: {
    hostport: { name: "hostPort" },
    gw: { name: "gw", emptyIsAbsent: true },
    inner: { name: "inner", shape: { keys: { a: { name: "A" } } } },
    list: { name: "list", shape: { items: { keys: { a: { name: "A" } } } } },
    map: { name: "map" },
  },
};

describe("fold", () => {
  test.each([
    ["any case is the schema's spelling", { HOSTPORT: 1 }, { hostPort: 1 }],
    ["the last spelling wins", { hostPort: 1, HostPort: 2 }, { hostPort: 2 }],
    ["null is absent", { hostPort: null }, {}],
    ["null does not undo an earlier spelling", { hostPort: 1, HOSTPORT: null }, { hostPort: 1 }],
    ["empty text is absent where the shape says so", { gw: "", hostPort: "" }, { hostPort: "" }],
    ["unknown keys stay as they are, null too", { Other: null, other: { A: 1 } }, { Other: null, other: { A: 1 } }],
    [
      "objects and arrays are followed",
      { inner: { a: 1 }, LIST: [{ a: 2 }, 3, null] },
      { inner: { A: 1 }, list: [{ A: 2 }, 3, null] },
    ],
    ["maps keep their keys", { MAP: { a: 1, A: 2, n: null } }, { map: { a: 1, A: 2, n: null } }],
    [
      "a value of another type is left to the validator",
      { inner: [1], list: { a: 1 } },
      { inner: [1], list: { a: 1 } },
    ],
  ])("%s", (_, document, expected) => {
    const before = structuredClone(document);
    expect(fold(document, shape)).toEqual(expected);
    expect(document).toEqual(before);
  });

  test.each([null, 1, "x", true, [], undefined])("%j stays what it is", (document) => {
    expect(fold(document, shape)).toEqual(document);
  });

  test("a key named __proto__ or constructor is only a key", () => {
    const folded = fold(JSON.parse('{"__proto__":{"hostPort":1},"constructor":2,"hasOwnProperty":3}'), shape) as object;
    expect(Object.getPrototypeOf(folded)).toBe(Object.prototype);
    expect("hostPort" in folded).toBe(false);
    expect(JSON.stringify(folded)).toBe('{"__proto__":{"hostPort":1},"constructor":2,"hasOwnProperty":3}');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  test("nesting without end is no way to overflow the stack", () => {
    const endless = JSON.parse(`${'{"inner":'.repeat(5000)}1${"}".repeat(5000)}`) as unknown;
    const loop: Record<string, unknown> = {};
    const keys: Record<string, unknown> = {};
    Object.assign(keys, { inner: { name: "inner", shape: { keys } } });
    loop["inner"] = endless;
    expect(() => fold(loop, { keys } as Shape)).not.toThrow();
  });
});

describe("what runtimes send", () => {
  test("containerd's runtimeConfig with Go's field names", () => {
    const sent = {
      PortMappings: [{ HostPort: 8089, ContainerPort: 80, Protocol: "tcp", HostIP: "" }],
      bandWidth: { IngressRate: 1_000_000, IngressBurst: 4_294_967_295, EgressRate: 0, EgressBurst: 0 },
    };
    expect(validate(runtimeConfigContract, sent)).toEqual({
      portMappings: [{ hostPort: 8089, containerPort: 80, protocol: "tcp" }],
      bandwidth: { ingressRate: 1_000_000, ingressBurst: 4_294_967_295, egressRate: 0, egressBurst: 0 },
    });
  });

  test("flannel's configuration in lower case, options of the backend as written", () => {
    expect(
      validate(networkConfigContract, {
        network: "10.3.0.0/16",
        ipv6network: null,
        BACKEND: { type: "vxlan", vni: 3 },
      }),
    ).toEqual({
      Network: "10.3.0.0/16",
      Backend: { Type: "vxlan", vni: 3 },
    });
  });

  test("delegate, ipam and runtimeConfig of the flannel plugin keep their keys", () => {
    const conf = {
      NAME: "n",
      Delegate: { IsGateway: true, x: null },
      IPAM: { Type: "a", TYPE: null },
      RuntimeConfig: { Mac: "m" },
    };
    expect(validate(flannelConfContract, conf)).toEqual({
      name: "n",
      delegate: { IsGateway: true, x: null },
      ipam: { Type: "a", TYPE: null },
      runtimeConfig: { Mac: "m" },
    });
  });

  test("host-local's section, range sets within range sets", () => {
    const conf = {
      name: "n",
      IPAM: { Type: "host-local", RANGES: [[{ SUBNET: "10.0.0.0/24", Gateway: "" }]], datadir: "/d" },
    };
    expect(validate(hostLocalConfContract, conf).ipam).toEqual({
      type: "host-local",
      ranges: [[{ subnet: "10.0.0.0/24" }]],
      dataDir: "/d",
    });
  });

  test("a bridge's mac from either place, and empty text for none", () => {
    const conf = validate(bridgeConfContract, {
      name: "n",
      Args: { CNI: { MAC: "02:00:00:00:00:01" } },
      runtimeConfig: { MAC: "" },
    });
    expect(conf.args?.cni?.mac).toBe("02:00:00:00:00:01");
    expect(conf.runtimeConfig).toEqual({});
  });

  test("entries of a list are folded as configurations", () => {
    expect(validate(confListContract, { name: "n", plugins: [{ Type: "bridge", IPMASQ: true }] }).plugins).toEqual([
      { type: "bridge", IPMASQ: true },
    ]);
  });
});
