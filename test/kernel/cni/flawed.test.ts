// Flawed input: each a CNI error document with the code of the specification and a text that names what is wrong, exit
// status 1, and nothing half made.
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cniErrorContract } from "#spec/documents/cni-error";
import { validate } from "#spec/validate";
import { callPlugin, type Invocation, type Sandbox } from "../../support/cni.ts";
import { FORMS, Host, asError } from "../../support/cni-rig.ts";

let host: Host;
let sandbox: Sandbox;
beforeAll(() => {
  host = new Host();
  sandbox = host.sandbox();
  fs.writeFileSync(path.join(host.work, "plain"), "");
  fs.writeFileSync(path.join(host.work, "bad.env"), "FLANNEL_SUBNET=nonsense\n");
  fs.writeFileSync(path.join(host.work, "empty.env"), "foo=bar\n");
  fs.writeFileSync(
    path.join(host.work, "good.env"),
    "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
  );
});
afterAll(() => host[Symbol.dispose]());

afterEach(() => {
  expect(host.links().map(({ name }) => name)).toEqual(["lo"]);
  expect(host.linksIn(sandbox).map(({ name }) => name)).toEqual(["lo"]);
  const left = fs.readdirSync(host.work, { recursive: true, encoding: "utf8" });
  expect(left.filter((name) => /\/[\da-f.:]+$/.test(name))).toEqual([]);
});

type Flaw = Partial<Omit<Invocation, "config">> & { config?: unknown };

const local = (ipam: object, more: object = {}): object => ({
  cniVersion: "1.0.0",
  name: "net",
  type: "bridge",
  bridge: "flawed0",
  ipam: { type: "host-local", dataDir: path.join(host.work, "ipam"), ...ipam },
  ...more,
});
const bridge = (more: object): object => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "flawed0",
  ...more,
});
const flannel = (more: object): object => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "flannel",
  subnetFile: path.join(host.work, "good.env"),
  dataDir: path.join(host.work, "data"),
  ...more,
});

/** What is wrong, the plugin, how it is called, the code and a part of the message (or the details). */
const FLAWS: readonly (readonly [string, string, () => Flaw, number, string])[] = [
  ["no container id", "bridge", () => ({ variables: { CNI_CONTAINERID: undefined } }), 4, "[CNI_CONTAINERID]"],
  [
    "three variables missing",
    "bridge",
    () => ({ variables: { CNI_NETNS: "", CNI_IFNAME: undefined, CNI_PATH: undefined } }),
    4,
    "[CNI_NETNS,CNI_IFNAME,CNI_PATH]",
  ],
  ["an unknown command", "bridge", () => ({ command: "REMOVE" }), 4, "unknown CNI_COMMAND: REMOVE"],
  ["a command in lower case", "bridge", () => ({ command: "add" }), 4, "unknown CNI_COMMAND: add"],
  [
    "a container id that begins with a dash",
    "bridge",
    () => ({ containerId: "-a" }),
    4,
    "invalid characters in containerID",
  ],
  [
    "a container id with a slash",
    "host-local",
    () => ({ containerId: "a/../b" }),
    4,
    "invalid characters in containerID",
  ],
  [
    "a container id with a new line",
    "flannel",
    () => ({ containerId: "a\nb" }),
    4,
    "invalid characters in containerID",
  ],
  [
    "an interface name that is too long",
    "bridge",
    () => ({ ifname: "sixteen-letters-" }),
    4,
    "interface name is too long",
  ],
  ["an interface name of too many bytes", "bridge", () => ({ ifname: "ääääääää" }), 4, "interface name is too long"],
  ["an interface name with a slash", "bridge", () => ({ ifname: "a/b" }), 4, "contains / or :"],
  ["an interface name with a blank", "bridge", () => ({ ifname: "a b" }), 4, "whitespace"],
  ["the interface name ..", "bridge", () => ({ ifname: ".." }), 4, "interface name is . or .."],
  ["a namespace that is gone", "bridge", () => ({ netns: "/nonexistent" }), 4, "CNI_NETNS"],
  [
    "a namespace that is a plain file",
    "bridge",
    () => ({ netns: path.join(host.work, "plain") }),
    4,
    "is not a network namespace",
  ],
  [
    "a namespace of another kind",
    "loopback",
    () => ({ netns: "/proc/self/ns/mnt", config: { cniVersion: "1.0.0", name: "lo" } }),
    4,
    "CNI_NETNS",
  ],
  [
    "the host's own namespace",
    "bridge",
    () => ({ netns: "/proc/self/ns/net", config: bridge({}) }),
    8,
    "should not be the same",
  ],
  [
    "the host's own namespace on DEL",
    "loopback",
    () => ({ command: "DEL", netns: "/proc/self/ns/net" }),
    8,
    "should not be the same",
  ],
  ["empty input", "bridge", () => ({ config: "" }), 6, "the input is empty"],
  ["input that is not JSON", "bridge", () => ({ config: "{" }), 6, "error unmarshall network config"],
  [
    "garbage after the document",
    "bridge",
    () => ({ config: '{"name":"net"} x' }),
    6,
    "error unmarshall network config",
  ],
  ["a list instead of an object", "flannel", () => ({ config: "[]" }), 6, "not a JSON object"],
  ["a number instead of an object", "host-local", () => ({ config: "7" }), 6, "not a JSON object"],
  ["no network name", "bridge", () => ({ config: { cniVersion: "1.0.0" } }), 7, "missing network name"],
  [
    "a network name with a slash",
    "host-local",
    () => ({ config: { cniVersion: "1.0.0", name: "../etc" } }),
    7,
    "invalid characters found in network name",
  ],
  ["a network name that is a number", "bridge", () => ({ config: { name: 7 } }), 6, "name is 7"],
  ["a version of the future", "bridge", () => ({ config: bridge({ cniVersion: "9.0.0" }) }), 1, 'config is "9.0.0"'],
  ["a version that is none", "bridge", () => ({ config: bridge({ cniVersion: "1.0.0.0" }) }), 6, "1.0.0.0"],
  ["a version that is a number", "bridge", () => ({ config: bridge({ cniVersion: 1 }) }), 6, "cniVersion 1"],
  [
    "CHECK of a version without it",
    "bridge",
    () => ({ command: "CHECK", config: bridge({ cniVersion: "0.3.1" }) }),
    1,
    "does not allow CHECK",
  ],
  ["GC of a version without it", "host-local", () => ({ command: "GC", config: local({}) }), 1, "does not allow GC"],
  [
    "STATUS of a version without it",
    "flannel",
    () => ({ command: "STATUS", config: flannel({ cniVersion: "1.0.0" }) }),
    1,
    "does not allow STATUS",
  ],
  [
    "GC of an attachment without an interface",
    "host-local",
    () => ({
      command: "GC",
      config: { ...local({}), cniVersion: "1.1.0", "cni.dev/valid-attachments": [{ containerID: "a" }] },
    }),
    6,
    "needs containerID and ifname",
  ],
  ["an MTU in quotes", "bridge", () => ({ config: bridge({ mtu: "1500" }) }), 6, 'mtu is "1500"'],
  ["a fractional MTU", "bridge", () => ({ config: bridge({ mtu: 1.5 }) }), 6, "mtu is 1.5"],
  ["a negative MTU", "bridge", () => ({ config: bridge({ mtu: -1 }) }), 7, "mtu is -1"],
  ["a switch in quotes", "bridge", () => ({ config: bridge({ isGateway: "true" }) }), 6, "isGateway"],
  [
    "a switch in quotes, spelled otherwise",
    "bridge",
    () => ({ config: bridge({ ISDEFAULTGATEWAY: "yes" }) }),
    6,
    "isDefaultGateway",
  ],
  ["a VLAN out of range", "bridge", () => ({ config: bridge({ vlan: 4095 }) }), 7, "invalid VLAN ID 4095"],
  ["a trunk with one end", "bridge", () => ({ config: bridge({ vlanTrunk: [{ minID: 5 }] }) }), 7, "maxID is missing"],
  [
    "a trunk the wrong way round",
    "bridge",
    () => ({ config: bridge({ vlanTrunk: [{ minID: 5, maxID: 4 }] }) }),
    7,
    "minID is greater than maxID",
  ],
  [
    "hairpin and promiscuous mode",
    "bridge",
    () => ({ config: bridge({ hairpinMode: true, promiscMode: true }) }),
    7,
    "hairpin mode and promiscuous mode",
  ],
  [
    "IPAM without an interface",
    "bridge",
    () => ({ config: local({}, { disableContainerInterface: true }) }),
    7,
    "DisableContainerInterface",
  ],
  [
    "an unknown masquerade backend",
    "bridge",
    () => ({ config: bridge({ ipMasqBackend: "ebtables" }) }),
    7,
    'unknown ipmasq backend "ebtables"',
  ],
  [
    "a MAC that is none",
    "bridge",
    () => ({ config: bridge({ runtimeConfig: { mac: "zz" } }) }),
    6,
    "runtimeConfig.mac",
  ],
  ["a MAC in CNI_ARGS that is none", "bridge", () => ({ config: bridge({}), args: "MAC=zz" }), 999, "MAC=zz"],
  ["CNI_ARGS that are no pairs", "bridge", () => ({ config: bridge({}), args: "MAC" }), 999, 'invalid pair "MAC"'],
  ["an ipam section that is a text", "bridge", () => ({ config: bridge({ ipam: "host-local" }) }), 6, "ipam is"],
  [
    "a bridge that is another kind of link",
    "bridge",
    () => ({ config: bridge({ bridge: "lo" }) }),
    999,
    '"lo" already exists but is not a bridge',
  ],
  [
    "a bridge name that is too long",
    "bridge",
    () => ({ config: bridge({ bridge: "a-name-too-long-for-linux" }) }),
    7,
    "a-name-too-long-for-linux",
  ],
  ["no ipam section", "host-local", () => ({ config: { cniVersion: "1.0.0", name: "net" } }), 7, "missing 'ipam' key"],
  ["no ranges", "host-local", () => ({ config: local({}) }), 7, "no IP ranges specified"],
  [
    "an empty range set",
    "host-local",
    () => ({ config: local({ ranges: [[]] }) }),
    7,
    "invalid range set 0: empty range set",
  ],
  [
    "ranges that are no list of lists",
    "host-local",
    () => ({ config: local({ ranges: [{ subnet: "10.0.0.0/24" }] }) }),
    6,
    "ipam.ranges[0]",
  ],
  [
    "a subnet that is none",
    "host-local",
    () => ({ config: local({ ranges: [[{ subnet: "10.0.0.0" }]] }) }),
    6,
    "ipam.ranges[0][0].subnet",
  ],
  [
    "a subnet with host bits",
    "host-local",
    () => ({ config: local({ ranges: [[{ subnet: "10.0.0.1/24" }]] }) }),
    7,
    "the network address is 10.0.0.0",
  ],
  [
    "a subnet without room",
    "host-local",
    () => ({ config: local({ subnet: "10.0.0.0/31" }) }),
    7,
    "too small to allocate from",
  ],
  [
    "a range start outside",
    "host-local",
    () => ({ config: local({ subnet: "10.0.0.0/24", rangeStart: "10.0.1.5" }) }),
    7,
    "RangeStart 10.0.1.5 not in network 10.0.0.0/24",
  ],
  [
    "a range end before its start",
    "host-local",
    () => ({ config: local({ subnet: "10.0.0.0/24", rangeStart: "10.0.0.9", rangeEnd: "10.0.0.8" }) }),
    7,
    "not in network",
  ],
  [
    "mixed families",
    "host-local",
    () => ({ config: local({ ranges: [[{ subnet: "10.0.0.0/24" }, { subnet: "fd00::/64" }]] }) }),
    7,
    "mixed address families",
  ],
  [
    "sets that overlap",
    "host-local",
    () => ({ config: local({ ranges: [[{ subnet: "10.0.0.0/24" }], [{ subnet: "10.0.0.0/16" }]] }) }),
    7,
    "range set 0 overlaps with 1",
  ],
  [
    "two IPv4 sets in an old version",
    "host-local",
    () => ({
      config: { ...local({ ranges: [[{ subnet: "10.0.0.0/24" }], [{ subnet: "10.1.0.0/24" }]] }), cniVersion: "0.2.0" },
    }),
    7,
    "does not support more than 1 address per family",
  ],
  [
    "a data directory that is a file",
    "host-local",
    () => ({ config: local({ subnet: "10.0.0.0/24", dataDir: path.join(host.work, "plain") }) }),
    5,
    "check ipam.dataDir",
  ],
  [
    "a resolv.conf that is not there",
    "host-local",
    () => ({ config: local({ subnet: "10.0.0.0/24", resolvConf: "/nonexistent" }) }),
    5,
    "ipam.resolvConf /nonexistent",
  ],
  [
    "a delegate without a type that is text",
    "flannel",
    () => ({ config: flannel({ delegate: { type: 7 } }) }),
    7,
    "must have (string) 'type' field",
  ],
  [
    "a delegate with a name",
    "flannel",
    () => ({ config: flannel({ delegate: { name: "x" } }) }),
    7,
    "must not have 'name' field",
  ],
  [
    "a delegate with ipam",
    "flannel",
    () => ({ config: flannel({ delegate: { ipam: {} } }) }),
    7,
    "must not have 'ipam' field",
  ],
  [
    "a delegate that is a path",
    "flannel",
    () => ({ config: flannel({ delegate: { type: "../bridge" } }) }),
    999,
    "invalid plugin name: ../bridge",
  ],
  [
    "no subnet file",
    "flannel",
    () => ({ config: flannel({ subnetFile: "/nonexistent" }) }),
    999,
    "failed to load flannel 'subnet.env' file",
  ],
  [
    "a subnet file without values",
    "flannel",
    () => ({ config: flannel({ subnetFile: path.join(host.work, "empty.env") }) }),
    999,
    "is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ",
  ],
  [
    "a subnet file with a bad subnet",
    "flannel",
    () => ({ config: flannel({ subnetFile: path.join(host.work, "bad.env") }) }),
    999,
    "FLANNEL_SUBNET",
  ],
  [
    "a previous result that is a text",
    "loopback",
    () => ({ config: { cniVersion: "1.0.0", name: "lo", prevResult: "x" } }),
    6,
    "prevResult",
  ],
  [
    "a previous result of another family of versions",
    "loopback",
    () => ({ config: { cniVersion: "1.0.0", name: "lo", prevResult: { cniVersion: "0.2.0" } } }),
    6,
    "prevResult.cniVersion",
  ],
  [
    "CHECK without a previous result",
    "bridge",
    () => ({ command: "CHECK", config: bridge({}) }),
    999,
    "Required prevResult missing",
  ],
  [
    "CHECK of what was never added",
    "host-local",
    () => ({ command: "CHECK", config: local({ subnet: "10.0.0.0/24" }) }),
    999,
    "Failed to find address",
  ],
];

describe.each(FORMS)("on $form", ({ form, directory: directoryOf }) => {
  const directory = directoryOf();
  // The whole table on the executables; on Node, where each call takes a quarter of a second, every third of it.
  const flaws = FLAWS.filter((_, index) => form === "compiled" || index % 3 === 0);

  test.each(flaws)("%s (%s)", (_, plugin, flawOf, code, part) => {
    const flaw = flawOf();
    const config = flaw.config ?? { cniVersion: "1.1.0", name: "net", type: plugin };
    const outcome = callPlugin({ command: "ADD", directory, plugin, netns: sandbox.path, ...flaw, config });
    const error = asError(outcome);
    expect(error.code, error.msg).toBe(code);
    expect(`${error.msg} ${error.details}`).toContain(part);
    expect(() => validate<unknown>(cniErrorContract, outcome.document)).not.toThrow();
    expect(outcome.stdout).not.toMatch(/\n$/);
  });
});

test("the table has what it should", () => {
  expect(FLAWS.length).toBeGreaterThanOrEqual(64);
});
