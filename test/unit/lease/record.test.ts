// Lease values, byte for byte as flannel writes them, and read with flannel's leniency.
import { Address } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import { describe, expect, test } from "vitest";
import { decodeLease, encodeLease } from "../../../daemon/lease/record.ts";
import { presentAddresses } from "../../../daemon/lease/whereabouts.ts";

const v4 = { 4: Address.parse("192.168.64.3") };

function problem(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof LodenError ? `${error.code}: ${error.message}` : `not ours: ${String(error)}`;
  }
  return "nothing was thrown";
}

describe("encodeLease", () => {
  test("writes flannel's bytes for vxlan", () => {
    const backendData = { 4: { VNI: 1, VtepMAC: "c6:d2:32:6f:8f:44" } };
    expect(encodeLease({ publicAddress: v4, backendType: "vxlan", backendData })).toBe(
      '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
    );
  });

  test("writes no type for the backends that publish none (TestEtcdRegistry)", () => {
    const lease = { publicAddress: { 4: Address.parse("1.2.3.4") }, backendType: "", backendData: {} };
    expect(encodeLease(lease)).toBe('{"PublicIP":"1.2.3.4","PublicIPv6":null}');
  });

  test("has Loden's keys last", () => {
    const lease = { publicAddress: v4, backendType: "host-gw", backendData: {}, nodeId: "n1", epoch: 3 };
    expect(encodeLease(lease)).toBe(
      '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"host-gw","NodeID":"n1","Epoch":3}',
    );
  });

  test("tells what was left", () => {
    const publicAddress = { ...v4, 6: Address.parse("fd00::1") };
    const lease = { publicAddress, backendType: "host-gw", backendData: {}, vacated: { 6: Address.parse("fd00::1") } };
    const text = encodeLease(lease);
    expect(text).toContain(',"BackendType":"host-gw","Vacated":["fd00::1"]}');
    const read = decodeLease("10.5.1.0-24", text);
    expect(Object.values(read.vacated ?? {}).map(String)).toEqual(["fd00::1"]);
    expect(Object.values(presentAddresses(read)).map(String)).toEqual(["192.168.64.3"]);
  });

  test("writes IPv6 as Go does, and 0.0.0.0 where there is no IPv4 address", () => {
    const lease = {
      publicAddress: { 6: Address.parse("FD00:0:0::1") },
      backendType: "vxlan",
      backendData: { 6: { VNI: 1 } },
    };
    expect(encodeLease(lease)).toBe(
      '{"PublicIP":"0.0.0.0","PublicIPv6":"fd00::1","BackendType":"vxlan","BackendV6Data":{"VNI":1}}',
    );
  });

  test("escapes what Go escapes", () => {
    const lease = { publicAddress: v4, backendType: "extension", backendData: { 4: 'a<b>&\u2028"' } };
    expect(encodeLease(lease)).toContain(String.raw`"BackendData":"a\u003cb\u003e\u0026\u2028\""`);
  });
});

describe("decodeLease", () => {
  test("reads back what was written", () => {
    const lease = {
      publicAddress: { ...v4, 6: Address.parse("fd00::1") },
      backendType: "vxlan",
      backendData: { 4: { VNI: 1 }, 6: { VNI: 1 } },
      nodeId: "n1",
      epoch: 2,
    };
    const read = decodeLease("10.5.1.0-24&fd00:5:1::-64", encodeLease(lease));
    expect(read).toMatchObject({ backendType: "vxlan", backendData: lease.backendData, nodeId: "n1", epoch: 2 });
    expect(read.publicAddress[6]?.toString()).toBe("fd00::1");
    expect(read.subnet[6]?.toString()).toBe("fd00:5:1::/64");
  });

  test("takes any case of keys, null for absent, and leaves out 0.0.0.0", () => {
    const read = decodeLease("10.5.1.7-24", '{"publicip":"0.0.0.0","PUBLICIPV6":null,"backendtype":"alloc","x":1}');
    expect(read).toEqual({
      key: "10.5.1.7-24",
      subnet: read.subnet,
      publicAddress: {},
      backendType: "alloc",
      backendData: {},
    });
    expect(read.subnet[4]?.toString()).toBe("10.5.1.0/24");
  });

  test.each([
    ["nonsense", '{"PublicIP":"1.2.3.4"}', /"nonsense" is not a lease key/],
    ["10.5.1.0-24", "", /empty/],
    ["10.5.1.0-24", "{", /not JSON/],
    ["10.5.1.0-24", "[]", /object/],
    ["10.5.1.0-24", '{"PublicIP":7}', /PublicIP/],
    ["10.5.1.0-24", '{"PublicIP":"fd00::1"}', /PublicIP/],
    ["10.5.1.0-24", '{"PublicIPv6":"1.2.3.4"}', /PublicIPv6/],
    ["10.5.1.0-24", '{"PublicIP":"1.2.3.4","BackendType":{}}', /BackendType/],
    ["10.5.1.0-24", '{"PublicIP":"1.2.3.4","NodeID":5}', /NodeID/],
    ["10.5.1.0-24", '{"PublicIP":"1.2.3.4","Epoch":"1"}', /Epoch/],
    ["10.5.1.0-24", '{"PublicIP":"1.2.3.4","Vacated":"1.2.3.4"}', /Vacated/],
  ])("refuses %s = %s by name", (key, value, expected) => {
    const text = problem(() => decodeLease(key, value));
    expect(text).toMatch(/^ERR_LEASE_INVALID: /);
    expect(text).toMatch(expected);
  });
});
