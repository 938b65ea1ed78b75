// The examples are valid by their schemas, and the unit file starts the daemon with flags that it has.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bridgeConfContract } from "#spec/documents/cni-bridge";
import { confListContract } from "#spec/documents/cni-conf-list";
import { flannelConfContract } from "#spec/documents/cni-flannel";
import { hostLocalConfContract } from "#spec/documents/cni-host-local";
import { vxlanOptionsContract } from "#spec/documents/backend-options";
import { leaseContract, vxlanDataContract } from "#spec/documents/lease";
import { networkConfigContract } from "#spec/documents/network-config";
import { formatSubnetEnv, parseSubnetEnv } from "#spec/subnet-env";
import { parseDocument, validate } from "#spec/validate";
import { describe, expect, test } from "vitest";
import { environmentName, FLAG_NAMES } from "../../../daemon/options/table.ts";

const root = fileURLToPath(new URL("../../../spec/examples/", import.meta.url));
const read = (file: string): string => readFileSync(root + file, "utf8");
const filesIn = (folder: string): string[] => readdirSync(root + folder).map((file) => `${folder}/${file}`);

describe("examples", () => {
  test.each(filesIn("network-config"))("%s", (file) => {
    const { Backend } = parseDocument(networkConfigContract, read(file));
    if (Backend?.Type === "vxlan") validate(vxlanOptionsContract, Backend);
  });

  test.each(filesIn("lease"))("%s", (file) => {
    const lease = parseDocument(leaseContract, read(file));
    for (const data of [lease.BackendData, lease.BackendV6Data]) {
      if (data !== undefined) validate(vxlanDataContract, data);
    }
  });

  test.each(filesIn("net.d"))("%s", (file) => {
    const list = parseDocument(confListContract, read(file));
    for (const plugin of list.plugins ?? []) {
      const input = { ...plugin, name: list.name, cniVersion: list.cniVersion };
      if (plugin.type === "flannel") validate(flannelConfContract, input);
      if (plugin.type === "bridge") {
        validate(bridgeConfContract, input);
        validate(hostLocalConfContract, input);
      }
    }
  });

  test("subnet.env is what the daemon would write", () => {
    expect(formatSubnetEnv(parseSubnetEnv(read("subnet.env"), "subnet.env"))).toBe(read("subnet.env"));
  });

  test("the resident plugins' unit file starts them where lodend looks for them", () => {
    expect(read("loden-cni.service")).toContain("ExecStart=/opt/loden/cni/loden-cni serve\n");
    expect(read("lodend.service")).toContain("/opt/loden/bin/lodend");
  });

  test("the unit file speaks of options that the daemon has", () => {
    const named = read("lodend.service").match(/LODEN_\w+/g) ?? [];
    expect(named.length).toBeGreaterThan(1);
    const known = FLAG_NAMES.map((name) => environmentName("LODEN", name));
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});
