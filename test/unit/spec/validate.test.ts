// Validation: what each contract accepts, and errors that name every field, what was found and what is allowed.
import { vxlanOptionsContract } from "#spec/documents/backend-options";
import { bridgeConfContract } from "#spec/documents/cni-bridge";
import { confListContract } from "#spec/documents/cni-conf-list";
import { hostLocalConfContract } from "#spec/documents/cni-host-local";
import { netConfContract } from "#spec/documents/cni-net-conf";
import { cniResult040Contract, cniResult110Contract } from "#spec/documents/cni-result";
import { leaseContract, vxlanDataContract } from "#spec/documents/lease";
import { networkConfigContract } from "#spec/documents/network-config";
import { LodenError } from "#spec/errors";
import { DocumentError, parseDocument, validate, type Contract } from "#spec/validate";
import { describe, expect, test } from "vitest";
import { SAMPLES } from "./contracts.ts";

function mistakesIn(contract: Contract<unknown>, document: unknown): readonly string[] {
  try {
    validate(contract, document);
    return [];
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return error.message.replace(/^invalid [^:]*: /, "").split("; ");
  }
}

describe("every contract", () => {
  test.each(SAMPLES)("$schema accepts a document with every key", ({ contract, document }) => {
    expect(validate(contract, document)).toEqual(document);
  });

  test.each(SAMPLES)("$schema refuses what is no object, by name", ({ contract }) => {
    for (const [document, found] of [
      [[], "[]"],
      ["x", '"x"'],
      [1, "1"],
      [null, "null"],
    ]) {
      expect(() => validate(contract, document)).toThrow(
        expect.objectContaining({
          code: contract.code,
          message: `invalid ${contract.name}: it is ${String(found)}, must be an object in { }`,
        }),
      );
    }
  });

  test.each(SAMPLES)("$schema refuses each of its scalars when it has another type", ({ contract, document }) => {
    for (const [key, value] of Object.entries(document)) {
      if (typeof value === "object" || contract === confListContract || key === "BackendV6Data") continue;
      for (const wrong of [
        [],
        {},
        typeof value === "string" ? 1 : JSON.stringify(value),
        typeof value === "boolean" ? 1 : true,
      ]) {
        expect([key, mistakesIn(contract, { ...document, [key]: wrong })]).toEqual([
          key,
          [expect.stringContaining(`${key} is `)],
        ]);
      }
      expect(mistakesIn(contract, { ...document, [key]: Number.NaN })).toHaveLength(1);
    }
  });
});

describe("errors", () => {
  test("tell all mistakes, with path, value and what is allowed", () => {
    const document = {
      name: "-a",
      MTU: "1500",
      isGateway: "true",
      vlan: 4095,
      vlanTrunk: [{ minid: 0 }],
      bridge: "a-name-that-is-too-long",
      ipMasqBackend: "ipfw",
      dns: { search: [1] },
      capabilities: { mac: "yes" },
      runtimeConfig: { mac: "02:00" },
    };
    expect(mistakesIn(bridgeConfContract, document).toSorted()).toEqual(
      [
        `name is "-a", must be a letter or digit followed by letters, digits, '_', '.' and '-'`,
        `mtu is "1500", must be a whole number, without quotes`,
        `isGateway is "true", must be true or false, without quotes`,
        `vlan is 4095, must be 4094 or less`,
        `vlanTrunk[0].minID is 0, must be 1 or more`,
        `bridge is "a-name-that-is-too-long", must be an interface name: 1 to 15 bytes without '/', ':' and white space`,
        `ipMasqBackend is "ipfw", must be one of "iptables", "nftables"`,
        `dns.search[0] is 1, must be text in quotes`,
        `capabilities.mac is "yes", must be true or false, without quotes`,
        `runtimeConfig.mac is "02:00", must be a MAC address like 02:00:5e:10:00:01`,
      ].toSorted(),
    );
  });

  test("carry the mistakes as data, the document's name and the first field", () => {
    let caught: unknown;
    try {
      validate(networkConfigContract, { Network: "10.0.0.0", SubnetLen: 24.5 });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(LodenError);
    expect(caught).toMatchObject({
      code: "ERR_CONFIG",
      fields: { document: "network configuration", field: "Network" },
      mistakes: [
        { path: "Network", keyword: "format", found: '"10.0.0.0"', allowed: "an IPv4 prefix like 10.5.0.0/16" },
        { path: "SubnetLen", keyword: "type", found: "24.5", allowed: "a whole number, without quotes" },
      ],
    });
  });

  test("name a key that is missing, and keys with slashes and tildes", () => {
    expect(mistakesIn(hostLocalConfContract, { ipam: { ranges: [[{}]] } })).toEqual([
      "ipam.ranges[0][0].subnet is missing",
    ]);
    expect(mistakesIn(hostLocalConfContract, {})).toEqual(["ipam is missing"]);
    expect(mistakesIn(netConfContract, { capabilities: { "a/b~c": 1 } })).toEqual([
      "capabilities.a/b~c is 1, must be true or false, without quotes",
    ]);
    expect(mistakesIn(netConfContract, { "cni.dev/valid-attachments": [{ containerID: "c" }] })).toEqual([
      "cni.dev/valid-attachments[0].ifname is missing",
    ]);
  });

  test("show long values shortened", () => {
    expect(mistakesIn(networkConfigContract, { Network: "9".repeat(5000) })[0]?.length).toBeLessThan(200);
  });

  test.each([
    ["", "not JSON: it is empty"],
    [" \n", "not JSON: it is empty"],
    ["{", "not JSON: "],
    ['{"Network":"10.0.0.0/16"} x', "not JSON: "],
    ["{'a':1}", "not JSON: "],
  ])("text %j is not JSON, and the error says of what", (text, message) => {
    expect(() => parseDocument(networkConfigContract, text)).toThrow(
      expect.objectContaining({
        code: "ERR_CONFIG",
        message: expect.stringContaining(`invalid network configuration: ${message}`) as string,
      }),
    );
  });
});

describe("network configuration", () => {
  test.each([
    { Network: "10.0.0.0/8", SubnetLen: 33 },
    { Network: "fd00::/48" },
    { IPv6Network: "10.0.0.0/8" },
    { Network: "10.0.0.0/8/8" },
    { Network: "" },
    { SubnetMin: "" },
    { SubnetMin: "010.0.0.0" },
    { SubnetLen: "24" },
    { SubnetLen: -1 },
    { EnableIPv4: "true" },
    { EnableIPv6: 1 },
    { Backend: "vxlan" },
    { Backend: { Type: 1 } },
  ])("%j is refused", (document) => {
    expect(mistakesIn(networkConfigContract, document)).toHaveLength(1);
  });

  test.each([
    [{ VNI: 16_777_216 }, "VNI is 16777216, must be 16777215 or less"],
    [{ vni: -1 }, "VNI is -1, must be 0 or more"],
    [{ port: 65_536 }, "Port is 65536, must be 65535 or less"],
    [{ Port: "8472" }, 'Port is "8472", must be a whole number, without quotes'],
    [{ DirectRouting: "yes" }, 'DirectRouting is "yes", must be true or false, without quotes'],
  ])("vxlan options %j are refused", (options, message) => {
    expect(() => validate(vxlanOptionsContract, options)).toThrow(
      expect.objectContaining({ code: "ERR_BACKEND", message: `invalid Backend of type vxlan: ${message}` }),
    );
  });
});

describe("leases", () => {
  test("flannel's null stands for no IPv6 address, unknown keys and old vxlan data are welcome", () => {
    const lease = validate(leaseContract, JSON.parse('{"publicip":"1.2.3.4","PublicIPv6":null,"Later":{"a":1}}'));
    expect(lease).toEqual({ PublicIP: "1.2.3.4", Later: { a: 1 } });
    expect(validate(vxlanDataContract, { VtepMAC: "C6:D2:32:6F:8F:44" })).toEqual({ VtepMAC: "C6:D2:32:6F:8F:44" });
  });

  test.each([
    [leaseContract, { PublicIP: "fd00::1" }],
    [leaseContract, { PublicIP: 16_909_060 }],
    [leaseContract, { PublicIPv6: "1.2.3.4" }],
    [leaseContract, { BackendType: 1 }],
    [leaseContract, { Epoch: 1.5 }],
    [vxlanDataContract, {}],
    [vxlanDataContract, { VtepMAC: "c6:d2:32:6f:8f" }],
    [vxlanDataContract, { VtepMAC: "c6:d2:32:6f:8f:44", VNI: "1" }],
  ])("a bad one is ERR_LEASE_INVALID", (contract, document) => {
    expect(() => validate(contract as Contract<unknown>, document)).toThrow(
      expect.objectContaining({ code: "ERR_LEASE_INVALID" }),
    );
  });
});

describe("CNI", () => {
  test("results of libcni 1.0 with an empty dns, and nothing but a version", () => {
    expect(validate(cniResult110Contract, { cniVersion: "1.0.0", dns: {} })).toEqual({ cniVersion: "1.0.0", dns: {} });
    expect(validate(cniResult110Contract, { ips: null, routes: null })).toEqual({});
  });

  test("results with addresses that cannot be", () => {
    expect(mistakesIn(cniResult040Contract, { ips: [{ version: "5", address: "10.0.0.1" }] })).toEqual([
      'ips[0].version is "5", must be one of "4", "6"',
      'ips[0].address is "10.0.0.1", must be an IP prefix like 10.5.0.0/16',
    ]);
  });

  test("lists need a name and typed plugins", () => {
    expect(mistakesIn(confListContract, { plugins: [] })).toEqual([
      "name is missing",
      "plugins is [], must be an array of 1 or more",
    ]);
    expect(mistakesIn(confListContract, { name: "n", plugins: [{}], disableCheck: "yes" })).toEqual([
      'disableCheck is "yes", must be one of true, false, "true", "false"',
      "plugins[0].type is missing",
    ]);
  });
});
