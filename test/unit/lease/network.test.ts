// Network configuration against flannel's tests (TestConfigDefaults and the like) and its error texts.
import { LodenError } from "#spec/errors";
import { describe, expect, test } from "vitest";
import { parseNetwork } from "../../../daemon/lease/network.ts";
import type { NetworkRange } from "../../../daemon/lease/types.ts";

const BACKEND = '"Backend":{"Type":"vxlan"}';

function shown(range: NetworkRange | undefined): string[] {
  if (range === undefined) return [];
  const { network, subnetMin, subnetMax, subnetLength } = range;
  return [network.toString(), subnetMin.toString(), subnetMax.toString(), `/${subnetLength}`];
}

describe("parseNetwork", () => {
  test("has flannel's defaults", () => {
    const network = parseNetwork(`{"network":"10.3.0.0/16",${BACKEND}}`);
    expect(shown(network.ranges[4])).toEqual(["10.3.0.0/16", "10.3.1.0", "10.3.255.0", "/24"]);
    expect(network.ranges[6]).toBeUndefined();
    expect(network.backend).toEqual({ type: "vxlan", options: {} });
  });

  test("has flannel's defaults for IPv6", () => {
    const network = parseNetwork(`{"EnableIPv4":false,"EnableIPv6":true,"ipv6network":"fc00::/48",${BACKEND}}`);
    expect(network.ranges[4]).toBeUndefined();
    expect(shown(network.ranges[6])).toEqual(["fc00::/48", "fc00:0:0:1::", "fc00:0:0:ffff::", "/64"]);
  });

  test("takes what is written, in any case, with networks masked", () => {
    const text = `{"Network":"10.3.7.9/16","subnetMIN":"10.3.5.0","SubnetMax":"10.3.8.0","SubnetLen":28,
      "backend":{"type":"VXLAN","VNI":7},"EnableNFTables":true}`;
    const network = parseNetwork(text);
    expect(shown(network.ranges[4])).toEqual(["10.3.0.0/16", "10.3.5.0", "10.3.8.0", "/28"]);
    expect(network.backend).toEqual({ type: "vxlan", options: { VNI: 7 } });
    expect(network.enableNFTables).toBe(true);
  });

  test.each([
    ["10.0.0.0/8", "/24", "10.0.1.0"],
    ["10.3.0.0/22", "/24", "10.3.1.0"],
    ["10.3.0.0/23", "/25", "10.3.0.128"],
    ["10.3.0.0/28", "/30", "10.3.0.4"],
  ])("splits %s into %s", (network, length, min) => {
    expect(shown(parseNetwork(`{"Network":"${network}",${BACKEND}}`).ranges[4])).toMatchObject({ 1: min, 3: length });
  });

  test("means udp without a Backend, as flannel does", () => {
    expect(parseNetwork('{"Network":"10.3.0.0/16"}').backend.type).toBe("udp");
  });

  test.each([
    ["", /empty/],
    ["{", /not JSON/],
    ["[]", /object/],
    ['"10.3.0.0/16"', /object/],
    [`{${BACKEND}}`, /please define a correct Network parameter in the flannel config/],
    [`{"Network":null,${BACKEND}}`, /correct Network parameter/],
    [`{"Network":"0.0.0.0/0",${BACKEND}}`, /correct Network parameter/],
    [`{"Network":"10.3.0.0",${BACKEND}}`, /Network is "10.3.0.0"/],
    [`{"Network":"10.3.0.0/33",${BACKEND}}`, /Network is/],
    [`{"Network":"fd00::/48",${BACKEND}}`, /Network is/],
    [`{"Network":5,${BACKEND}}`, /Network is 5/],
    [`{"Network":"10.3.0.0/16","SubnetLen":31,${BACKEND}}`, /SubnetLen must be less than \/31/],
    [
      `{"Network":"10.3.0.0/16","SubnetLen":17,${BACKEND}}`,
      /network must be able to accommodate at least four subnets/,
    ],
    [`{"Network":"10.3.0.0/16","SubnetLen":"24",${BACKEND}}`, /SubnetLen is "24"/],
    [`{"Network":"10.3.0.0/16","SubnetLen":-1,${BACKEND}}`, /SubnetLen is -1/],
    [`{"Network":"10.3.0.0/16","SubnetLen":24.5,${BACKEND}}`, /SubnetLen is 24.5/],
    [`{"Network":"10.3.0.0/29",${BACKEND}}`, /network is too small. Minimum useful network prefix is \/28/],
    [`{"Network":"10.3.0.0/16","SubnetMin":"10.4.0.0",${BACKEND}}`, /SubnetMin is not in the range of the Network/],
    [`{"Network":"10.3.0.0/16","SubnetMax":"10.4.0.0",${BACKEND}}`, /SubnetMax is not in the range of the Network/],
    [
      `{"Network":"10.3.0.0/16","SubnetMin":"10.3.1.1",${BACKEND}}`,
      /SubnetMin is not on a SubnetLen boundary: 10.3.1.1/,
    ],
    [
      `{"Network":"10.3.0.0/16","SubnetMax":"10.3.9.1",${BACKEND}}`,
      /SubnetMax is not on a SubnetLen boundary: 10.3.9.1/,
    ],
    [
      `{"Network":"10.3.0.0/16","SubnetMin":"10.3.9.0","SubnetMax":"10.3.8.0",${BACKEND}}`,
      /SubnetMin is after SubnetMax/,
    ],
    [`{"Network":"10.3.0.0/16","SubnetMin":"x",${BACKEND}}`, /SubnetMin is "x"/],
    [`{"Network":"10.3.0.0/16","EnableIPv4":"yes",${BACKEND}}`, /EnableIPv4/],
    [`{"Network":"10.3.0.0/16","EnableIPv4":false,${BACKEND}}`, /none defined stack/],
    [`{"Network":"10.3.0.0/16","EnableIPv6":true,${BACKEND}}`, /please define a correct IPv6Network parameter/],
    [
      `{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetLen":127,${BACKEND}}`,
      /SubnetLen must be less than \/127 \(IPv6SubnetLen/,
    ],
    [
      `{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetLen":49,${BACKEND}}`,
      /at least four subnets/,
    ],
    [
      `{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/125",${BACKEND}}`,
      /IPv6Network is too small. Minimum useful network prefix is \/124/,
    ],
    [
      `{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetMin":"fd00::",${BACKEND}}`,
      /IPv6SubnetMin is not in the range of the IPv6Network/,
    ],
    [
      `{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetMax":"fc00:0:0:1::1",${BACKEND}}`,
      /IPv6SubnetMax is not on a SubnetLen boundary/,
    ],
    ['{"Network":"10.3.0.0/16","Backend":{}}', /unknown backend type: .*"Backend": \{"Type": "vxlan"\}/],
    ['{"Network":"10.3.0.0/16","Backend":{"Type":""}}', /unknown backend type/],
    ['{"Network":"10.3.0.0/16","Backend":"vxlan"}', /Backend is "vxlan"/],
    ['{"Network":"10.3.0.0/16","Backend":{"Type":7}}', /Backend.Type is 7/],
  ])("refuses %s", (text, expected) => {
    expect(() => parseNetwork(text)).toThrowError(expected);
    expect(() => parseNetwork(text)).toThrowError(LodenError);
    expect(() => parseNetwork(text)).toThrowError(expect.objectContaining({ code: "ERR_CONFIG" }));
  });
});
