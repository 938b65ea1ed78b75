// subnet.env: the bytes that are written, the strict reading of the CNI plugin, the lenient one of the daemon.
import { formatSubnetEnv, parsePreviousSubnetEnv, parseSubnetEnv } from "#spec/subnet-env";
import { describe, expect, test } from "vitest";

const dual = {
  networks: { 4: ["10.42.0.0/16"], 6: ["2001:cafe:42::/56"] },
  subnet: { 4: "10.42.3.1/24", 6: "2001:cafe:42:3::1/64" },
  mtu: 1450,
  ipMasq: true,
};
const dualText = `FLANNEL_NETWORK=10.42.0.0/16
FLANNEL_SUBNET=10.42.3.1/24
FLANNEL_IPV6_NETWORK=2001:cafe:42::/56
FLANNEL_IPV6_SUBNET=2001:cafe:42:3::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`;
const rest = "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";

describe("writing", () => {
  test("both families, one, the other", () => {
    expect(formatSubnetEnv(dual)).toBe(dualText);
    expect(
      formatSubnetEnv({ ...dual, networks: { 4: dual.networks[4] }, subnet: { 4: dual.subnet[4] }, ipMasq: false }),
    ).toBe("FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n");
    expect(formatSubnetEnv({ ...dual, networks: { 6: dual.networks[6] }, subnet: { 6: dual.subnet[6] } })).toBe(
      `FLANNEL_IPV6_NETWORK=2001:cafe:42::/56\nFLANNEL_IPV6_SUBNET=2001:cafe:42:3::1/64\n${rest}`,
    );
  });

  test("what is written is read back", () => {
    expect(parseSubnetEnv(formatSubnetEnv(dual), "f")).toEqual(dual);
  });
});

describe("the CNI plugin's reading", () => {
  test("lists lose exact repetitions, carriage returns go, unknown lines are skipped, the last of a key counts", () => {
    const text = `# comment\r\nFLANNEL_NETWORK=10.1.0.0/16,10.2.0.0/16,10.1.0.0/16\r\nFLANNEL_SUBNET=10.1.9.1/24\nFLANNEL_SUBNET=10.1.1.1/24\nfoo=bar=baz\n\n${rest}`;
    expect(parseSubnetEnv(text, "f")).toEqual({
      networks: { 4: ["10.1.0.0/16", "10.2.0.0/16"] },
      subnet: { 4: "10.1.1.1/24" },
      mtu: 1450,
      ipMasq: true,
    });
  });

  test.each(["TRUE", "1", "yes", "", '"true"', " true"])("FLANNEL_IPMASQ=%s is false", (value) => {
    expect(parseSubnetEnv(dualText.replace("IPMASQ=true", `IPMASQ=${value}`), "f").ipMasq).toBe(false);
  });

  test("names all keys that are missing, and only those", () => {
    expect(() => parseSubnetEnv("foo=bar\n", "/run/flannel/subnet.env")).toThrow(
      expect.objectContaining({
        code: "ERR_SUBNET_ENV",
        message:
          "/run/flannel/subnet.env is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ",
      }),
    );
    expect(() => parseSubnetEnv("", "f")).toThrow(/^f is missing FLANNEL_NETWORK, .*FLANNEL_IPMASQ$/);
    expect(() => parseSubnetEnv("FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_MTU=1\nFLANNEL_IPMASQ=x", "f")).toThrow(
      /^f is missing FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET$/,
    );
    expect(() => parseSubnetEnv("FLANNEL_MTU\n", "f")).toThrow(/FLANNEL_MTU/);
  });

  test.each([
    ["FLANNEL_NETWORK=10.42.0.0/16", "FLANNEL_NETWORK=10.42.0.0/16,junk", 'FLANNEL_NETWORK is "junk"'],
    ["FLANNEL_NETWORK=10.42.0.0/16", "FLANNEL_NETWORK=", 'FLANNEL_NETWORK is ""'],
    ["FLANNEL_SUBNET=10.42.3.1/24", "FLANNEL_SUBNET=10.42.3.1", 'FLANNEL_SUBNET is "10.42.3.1"'],
    ["FLANNEL_SUBNET=10.42.3.1/24", 'FLANNEL_SUBNET="10.42.3.1/24"', "FLANNEL_SUBNET is"],
    ["FLANNEL_SUBNET=10.42.3.1/24", "FLANNEL_SUBNET=fd00::1/64", "must be an IPv4 prefix"],
    ["FLANNEL_IPV6_SUBNET=2001:cafe:42:3::1/64", "FLANNEL_IPV6_SUBNET=10.0.0.1/24", "must be an IPv6 prefix"],
    ["FLANNEL_MTU=1450", "FLANNEL_MTU=-1", 'FLANNEL_MTU is "-1"'],
    ["FLANNEL_MTU=1450", "FLANNEL_MTU=4294967296", 'FLANNEL_MTU is "4294967296"'],
    ["FLANNEL_MTU=1450", "FLANNEL_MTU= 1450", 'FLANNEL_MTU is " 1450"'],
  ])("%s as %s is refused by file, key and value", (line, wrong, message) => {
    expect(() => parseSubnetEnv(dualText.replace(line, wrong), "/run/f.env")).toThrow(
      expect.objectContaining({ code: "ERR_SUBNET_ENV", message: expect.stringContaining(message) as string }),
    );
    expect(() => parseSubnetEnv(dualText.replace(line, wrong), "/run/f.env")).toThrow(/^\/run\/f\.env: /);
  });
});

describe("the daemon's reading of what an earlier run left", () => {
  test("quotes, comments, blanks and export are read", () => {
    const text = `# a comment\nexport FLANNEL_NETWORK="10.42.0.0/16" # why\n FLANNEL_SUBNET = '10.42.3.1/24'\r\nFLANNEL_IPV6_NETWORK: fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:3::1/64 # last\n`;
    expect(parsePreviousSubnetEnv(text)).toEqual({
      network: { 4: "10.42.0.0/16", 6: "fd00::/48" },
      subnet: { 4: "10.42.3.1/24", 6: "fd00:0:0:3::1/64" },
    });
  });

  test("junk in a list is skipped; junk alone, several entries and the wrong family are as good as nothing", () => {
    expect(parsePreviousSubnetEnv("FLANNEL_SUBNET=junk, 10.42.3.1/24 ,10.0.0.1/99\n").subnet).toEqual({
      4: "10.42.3.1/24",
    });
    expect(parsePreviousSubnetEnv("FLANNEL_SUBNET=junk,,x/24\nFLANNEL_IPV6_SUBNET=10.0.0.1/24\n").subnet).toEqual({});
    expect(parsePreviousSubnetEnv("FLANNEL_SUBNET=10.42.3.1/24,10.42.4.1/24\n").subnet).toEqual({});
    expect(parsePreviousSubnetEnv("")).toEqual({ network: {}, subnet: {} });
    expect(parsePreviousSubnetEnv("\0\0=\n=\nFLANNEL_SUBNET\n")).toEqual({ network: {}, subnet: {} });
  });
});
