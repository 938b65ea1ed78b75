// Whatever the environment and the input, a plugin ends with 0, or with 1 and an error document; it never throws, and
// with a namespace that does not exist it never gets as far as the machine.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { bridgeConfContract } from "#spec/documents/cni-bridge";
import { cniErrorContract } from "#spec/documents/cni-error";
import { hostLocalConfContract } from "#spec/documents/cni-host-local";
import type { Contract } from "#spec/validate";
import { validate } from "#spec/validate";
import type { Sys } from "#kernel/sys";
import { sys } from "#sys";
import type { NetworkConfig } from "../../../cni-plugins/config.ts";
import { CniError } from "../../../cni-plugins/error.ts";
import { Fields, isObject, type JsonObject } from "../../../cni-plugins/fields.ts";
import { hostLocalConfig, storeConfig } from "../../../cni-plugins/ipam/host-local/config.ts";
import { bridgeConfig } from "../../../cni-plugins/main/bridge/config.ts";
import { pluginNamed } from "../../../cni-plugins/registry.ts";
import { readResult } from "../../../cni-plugins/result/read.ts";
import { resultDocument } from "../../../cni-plugins/result/print.ts";
import { serve, type Streams } from "../../../cni-plugins/skeleton.ts";
import { SUPPORTED_VERSIONS, isAtLeast } from "#spec/cni-versions";
import { PLUGIN_NAMES } from "#spec/plugin-names";

/** Only the calls that look at the path of a namespace; anything else would be work done on an invalid request. */
const readOnly: Sys = new Proxy(sys, {
  get(target, key) {
    if (key === "open" || key === "fstatfsType" || key === "close") return Reflect.get(target, key) as unknown;
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

function run(plugin: string, variables: Record<string, string | undefined>, input: string) {
  let output = "";
  const streams: Streams = {
    readInput: () => input,
    readAvailableInput: () => input,
    writeOutput: (text) => void (output += text),
    writeError: () => {},
  };
  const status = serve(pluginNamed(plugin)!, variables, streams, machine, pluginNamed);
  return { status, output };
}

const KEYS = [
  ...["cniVersion", "name", "type", "bridge", "isGateway", "mtu", "vlan", "vlanTrunk", "ipam", "args", "runtimeConfig"],
  ...["prevResult", "dns", "delegate", "subnetFile", "dataDir", "ranges", "subnet", "rangeStart", "cni", "ips", "mac"],
  ...[
    "interfaces",
    "routes",
    "address",
    "dst",
    "gw",
    "ipMasqBackend",
    "minID",
    "maxID",
    "id",
    "__proto__",
    "IPAM",
    "Name",
  ],
];

const leaf = fc.oneof(
  fc.constantFrom<unknown>("10.0.0.0/24", "10.0.0.1", "fd00::/64", "host-local", "net", "1.0.0", "0.2.0", "", null),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
);
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), tie("value"), { maxKeys: 6 }),
  ),
}));
const document = fc.dictionary(fc.constantFrom(...KEYS), anything, { maxKeys: 10 });
const text = fc.oneof(fc.string(), fc.constantFrom("", "c1", "eth0", "/nonexistent", "1", "IP=10.0.0.1", "a=b;c"));

test("any environment and any input", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PLUGIN_NAMES),
      fc.record({
        CNI_COMMAND: fc.oneof(fc.constantFrom("ADD", "CHECK", "STATUS", "VERSION", "", "DELETE"), fc.string()),
        CNI_CONTAINERID: text,
        CNI_IFNAME: text,
        CNI_ARGS: text,
        CNI_PATH: fc.constantFrom("", "/nonexistent", "/nonexistent::relative"),
      }),
      fc.oneof(
        fc.string(),
        anything.map((value) => JSON.stringify(value)),
        document.map((value) => JSON.stringify(value)),
      ),
      (plugin, variables, input) => {
        // host-local works without a namespace, on disk: its configuration is the next property.
        fc.pre(plugin !== "host-local" || variables.CNI_COMMAND !== "ADD");
        fc.pre(plugin !== "bridge" || variables.CNI_COMMAND !== "STATUS");
        const { status, output } = run(plugin, { ...variables, CNI_NETNS: "/nonexistent" }, input);
        if (status === 1) expect(() => validate<unknown>(cniErrorContract, JSON.parse(output))).not.toThrow();
        else expect(["VERSION", "STATUS", ""]).toContain(variables.CNI_COMMAND.trim());
      },
    ),
    { numRuns: 3000 },
  );
});

function configOf(value: JsonObject): NetworkConfig {
  return { name: "net", cniVersion: "1.0.0", fields: new Fields(value), document: value };
}

/** Whether reading throws nothing, or a CniError; anything else fails the test. */
function accepts(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(CniError);
    return false;
  }
}

test.each<[string, (value: JsonObject) => unknown, Contract<unknown>]>([
  ["bridge", (value) => bridgeConfig(configOf(value), ""), bridgeConfContract],
  [
    "host-local",
    (value) => [hostLocalConfig(configOf(value), ""), storeConfig(configOf(value))],
    hostLocalConfContract,
  ],
])("what %s takes, the schema takes too", (_, read, contract) => {
  fc.assert(
    fc.property(document, (value) => {
      const whole = { ...value, cniVersion: "1.0.0", name: "net", type: "bridge" };
      delete (whole as Record<string, unknown>)["Name"];
      // Parts that the plugin does not read have their own readers.
      for (const key of ["prevResult", "dns", "delegate"]) delete (whole as Record<string, unknown>)[key];
      if (!accepts(() => read(JSON.parse(JSON.stringify(whole)) as JsonObject))) return;
      expect(() => validate(contract, JSON.parse(JSON.stringify(whole)))).not.toThrow();
    }),
    { numRuns: 3000, examples: [[{ vlanTrunk: [null] }], [{ ipam: { ranges: [[null]] } }]] },
  );
});

test("any previous result", () => {
  fc.assert(
    fc.property(
      anything,
      fc.constantFrom(...SUPPORTED_VERSIONS),
      fc.constantFrom(...SUPPORTED_VERSIONS),
      (value, from, to) => {
        if (!isObject(value)) return;
        accepts(() => {
          const result = readResult(JSON.parse(JSON.stringify(value)) as JsonObject, from, "prevResult");
          const printed = JSON.parse(JSON.stringify(resultDocument(result, to))) as JsonObject;
          // What was printed can be read again, and says the same.
          const again = readResult(printed, to, "again");
          expect(JSON.parse(JSON.stringify(resultDocument(again, to)))).toEqual(printed);
          if (isAtLeast(to, "0.3.0")) expect(again.ips).toHaveLength(result.ips.length);
        });
      },
    ),
    { numRuns: 3000 },
  );
});
