// Chained plugins over any configuration and previous result: they read it or say with a CNI error why not, and what they make
// of it is sound. Ten thousand each.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Route } from "#kernel/netlink/route";
import type { Rule } from "#kernel/netlink/rule";
import type { Sys } from "#kernel/sys";
import { cniErrorContract } from "#spec/documents/cni-error";
import { validate } from "#spec/validate";
import { sys } from "#sys";
import type { NetworkConfig } from "../../../cni-plugins/config.ts";
import { CniError } from "../../../cni-plugins/error.ts";
import { Fields, type JsonObject } from "../../../cni-plugins/fields.ts";
import { bandwidthConfig } from "../../../cni-plugins/meta/bandwidth/config.ts";
import { shapingRequests } from "../../../cni-plugins/meta/bandwidth/shape.ts";
import { containerAddresses, portmapConfig } from "../../../cni-plugins/meta/portmap/config.ts";
import {
  conditionalRules,
  masqueradeElements,
  portElements,
  readElement,
  SETS,
} from "../../../cni-plugins/meta/portmap/nft-elements.ts";
import { planRoutes } from "../../../cni-plugins/meta/sbr/plan.ts";
import { sysctlPathOf } from "../../../cni-plugins/meta/tuning/config.ts";
import { duplicateKeyIn } from "../../../cni-plugins/meta/tuning/duplicates.ts";
import { pluginNamed } from "../../../cni-plugins/registry.ts";
import { readResult } from "../../../cni-plugins/result/read.ts";
import { serve, type Streams } from "../../../cni-plugins/skeleton.ts";

const RUNS = { numRuns: 10_000 };

/** Only looking at paths is allowed: with a namespace that does not exist a plugin gets no further. */
const readOnly: Sys = new Proxy(sys, {
  get(target, key) {
    const allowed = ["open", "openFile", "read", "fstatfsType", "close"];
    if (allowed.includes(String(key))) return Reflect.get(target, key) as unknown;
    throw new Error(`a plugin used ${String(key)}`);
  },
});
const machine = {
  sys: readOnly,
  nftables: () => {
    throw new Error("a plugin opened nftables");
  },
  netfilter: () => {
    throw new Error("a plugin asked the packet filter");
  },
};

const words = fc.constantFrom(
  ...[
    "",
    "nftables",
    "iptables",
    "tcp",
    "UDP",
    "sctp",
    "10.0.0.2/24",
    "fd00::2/64",
    "10.0.0.1",
    "::",
    "0.0.0.0",
    "eth0",
    "/n",
    "net.ipv4.x",
  ],
);
const key = fc.constantFrom(
  ...[
    "runtimeConfig",
    "portMappings",
    "hostPort",
    "HostPort",
    "containerPort",
    "protocol",
    "hostIP",
    "snat",
    "masqAll",
  ],
  ...[
    "backend",
    "conditionsV4",
    "markMasqBit",
    "bandwidth",
    "ingressRate",
    "ingressBurst",
    "egressRate",
    "egressBurst",
  ],
  ...["shapedSubnets", "ingressPolicy", "firewalldZone", "iptablesAdminChainName", "sysctl", "mac", "mtu", "promisc"],
  ...["allmulti", "txQLen", "dataDir", "args", "cni", "table", "gateways", "addSourceHints", "vrfname", "prevResult"],
  ...["ips", "interfaces", "routes", "address", "interface", "name", "sandbox", "gateway", "cniVersion", "dns"],
);
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null), fc.string({ maxLength: 8 }), fc.double()),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 5 }),
  ),
}));
const document = fc.dictionary(key, anything, { maxKeys: 10 });

const PLUGINS = ["portmap", "bandwidth", "firewall", "tuning", "sbr", "vrf"] as const;

describe.each(PLUGINS)("%s", (name) => {
  test("any document and previous result: an error of CNI's shape, or none", () => {
    fc.assert(
      fc.property(fc.constantFrom("ADD", "CHECK"), document, (command, given) => {
        let output = "";
        const input = JSON.stringify({ ...given, cniVersion: "1.0.0", name: "net" });
        const streams: Streams = {
          readInput: () => input,
          readAvailableInput: () => input,
          writeOutput: (text) => void (output += text),
          writeError: () => {},
        };
        const variables = {
          CNI_COMMAND: command,
          CNI_CONTAINERID: "c1",
          CNI_NETNS: "/nonexistent",
          CNI_IFNAME: "eth0",
          CNI_PATH: "/n",
        };
        const status = serve(pluginNamed(name)!, variables, streams, machine, pluginNamed);
        if (status === 1) expect(() => validate<unknown>(cniErrorContract, JSON.parse(output))).not.toThrow();
      }),
      RUNS,
    );
  });
});

function configOf(value: JsonObject): NetworkConfig {
  return { name: "net", cniVersion: "1.0.0", fields: new Fields(value), document: value };
}

/** Undefined when it is refused as it should be. */
function read<T>(reader: () => T): T | undefined {
  try {
    return reader();
  } catch (error) {
    expect(error).toBeInstanceOf(CniError);
    return undefined;
  }
}

const port = fc.integer({ min: -1, max: 70_000 });
const mapping = fc.record(
  { hostPort: port, containerPort: port, protocol: words, hostIP: words },
  { requiredKeys: ["hostPort", "containerPort"] },
);
const result = fc.record({
  interfaces: fc.array(fc.record({ name: words, sandbox: words }), { maxLength: 3 }),
  ips: fc.array(fc.record({ address: fc.constantFrom("10.0.0.2/24", "fd00::2/64"), interface: fc.nat(4) }), {
    maxLength: 3,
  }),
});

const twice = (bytes: Uint8Array): [Uint8Array, Uint8Array] => [bytes, bytes];

/** An element's words as the kernel has them: the first and the last of an interval. */
function bytesOf(text: string): [Uint8Array, Uint8Array] {
  const parts = text.split(" . ").map((word): [Uint8Array, Uint8Array] => {
    const protocol = ["tcp", "udp", "sctp"].indexOf(word);
    if (protocol >= 0) return twice(Uint8Array.of([6, 17, 132][protocol]!, 0, 0, 0));
    if (/^\d+$/.test(word)) return twice(Uint8Array.of(Number(word) >> 8, Number(word) & 255, 0, 0));
    if (!word.includes("/")) return twice(Address.parse(word).toBytes());
    const { first, last } = Prefix.parse(word);
    return [first.toBytes(), last.toBytes()];
  });
  return [0, 1].map((end) => Uint8Array.from(parts.flatMap((part) => [...part[end]!]))) as [Uint8Array, Uint8Array];
}

test("portmap: every mapping that is taken is an element that can be read again", () => {
  fc.assert(
    fc.property(fc.array(mapping, { maxLength: 4 }), result, (portMappings, prevResult) => {
      const config = read(() => portmapConfig(configOf({ runtimeConfig: { portMappings } })));
      if (config === undefined) return;
      const addresses = containerAddresses(readResult(prevResult, "1.0.0", "prevResult"), "eth0");
      for (const address of Object.values(addresses)) {
        const elements = [...portElements(config, address, "c"), ...masqueradeElements(config, address, "c")];
        expect(conditionalRules(config, address, "c").every((rule) => !/[\r\n;]/.test(rule))).toBe(true);
        for (const { set, key: text, value } of elements) {
          const [key, keyEnd] = bytesOf(text);
          const data = value === undefined ? undefined : bytesOf(value)[0];
          const element = { set, key: text, comment: "c", ...(value === undefined ? {} : { value }) };
          expect(readElement(set, { key, keyEnd, data, comment: "c" })).toEqual(element);
        }
      }
    }),
    RUNS,
  );
});

test("elements of any bytes are read without a crash", () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const found = fc.record({
    key: bytes,
    keyEnd: fc.option(bytes, { nil: undefined }),
    data: fc.option(bytes, { nil: undefined }),
    comment: fc.string(),
  });
  fc.assert(
    fc.property(fc.constantFrom("none", ...SETS.keys()), found, (set, element) => void readElement(set, element)),
    RUNS,
  );
});

test("bandwidth: what is taken makes requests within the kernel's limits", () => {
  const amount = fc.oneof(
    fc.nat(),
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    fc.constantFrom(1, 8, 8 * 0xffff_ffff),
  );
  const limits = fc.record({
    ingressRate: amount,
    ingressBurst: amount,
    shapedSubnets: fc.array(words, { maxLength: 2 }),
  });
  fc.assert(
    fc.property(limits, (given) => {
      const config = read(() => bandwidthConfig(configOf(given)));
      if (config?.ingress === undefined) return;
      const messages = shapingRequests(1, config.ingress, config.choice, "source");
      expect(messages.length).toBe(config.choice === undefined ? 1 : 3 + config.choice.subnets.length);
    }),
    RUNS,
  );
});

test("tuning: no key leads out of /proc/sys/net", () => {
  const part = fc.constantFrom("net", "ipv4", "..", ".", "/", "IFNAME", "kernel", "", "conf", "../..", "\0", "$&");
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }),
      fc.constantFrom(".", "/"),
      fc.constantFrom("eth0", "eth0.1", "...", "$&"),
      (parts, by, ifname) => {
        const path = read(() => sysctlPathOf(parts.join(by), ifname));
        if (path !== undefined)
          expect(new URL(`file:///proc/sys/${path}`.replaceAll("\0", "")).pathname).toMatch(/^\/proc\/sys\/net\/./);
      },
    ),
    RUNS,
  );
});

test("tuning: a key that comes twice is found, and only then", () => {
  const keys = fc.array(fc.string({ maxLength: 5 }), { maxLength: 5 });
  fc.assert(
    fc.property(keys, fc.jsonValue(), (names, other) => {
      const body = names.map((name) => `${JSON.stringify(name)}: "1"`).join(", ");
      const text = `{"other": ${JSON.stringify(other)}, "SysCtl" : {${body}}, "nested": {"sysctl": {"a": 1}}}`;
      expect(duplicateKeyIn(text, "sysctl") !== undefined).toBe(new Set(names).size < names.length);
    }),
    RUNS,
  );
});

const v4 = fc.nat(0xff_ffff).map((low) => Address.fromBigInt(4, BigInt(0x0a00_0000 + low)));
const prefix = fc.tuple(v4, fc.integer({ min: 8, max: 32 })).map(([address, length]) => Prefix.of(address, length));
const table = fc.constantFrom(100, 101, 103, 254, 255, 253);
const route: fc.Arbitrary<Route> = fc
  .tuple(prefix, table, fc.nat(3), fc.option(v4), fc.option(v4))
  .map(([destination, number, oif, gateway, source]) => ({
    ...{ destination: destination.masked, table: number, oif, protocol: 4 },
    ...(gateway === null ? {} : { gateway }),
    ...(source === null ? {} : { source }),
  }));
const rule: fc.Arbitrary<Rule> = fc
  .tuple(v4, table)
  .map(([from, number]) => ({ family: 4, from: Prefix.of(from, 32), table: number }));

test("sbr: tables are free, and nothing but the interface's own main routes is removed", () => {
  const ips = fc.array(
    prefix.map((address) => ({ address })),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(
      ips,
      fc.array(rule, { maxLength: 4 }),
      fc.array(route, { maxLength: 6 }),
      fc.boolean(),
      (given, rules, routes, addSourceHints) => {
        const plan = planRoutes(given, { table: undefined, gateways: {}, addSourceHints }, rules, routes, 1);
        const others = routes.filter((item) => item.oif !== 1);
        const taken = new Set([...rules, ...others].map((item) => item.table));
        for (const added of plan.rules) {
          expect(added.table).toBeGreaterThanOrEqual(100);
          expect(taken.has(added.table)).toBe(false);
        }
        expect(plan.removed.every((item) => item.table === 254 && item.oif === 1 && routes.includes(item))).toBe(true);
        expect(plan.routes.every((item) => item.oif === 1 && item.table !== 254)).toBe(true);
      },
    ),
    RUNS,
  );
});
