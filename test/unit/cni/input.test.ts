// What comes into a plugin apart from the configuration: versions, CNI_ARGS, the names in the environment.
import { describe, expect, test } from "vitest";
import { readArguments } from "../../../cni-plugins/arguments.ts";
import { interfaceNameProblem, isIdentifier, readEnvironment } from "../../../cni-plugins/environment.ts";
import { attachmentAlias, hostVethName, networkAlias } from "../../../cni-plugins/interface/marks.ts";
import { chainName } from "../../../cni-plugins/rules/iptables.ts";
import { isAtLeast } from "#spec/cni-versions";
import { decodeVersion, requireSupported } from "../../../cni-plugins/version.ts";

describe("versions", () => {
  test.each(["", undefined, null])("%j is 0.1.0", (value) => expect(decodeVersion(value)).toBe("0.1.0"));
  test.each(["x", "1.0.0.0", "1..0", "-1", "1.0.0-rc1", 1, {}, "9999999999.0.0"])("%j is none", (value) => {
    expect(() => decodeVersion(value)).toThrow("is not a version");
  });
  test("compared by number, not by text", () => {
    expect(isAtLeast("0.10.0", "0.4.0")).toBe(true);
    expect(isAtLeast("0.3.1", "0.4.0")).toBe(false);
    expect(isAtLeast("1", "1.0.0")).toBe(true);
  });
  test("a version that equals a supported one in number only is not supported", () => {
    expect(() => requireSupported({}, "1.0")).toThrow("incompatible CNI versions");
  });
  test("a plugin may need a later version than the first", () => {
    expect(requireSupported({ since: "0.3.0" }, "0.3.0")).toBe("0.3.0");
    expect(() => requireSupported({ since: "0.3.0" }, "0.2.0")).toThrow("incompatible CNI versions");
  });
});

describe("CNI_ARGS", () => {
  test("pairs, with the keys of siblings and of Kubernetes allowed", () => {
    const text = "IgnoreUnknown=0;K8S_POD_NAME=x;MAC=02:00:00:00:00:01;IP=10.0.0.5;GATEWAY=10.0.0.1";
    expect(readArguments(text).get("IP")).toBe("10.0.0.5");
    expect(readArguments("").size).toBe(0);
    expect(readArguments("IgnoreUnknown=true;FOO=").get("FOO")).toBe("");
  });
  test.each([
    ["IP=10.0.0.5;", 'invalid pair ""'],
    ["IP", 'invalid pair "IP"'],
    ["A=b=c", 'invalid pair "A=b=c"'],
    ["FOO=1;BAR=2", 'unknown args ["FOO=1" "BAR=2"]'],
    ["ip=10.0.0.5", 'unknown args ["ip=10.0.0.5"]'],
    ["IgnoreUnknown=maybe", "IgnoreUnknown=maybe"],
  ])("%s is refused", (text, part) => expect(() => readArguments(text)).toThrow(part));
});

describe("names", () => {
  test("identifiers are a letter or digit and then what the specification allows", () => {
    expect(["a", "0", "a.b_c-d", "x".repeat(300)].every(isIdentifier)).toBe(true);
    expect(["", "-a", ".a", "a/b", "a b", "a\n", "ä"].some(isIdentifier)).toBe(false);
  });
  test("interface names are at most 15 bytes without separators", () => {
    expect(["eth0", "a".repeat(15), "e-t.h@0"].map(interfaceNameProblem)).toEqual([undefined, undefined, undefined]);
    for (const name of ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\u00a0b", "é".repeat(8)]) {
      expect(interfaceNameProblem(name), name).toBeTypeOf("string");
    }
  });
  test("the directories of CNI_PATH are taken as they come", () => {
    const base = { CNI_COMMAND: "GC", CNI_PATH: "/a::b" };
    expect(readEnvironment(base).path).toEqual(["/a", "", "b"]);
    // Not required by GC, so not looked at.
    expect(readEnvironment({ ...base, CNI_IFNAME: "a/b", CNI_CONTAINERID: "-" }).command).toBe("GC");
  });
});

describe("marks", () => {
  test("a veth's name and alias follow from the attachment, whatever the length of its names", () => {
    expect(hostVethName("n", "c", "eth0")).toMatch(/^veth[\da-f]{8}$/);
    expect(hostVethName("n", "c", "eth0")).not.toBe(hostVethName("n", "c", "eth1"));
    expect(attachmentAlias("n", "c", "eth0")).toBe("loden-cni:n:c:eth0");
    const long = "x".repeat(400);
    const alias = attachmentAlias(long, `${long}1`, "fifteen-letters");
    expect(alias.length).toBeLessThanOrEqual(255);
    expect(alias.startsWith(networkAlias(long))).toBe(true);
    expect(alias.endsWith(":fifteen-letters")).toBe(true);
    expect(alias).not.toBe(attachmentAlias(long, `${long}2`, "fifteen-letters"));
  });
  test("iptables chains are the Go plugins'", () => {
    expect(chainName({ network: "br", containerId: "c1" })).toBe("CNI-68784c6f7a61c74645c59673");
    expect(chainName({ network: "ctest", containerId: "default-ct1" })).toBe("CNI-1225f9434cb31bc34e6b9508");
  });
});
