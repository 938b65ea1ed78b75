// Every plugin over configurations, environments and previous results that are nearly right, with the real kernel below: it
// never throws, never shows what only its authors understand, and ends with 0 and a result of its version's schema or with 1
// and an error document. LODEN_FUZZ_RUNS sets the calls for each plugin. Everything happens in namespaces of this process,
// mounts included: of the machine's files none can be written.
import * as fs from "node:fs";
import path from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLONE_NEWNET } from "#kernel/netns";
import { refusePrograms } from "#kernel/programs";
import { cniErrorContract } from "#spec/documents/cni-error";
import { cniResult020Contract, cniResult040Contract, cniResult110Contract } from "#spec/documents/cni-result";
import { PLUGIN_NAMES, type PluginName } from "#spec/plugin-names";
import { type Contract, validate } from "#spec/validate";
import { sys } from "#sys";
import { failure } from "../../../cni-plugins/error.ts";
import { processMachine } from "../../../cni-plugins/machine.ts";
import { pluginNamed } from "../../../cni-plugins/registry.ts";
import { serve } from "../../../cni-plugins/skeleton.ts";
import { SUPPORTED_VERSIONS } from "#spec/cni-versions";
import type { Sandbox } from "../../support/cni.ts";
import { Host } from "../../support/cni-rig.ts";
import { inSandbox, ipBatch } from "../../support/cni-network.ts";
import { SAMPLES } from "../../unit/spec/contracts.ts";
import { placesIn, replaced } from "../../unit/spec/places.ts";

const RUNS = Number(process.env["LODEN_FUZZ_RUNS"] ?? 60);
/** Calls after which the host is made anew. */
const PERIOD = 100;
const STATE = "/run/loden-fuzz";
/** linux/sched.h, sys/mount.h */
const CLONE_NEWNS = 0x2_0000;
const [MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE] = [1, 0x20, 0x1000, 0x4000, 1 << 18];
/** What an engine says of a mistake in a program. */
const MISTAKE =
  /is not (a function|iterable|defined|a constructor)|of undefined|of null|Cannot (read|convert|mix)|Invalid (array|string) length|Maximum call stack|\n {4}at |\[object /;

let host: Host;
let sandbox: Sandbox;

beforeAll(() => {
  host = new Host();
  sys.unshare(CLONE_NEWNS);
  sys.mount("none", "/", "none", MS_REC | MS_PRIVATE);
  sys.mount("tmpfs", "/run", "tmpfs", 0);
  // /var/lib is where plugins keep state unless they are told another place.
  sys.mount("tmpfs", "/var/lib", "tmpfs", 0);
  sys.mount("", "/", "none", MS_REMOUNT | MS_BIND | MS_RDONLY);
  fs.mkdirSync(`${STATE}/bin`, { recursive: true });
  // Links to this program are our own plugins, called in this process.
  for (const name of PLUGIN_NAMES) fs.symlinkSync(process.execPath, `${STATE}/bin/${name}`);
  process.chdir(STATE);
  refusePrograms((file) => {
    throw failure(`no program is started here: ${file}`);
  });
});
afterAll(() => {
  process.chdir("/");
  sandbox?.close();
});

/** A bridge, a pair of links that are up, and a container that has eth1 and no eth0. */
function renew(): void {
  sandbox?.close();
  sandbox = host.sandbox();
  sys.unshare(CLONE_NEWNET);
  for (const name of fs.readdirSync(STATE)) if (name !== "bin") fs.rmSync(path.join(STATE, name), { recursive: true });
  ipBatch([
    "link set lo up",
    "link add br0 type bridge",
    "link set br0 up",
    "link add hostend type veth peer name eth1",
    "link set hostend up",
    "link add spare type veth peer name spare1",
    `link set eth1 netns ${sandbox.path}`,
  ]);
  inSandbox(sandbox, () => ipBatch(["link set eth1 up", "address add 10.55.0.2/24 dev eth1"]));
}

const RANGES = [[{ subnet: "10.66.0.0/16" }], [{ subnet: "fd66::/64" }]];
const IPAM = { type: "host-local", dataDir: `${STATE}/ipam`, ranges: RANGES };

/** What makes a sample's configuration work on this host. */
const WORKING: Readonly<Partial<Record<PluginName, object>>> = {
  bridge: { bridge: "br1", ipam: IPAM, vlan: null, vlanTrunk: null, ipMasqBackend: "nftables", promiscMode: false },
  dhcp: { ipam: { type: "dhcp", daemonSocketPath: `${STATE}/none.sock` } },
  dummy: { ipam: IPAM },
  flannel: { dataDir: `${STATE}/flannel`, subnetFile: `${STATE}/subnet.env`, ipam: {}, delegate: { bridge: "br2" } },
  "host-device": { device: "spare", hwaddr: "", kernelpath: "", pciBusID: "", runtimeConfig: {}, ipam: IPAM },
  "host-local": { ipam: IPAM, args: {}, runtimeConfig: {} },
  ipvlan: { master: "hostend", linkInContainer: false, ipam: IPAM },
  macvlan: { master: "hostend", mode: "bridge", linkInContainer: false, ipam: IPAM },
  portmap: { backend: "nftables", externalSetMarkChain: null, conditionsV4: null, conditionsV6: null },
  firewall: { backend: "nftables" },
  ptp: { ipMasqBackend: "nftables", ipam: IPAM },
  static: { ipam: { type: "static", addresses: [{ address: "10.66.0.9/16", gateway: "10.66.0.1" }] } },
  tap: { bridge: "", selinuxContext: "", ipam: IPAM },
  tuning: { dataDir: `${STATE}/tuning` },
  vlan: { master: "hostend", linkInContainer: false, ipam: IPAM },
};

function baseOf(plugin: PluginName): object {
  const sample = SAMPLES.find(({ schema }) => schema === `cni-${plugin}`)?.document ?? {};
  const base: Record<string, unknown> = { ...(sample as object), ...WORKING[plugin], name: "net", type: plugin };
  // A wait of seconds, which has its own tests.
  delete base["enabledad"];
  return base;
}

const word = fc.constantFrom<unknown>(
  ...[
    "",
    "br0",
    "hostend",
    "eth1",
    "lo",
    "nothing",
    "net",
    "host-local",
    "static",
    "nosuchplugin",
    "../x",
    "a/b",
    "%s",
  ],
  ...["10.66.0.0/16", "10.66.0.7", "10.66.0.300", "fd66::/64", "fd66::7", "::", "0.0.0.0/0", "1.0.0", "0.2.0", "9.9.9"],
  ...[
    "02:00:00:00:00:07",
    "ff:ff",
    "nftables",
    "net.ipv4.conf.IFNAME.log_martians",
    "1",
    STATE,
    `${STATE}/x`,
    "\0",
    "é",
  ],
  ...[0, 1, -1, 64, 1500, 65_536, 4096, 2 ** 31, 2 ** 53, 1.5, true, false, null],
);
const anything = fc.oneof({ weight: 3, arbitrary: word }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) });

function documents(plugin: PluginName): fc.Arbitrary<unknown> {
  const base = baseOf(plugin);
  const version = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...SUPPORTED_VERSIONS) },
    { weight: 1, arbitrary: anything },
  );
  const previous = {
    interfaces: [{ name: "hostend" }, { name: "eth1", sandbox: "SANDBOX" }],
    ips: [{ address: "10.55.0.2/24", gateway: "10.55.0.1", interface: 1, version: "4" }],
    routes: [{ dst: "0.0.0.0/0" }],
    dns: {},
  };
  return version.chain((cniVersion) => {
    const whole = { ...base, cniVersion, prevResult: { ...previous, cniVersion }, "cni.dev/valid-attachments": [] };
    const change = fc.tuple(fc.constantFrom(...placesIn(whole)), anything);
    return fc
      .oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 5, arbitrary: fc.array(change, { maxLength: 3 }) })
      .map((changes) => changes.reduce<unknown>((document, [place, by]) => spoilt(document, place, by), whole));
  });
}

/** A change may have taken the place of a later one away. */
function spoilt(document: unknown, place: readonly string[], by: unknown): unknown {
  try {
    return replaced(document, place, by);
  } catch {
    return document;
  }
}

const mostly = <T>(value: T): fc.Arbitrary<T | string> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(value) },
    {
      weight: 1,
      arbitrary: fc.oneof(
        fc.constantFrom("", "SANDBOX", "eth0", "eth1", "/nonexistent", "IP=10.66.0.9", "a b"),
        fc.string(),
      ),
    },
  );
/** They change an interface that is there. */
const CHAINED: readonly PluginName[] = ["bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"];

const environments = (plugin: PluginName) =>
  fc.record({
    CNI_COMMAND: mostly("").chain((other) =>
      fc.constantFrom("ADD", "ADD", "ADD", "DEL", "DEL", "CHECK", "GC", "STATUS", "VERSION", other || "ADD"),
    ),
    CNI_CONTAINERID: mostly("c1"),
    CNI_IFNAME: mostly(CHAINED.includes(plugin) ? "eth1" : "eth0"),
    CNI_NETNS: mostly("SANDBOX"),
    CNI_ARGS: mostly(""),
    CNI_PATH: mostly(`${STATE}/bin`),
  });

/** Mostly the document. */
const inputs = fc.oneof(
  { weight: 30, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
);

interface Outcome {
  readonly status: number;
  readonly output: string;
}

function call(plugin: PluginName, variables: Readonly<Record<string, string>>, input: string): Outcome {
  let output = "";
  const machine = processMachine(sys);
  const here = (text: string): string => text.replaceAll("SANDBOX", sandbox.path);
  const own = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, here(value)]));
  try {
    const streams = {
      readInput: () => here(input),
      readAvailableInput: () => here(input),
      writeOutput: (text: string) => void (output += text),
      writeError: () => {},
    };
    return { status: serve(pluginNamed(plugin)!, own, streams, machine, pluginNamed), output };
  } finally {
    machine.close();
  }
}

function resultContract(version: string): Contract<unknown> {
  if (version < "0.3.0") return cniResult020Contract;
  return version < "1.0.0" ? cniResult040Contract : cniResult110Contract;
}

/** @throws when the outcome is none that a runtime can understand */
function judge({ status, output }: Outcome, command: string): void {
  if (status === 1) {
    const { msg, details } = validate(cniErrorContract, JSON.parse(output));
    expect(`${msg} ${details ?? ""}`).not.toMatch(MISTAKE);
    return;
  }
  expect(status).toBe(0);
  if (command === "ADD") {
    const result = JSON.parse(output) as { cniVersion: string };
    validate<unknown>(resultContract(result.cniVersion), result);
  } else if (command !== "VERSION") {
    expect(output).toBe("");
  }
}

test.each(PLUGIN_NAMES)("%s", { timeout: 180_000 + RUNS * 200 }, (plugin) => {
  fs.mkdirSync(STATE, { recursive: true });
  let calls = 0;
  const counts = { good: 0, bad: 0, added: 0 };
  fc.assert(
    fc.property(environments(plugin), documents(plugin), inputs, (variables, document, text) => {
      if (calls++ % PERIOD === 0) renew();
      if (plugin === "flannel") {
        fs.writeFileSync(
          `${STATE}/subnet.env`,
          "FLANNEL_NETWORK=10.67.0.0/16\nFLANNEL_SUBNET=10.67.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
        );
      }
      const input = text ?? JSON.stringify(document);
      const outcome = call(plugin, variables, input);
      judge(outcome, variables.CNI_COMMAND);
      counts[outcome.status === 0 ? "good" : "bad"]++;
      if (variables.CNI_COMMAND !== "ADD") return;
      if (outcome.status === 0) counts.added++;
      for (let time = 0; time < 2; time++) judge(call(plugin, { ...variables, CNI_COMMAND: "DEL" }, input), "DEL");
    }),
    { numRuns: RUNS },
  );
  if (process.env["LODEN_FUZZ_RUNS"] !== undefined) process.stderr.write(`${plugin}: ${JSON.stringify(counts)}\n`);
  // Both ways were gone.
  expect(counts.bad).toBeGreaterThan(0);
  expect(counts.good).toBeGreaterThan(0);
});
