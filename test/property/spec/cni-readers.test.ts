// The plugins read their input by themselves, with CNI's error codes; the schemas say the same. Every key that a plugin
// reads stands in a schema, and what a plugin cannot decode the schema refuses.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { validate } from "#spec/validate";
import { sys } from "#sys";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NetworkConfig } from "../../../cni-plugins/config.ts";
import { CNI_ERROR, CniError } from "../../../cni-plugins/error.ts";
import { Fields, type JsonObject } from "../../../cni-plugins/fields.ts";
import { hostLocalConfig, storeConfig } from "../../../cni-plugins/ipam/host-local/config.ts";
import { dhcpConfig } from "../../../cni-plugins/ipam/dhcp/config.ts";
import { staticConfig } from "../../../cni-plugins/ipam/static/config.ts";
import { readInterfaceOptions, readMtu } from "../../../cni-plugins/interface/options.ts";
import { bridgeConfig } from "../../../cni-plugins/main/bridge/config.ts";
import { hostDeviceConfig } from "../../../cni-plugins/main/host-device/config.ts";
import { ipvlanConfig } from "../../../cni-plugins/main/ipvlan/config.ts";
import { macvlanConfig } from "../../../cni-plugins/main/macvlan/config.ts";
import { ptpConfig } from "../../../cni-plugins/main/ptp/config.ts";
import { tapConfig } from "../../../cni-plugins/main/tap/config.ts";
import { vlanConfig } from "../../../cni-plugins/main/vlan/config.ts";
import { bandwidthConfig } from "../../../cni-plugins/meta/bandwidth/config.ts";
import { firewallConfig } from "../../../cni-plugins/meta/firewall/config.ts";
import { dataDirectory, flannelConfig } from "../../../cni-plugins/meta/flannel/config.ts";
import { portmapConfig } from "../../../cni-plugins/meta/portmap/config.ts";
import { sbrConfig } from "../../../cni-plugins/meta/sbr/config.ts";
import { dataDirectory as tuningDirectory, tuningConfig } from "../../../cni-plugins/meta/tuning/config.ts";
import { vrfConfig } from "../../../cni-plugins/meta/vrf/config.ts";
import { readSchemas, type Schema } from "../../../daemon/build/validators.ts";
import { SAMPLES } from "../../unit/spec/contracts.ts";
import { placesIn, replaced } from "../../unit/spec/places.ts";

function keysOf(schema: Schema): string[] {
  const parts = [...Object.values(schema.properties ?? {}), ...Object.values(schema.$defs ?? {})];
  if (schema.items !== undefined) parts.push(schema.items);
  return [...Object.keys(schema.properties ?? {}), ...parts.flatMap(keysOf)];
}

test("every key that a plugin reads stands in a schema", () => {
  const root = fileURLToPath(new URL("../../../cni-plugins/", import.meta.url));
  const read = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [
      ...readFileSync(path.join(root, file), "utf8").matchAll(
        /\.(?:raw|has|string|boolean|integer|object|list|objects|objectLists|strings|address|prefix|mac)\(\s*"([\w./-]+)"/g,
      ),
    ])
    .map((match) => match[1] ?? "");
  const known = new Set([...readSchemas().values()].flatMap(keysOf));
  expect(new Set(read).size).toBeGreaterThan(30);
  expect([...new Set(read)].filter((key) => !known.has(key))).toEqual([]);
});

const READERS: Readonly<Record<string, (config: NetworkConfig) => void>> = {
  "cni-bandwidth": (config) => void bandwidthConfig(config),
  "cni-bridge": (config) => void bridgeConfig(config, ""),
  "cni-firewall": (config) => void firewallConfig(config),
  "cni-portmap": (config) => void portmapConfig(config),
  "cni-sbr": (config) => void sbrConfig(config),
  "cni-tuning": (config) => void [tuningDirectory(config), tuningConfig(config, "")],
  "cni-vrf": (config) => void vrfConfig(config),
  "cni-dhcp": (config) => void dhcpConfig(config, ""),
  "cni-dummy": (config) => void [readInterfaceOptions(config), readMtu(config.fields)],
  "cni-host-device": (config) => void hostDeviceConfig(config, sys),
  "cni-ipvlan": (config) => void ipvlanConfig(config),
  "cni-macvlan": (config) => void macvlanConfig(config, ""),
  "cni-ptp": (config) => void ptpConfig(config),
  "cni-static": (config) => void staticConfig(config, ""),
  "cni-tap": (config) => void tapConfig(config, ""),
  "cni-vlan": (config) => void vlanConfig(config),
  "cni-flannel": (config) => void [flannelConfig(config), dataDirectory(config)],
  "cni-host-local": (config) => void [storeConfig(config), hostLocalConfig(config, "")],
};

/** The code a plugin gives for a document, 0 when it takes it. */
function codeOf(schema: string, document: JsonObject): number {
  try {
    READERS[schema]!({ name: "n", cniVersion: "1.1.0", fields: new Fields(document), document });
    return 0;
  } catch (error) {
    if (error instanceof CniError) return error.cniCode;
    throw error;
  }
}

function isRefused(schema: string, document: JsonObject): boolean {
  try {
    validate(SAMPLES.find((sample) => sample.schema === schema)!.contract, document);
    return false;
  } catch {
    return true;
  }
}

describe.each(Object.keys(READERS))("%s", (schema) => {
  const { document } = SAMPLES.find((sample) => sample.schema === schema)!;

  test("what the plugin cannot decode, the schema refuses", () => {
    const spoilt = fc
      .tuple(fc.constantFrom(...placesIn(document).filter(({ length }) => length > 0)), fc.jsonValue())
      .map(([place, by]) => replaced(document, place, by) as JsonObject);
    let decodingFailures = 0;
    fc.assert(
      fc.property(spoilt, (changed) => {
        if (codeOf(schema, changed) !== CNI_ERROR.decodingFailure) return;
        decodingFailures++;
        expect(isRefused(schema, changed)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(decodingFailures).toBeGreaterThan(0);
  });
});
