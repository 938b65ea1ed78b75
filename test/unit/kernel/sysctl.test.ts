// Names of sysctls in both spellings.
import { describe, expect, test } from "vitest";
import { readSysctl, sysctlPath } from "#kernel/sysctl";

describe("sysctlPath", () => {
  test.each([
    ["net.ipv4.ip_forward", "net/ipv4/ip_forward"],
    ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
    ["net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"],
    ["net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"],
  ])("%s", (name, path) => expect(sysctlPath(name)).toBe(path));

  test.each([
    "",
    "nonsense",
    "../etc/passwd",
    "net/../../etc/passwd",
    "net.ipv4.//.x",
    "/net/ipv4",
    "net//x",
    "net/./x",
    "net/x\0",
    "net.",
  ])("%j is refused", (name) =>
    expect(() => sysctlPath(name)).toThrow(expect.objectContaining({ code: "ERR_CONFIG" })),
  );
});

test("a parameter that is not there is undefined", () => {
  expect(readSysctl("net/ipv4/nonexistent")).toBeUndefined();
  expect(readSysctl("kernel/ostype/deeper")).toBeUndefined();
  expect(readSysctl("kernel.ostype")).toBe("Linux");
});
