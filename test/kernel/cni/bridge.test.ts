// bridge, as a runtime meets it: the executables in namespaces of their own, held against what `ip -j` and `nft -j` show.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withNetns } from "#kernel/netns";
import { cniResult020Contract, cniResult040Contract, cniResult110Contract } from "#spec/documents/cni-result";
import { validate } from "#spec/validate";
import { sys } from "#sys";
import { GO_PLUGINS, type Invocation, type Sandbox } from "../../support/cni.ts";
import { kernelHas, needs, reason } from "../../support/kernel-features.ts";
import { FORMS, Host, NO_GO_PLUGINS, addressesOf, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";

let host: Host;

beforeAll(() => {
  host = new Host();
  execFileSync("ip", ["link", "set", "lo", "up"]);
});

afterAll(() => host[Symbol.dispose]());

const VLANS = ["bridge VLAN filtering", "vlan"] as const;

let serial = 0;

interface Setup {
  readonly directory: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly ipam?: Readonly<Record<string, unknown>> | null;
  readonly version?: string;
}

/** A network of its own for each test: bridge, subnet and data directory. */
function network({ directory, config = {}, ipam = {}, version = "1.1.0" }: Setup) {
  const number = ++serial;
  const name = `net${number}`;
  const dataDir = path.join(host.work, `ipam${number}`);
  const subnet = `10.100.${number}`;
  const document = {
    cniVersion: version,
    name,
    type: "bridge",
    bridge: `br${number}`,
    ...(ipam === null
      ? {}
      : { ipam: { type: "host-local", dataDir, ranges: [[{ subnet: `${subnet}.0/24` }]], ...ipam } }),
    ...config,
  };
  const call = (command: string, more: Partial<Invocation> = {}): Invocation => ({
    command,
    directory,
    plugin: "bridge",
    config: document,
    ...more,
  });
  const reservations = (): string[] => {
    const directoryOfNetwork = path.join(dataDir, name);
    if (!fs.existsSync(directoryOfNetwork)) return [];
    return fs.readdirSync(directoryOfNetwork).filter((file) => /^[\da-f.:]+$/.test(file));
  };
  return { name, bridge: document.bridge, subnet, dataDir, document, call, reservations };
}

function json(command: string, ...args: string[]): Record<string, unknown>[] {
  return JSON.parse(execFileSync(command, args, { encoding: "utf8" }) || "[]") as Record<string, unknown>[];
}

function inSandbox<T>(sandbox: Sandbox, run: () => T): T {
  return withNetns(sys, sandbox.fd, run);
}

function canPing(sandbox: Sandbox, address: string): boolean {
  return inSandbox(sandbox, () => spawnSync("ping", ["-c", "1", "-i", "0.1", "-w", "20", address]).status === 0);
}

function ruleset(): string {
  return execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
}

describe.each(FORMS)("on $form", ({ directory: directoryOf }) => {
  const directory = directoryOf();

  test.each([
    ["0.1.0", cniResult020Contract],
    ["0.2.0", cniResult020Contract],
    ["0.3.0", cniResult040Contract],
    ["0.3.1", cniResult040Contract],
    ["0.4.0", cniResult040Contract],
    ["1.0.0", cniResult110Contract],
    ["1.1.0", cniResult110Contract],
  ])("ADD and DEL of version %s", (version, contract) => {
    const { call, bridge, subnet, reservations } = network({ directory, version, config: { isDefaultGateway: true } });
    using sandbox = host.sandbox();
    const before = host.veths();
    const result = succeed(call("ADD", { netns: sandbox.path }));
    expect(result).toMatchObject({ cniVersion: version });
    expect(() => validate<unknown>(contract, result)).not.toThrow();
    const [link] = inSandbox(sandbox, () => json("ip", "-j", "-d", "addr", "show", "eth0"));
    expect(link).toMatchObject({ operstate: "UP", linkinfo: { info_kind: "veth" } });
    expect(link?.["addr_info"]).toContainEqual(expect.objectContaining({ local: `${subnet}.2`, prefixlen: 24 }));
    expect(inSandbox(sandbox, () => json("ip", "-j", "route"))).toContainEqual(
      expect.objectContaining({ dst: "default", gateway: `${subnet}.1` }),
    );
    const [device] = json("ip", "-j", "addr", "show", bridge);
    expect(device?.["addr_info"]).toContainEqual(expect.objectContaining({ local: `${subnet}.1`, prefixlen: 24 }));
    expect(canPing(sandbox, `${subnet}.1`)).toBe(true);
    succeed(call("DEL", { netns: sandbox.path }));
    succeed(call("DEL", { netns: sandbox.path }));
    expect(host.veths()).toEqual(before);
    expect(host.linksIn(sandbox).map(({ name }) => name)).toEqual(["lo"]);
    expect(reservations()).toEqual([]);
  });

  test("dual stack is usable as soon as ADD returns, and CHECK finds what is missing", () => {
    const { call, subnet, document } = network({
      directory,
      config: { isDefaultGateway: true, hairpinMode: true, portIsolation: true, mtu: 1400 },
      ipam: { ranges: [[{ subnet: `10.100.${serial + 1}.0/24` }], [{ subnet: `fd00:${serial + 1}::/64` }]] },
    });
    using sandbox = host.sandbox();
    const result = succeed(call("ADD", { netns: sandbox.path }));
    expect(addressesOf(result).map(({ address }) => address)).toEqual([`${subnet}.2/24`, `fd00:${serial}::2/64`]);
    expect(canPing(sandbox, `fd00:${serial}::1`)).toBe(true);
    const interfaces = (result?.["interfaces"] ?? []) as { name: string; mtu: number }[];
    const [port] = json("ip", "-j", "-d", "link", "show", interfaces[1]!.name);
    expect(port).toMatchObject({
      mtu: 1400,
      operstate: "UP",
      linkinfo: { info_slave_data: { hairpin: true, isolated: true } },
    });
    const check = call("CHECK", { netns: sandbox.path, config: { ...document, prevResult: result } });
    succeed(check);
    inSandbox(sandbox, () => execFileSync("ip", ["route", "del", "default"]));
    expect(fail(check).msg).toContain("Expected Route 0.0.0.0/0");
    inSandbox(sandbox, () => execFileSync("ip", ["addr", "del", `${subnet}.2/24`, "dev", "eth0"]));
    expect(fail(check).msg).toContain(`Failed to match addr ${subnet}.2/24`);
    expect(fail(call("CHECK", { netns: sandbox.path })).msg).toBe("Required prevResult missing");
    succeed(call("DEL", { netns: sandbox.path }));
  });

  test("DEL cleans up in every state of the namespace, without a previous result", () => {
    const { call, reservations } = network({ directory, config: { isGateway: true, ipMasq: true } });
    const before = host.veths();
    const states: [string, (path: string) => string][] = [
      ["empty", () => ""],
      ["absent", () => path.join(host.work, "nonexistent")],
      ["a plain file", () => path.join(host.work, "plain")],
      ["present", (own) => own],
    ];
    fs.writeFileSync(path.join(host.work, "plain"), "");
    for (const [state, netnsOf] of states) {
      using sandbox = host.sandbox();
      succeed(call("ADD", { netns: sandbox.path }));
      expect(reservations(), state).toHaveLength(1);
      for (let times = 0; times < 2; times++) succeed(call("DEL", { netns: netnsOf(sandbox.path) }));
      expect(reservations(), state).toEqual([]);
      expect(host.veths(), state).toEqual(before);
      expect(ruleset(), state).not.toContain(`id: c1`);
    }
    succeed(call("DEL", { containerId: "never-there", netns: "" }));
  });

  test("a second ADD for one interface fails and leaves the first as it was", () => {
    const { call, subnet, reservations } = network({ directory, config: { isDefaultGateway: true } });
    using sandbox = host.sandbox();
    succeed(call("ADD", { netns: sandbox.path }));
    const veths = host.veths();
    expect(fail(call("ADD", { netns: sandbox.path })).msg).toMatch(/container veth name \("eth0"\).*already exists/);
    expect(host.veths()).toEqual(veths);
    expect(reservations()).toEqual([`${subnet}.2`]);
    expect(canPing(sandbox, `${subnet}.1`)).toBe(true);
    succeed(call("DEL", { netns: sandbox.path }));
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      "the pool is exhausted",
      {},
      { ranges: [[{ subnet: "10.1.0.0/30", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.1" }]] },
    ],
    ["a route cannot be added", {}, { routes: [{ dst: "10.9.0.0/16", gw: "192.168.77.1" }] }],
    ["IPAM is not there", {}, { type: "no-such-ipam" }],
    ...(VLANS.every(kernelHas)
      ? []
      : ([["the kernel lacks VLANs on bridges", { vlan: 100 }, {}]] as [
          string,
          Record<string, unknown>,
          Record<string, unknown>,
        ][])),
  ])("an ADD that fails because %s leaves nothing behind", (_, config, ipam) => {
    const { call, reservations } = network({
      directory,
      config: { isGateway: true, ipMasq: true, macspoofchk: true, ...config },
      ipam,
    });
    using sandbox = host.sandbox();
    const before = host.veths();
    const rules = ruleset();
    const { code, msg } = fail(call("ADD", { netns: sandbox.path }));
    expect(code).toBe(999);
    expect(msg).not.toBe("");
    expect(host.veths()).toEqual(before);
    expect(host.linksIn(sandbox).map(({ name }) => name)).toEqual(["lo"]);
    expect(reservations()).toEqual([]);
    expect(ruleset()).toBe(rules);
  });

  test(`VLANs of the port, and a gateway in one${reason(...VLANS)}`, needs(...VLANS), () => {
    const config = { isGateway: true, vlan: 100, vlanTrunk: [{ minID: 200, maxID: 201 }, { id: 300 }] };
    const { call, bridge, subnet, document } = network({ directory, config });
    using sandbox = host.sandbox();
    const result = succeed(call("ADD", { netns: sandbox.path }));
    const interfaces = (result?.["interfaces"] ?? []) as { name: string }[];
    expect(interfaces[3]?.name).toBe(`${bridge}.100`);
    const [port] = json("bridge", "-j", "vlan", "show", "dev", interfaces[1]!.name);
    expect(port?.["vlans"]).toEqual([
      { vlan: 100, flags: ["PVID", "Egress Untagged"] },
      ...[200, 201, 300].map((vlan) => ({ vlan })),
    ]);
    expect(canPing(sandbox, `${subnet}.1`)).toBe(true);
    succeed(call("CHECK", { netns: sandbox.path, config: { ...document, prevResult: result } }));
    // Another container's gateway in that VLAN is the one that is there.
    using other = host.sandbox();
    succeed(call("ADD", { netns: other.path, containerId: "c2" }));
    expect(canPing(other, `${subnet}.2`)).toBe(true);
    succeed(call("DEL", { netns: other.path, containerId: "c2" }));
    succeed(call("DEL", { netns: sandbox.path }));
  });

  test("a bridge with another address is refused, or given ours by force", () => {
    const { call, bridge, subnet } = network({ directory, config: { isGateway: true } });
    execFileSync("ip", ["link", "add", bridge, "type", "bridge"]);
    execFileSync("ip", ["addr", "add", "172.30.0.1/16", "dev", bridge]);
    using sandbox = host.sandbox();
    expect(fail(call("ADD", { netns: sandbox.path })).msg).toContain(`"${bridge}" already has an IP address different`);
    const forced = { ...(call("ADD").config as object), forceAddress: true };
    succeed(call("ADD", { netns: sandbox.path, config: forced }));
    const [device] = json("ip", "-j", "-4", "addr", "show", bridge);
    const present = (device?.["addr_info"] ?? []) as { local: string }[];
    expect(present.map(({ local }) => local)).toEqual([`${subnet}.1`]);
    succeed(call("DEL", { netns: sandbox.path }));
  });

  test("the MAC is taken from CNI_ARGS, args.cni and runtimeConfig, the later winning", () => {
    const { call, document } = network({ directory });
    const mac = (more: object, args?: string): unknown => {
      using sandbox = host.sandbox();
      const options = {
        netns: sandbox.path,
        config: { ...document, ...more },
        ...(args === undefined ? {} : { args }),
      };
      const result = succeed(call("ADD", options));
      succeed(call("DEL", options));
      return ((result?.["interfaces"] ?? []) as { mac: string }[])[2]?.mac;
    };
    const args = { cni: { mac: "02:00:00:00:00:02" } };
    expect(mac({}, "MAC=02:00:00:00:00:01")).toBe("02:00:00:00:00:01");
    expect(mac({ args }, "MAC=02:00:00:00:00:01")).toBe("02:00:00:00:00:02");
    expect(mac({ args, runtimeConfig: { MAC: "02:00:00:00:00:03" } })).toBe("02:00:00:00:00:03");
  });

  test("without IPAM the interface is up and nothing more; or left down", () => {
    const { call, document } = network({ directory, ipam: null });
    using sandbox = host.sandbox();
    const result = succeed(call("ADD", { netns: sandbox.path }));
    expect(result).not.toHaveProperty("ips");
    expect(host.linksIn(sandbox).find(({ name }) => name === "eth0")?.up).toBe(true);
    succeed(call("CHECK", { netns: sandbox.path, config: { ...document, prevResult: result } }));
    succeed(call("DEL", { netns: sandbox.path }));
    const down = { ...document, disableContainerInterface: true };
    succeed(call("ADD", { netns: sandbox.path, config: down }));
    expect(host.linksIn(sandbox).find(({ name }) => name === "eth0")?.up).toBe(false);
    succeed(call("DEL", { netns: sandbox.path, config: down }));
    const old = { ...document, cniVersion: "0.2.0" };
    expect(fail(call("ADD", { netns: sandbox.path, config: old })).msg).toContain(
      "cannot convert: no valid IP addresses",
    );
    expect(host.linksIn(sandbox).map(({ name }) => name)).toEqual(["lo"]);
  });

  test("an IPAM default route without a gateway and isDefaultGateway make one route", () => {
    const { call, subnet } = network({
      directory,
      config: { isDefaultGateway: true },
      ipam: { routes: [{ dst: "0.0.0.0/0" }] },
    });
    using sandbox = host.sandbox();
    const result = succeed(call("ADD", { netns: sandbox.path }));
    expect(result?.["routes"]).toEqual([{ dst: "0.0.0.0/0", gw: `${subnet}.1` }]);
    succeed(call("DEL", { netns: sandbox.path }));
  });

  test("GC removes links, reservations and rules of what is not valid, and leaves other networks alone", () => {
    const config = { isGateway: true, ipMasq: true, macspoofchk: true };
    const ours = network({ directory, config });
    const other = network({ directory, config });
    using kept = host.sandbox();
    using stale = host.sandbox();
    using foreign = host.sandbox();
    const before = host.veths();
    succeed(ours.call("ADD", { netns: kept.path, containerId: "kept" }));
    succeed(other.call("ADD", { netns: foreign.path, containerId: "foreign" }));
    const remaining = host.veths();
    succeed(ours.call("ADD", { netns: stale.path, containerId: "stale" }));
    const gc = (valid: object): void => void succeed(ours.call("GC", { config: { ...ours.document, ...valid } }));
    gc({});
    expect(host.veths()).toHaveLength(remaining.length + 1);
    gc({ "cni.dev/valid-attachments": [{ containerID: "kept", ifname: "eth0" }] });
    expect(host.veths()).toEqual(remaining);
    expect(ours.reservations()).toHaveLength(1);
    expect(other.reservations()).toHaveLength(1);
    expect(ruleset()).toContain("id: kept");
    expect(ruleset()).toContain("id: foreign");
    expect(ruleset()).not.toContain("stale");
    gc({ "cni.dev/valid-attachments": [] });
    expect(ruleset()).not.toContain("kept");
    expect(ruleset()).toContain("cni-br-iface-foreign-eth0");
    succeed(other.call("DEL", { netns: foreign.path, containerId: "foreign" }));
    expect(host.veths()).toEqual(before);
  });
});

describe("with the Go plugins", () => {
  const directory = FORMS[0].directory();
  const both = `${directory}:${GO_PLUGINS}`;

  test.skipIf(!hasGoPlugins)(`${hasGoPlugins ? "" : `${NO_GO_PLUGINS}: `}each removes what the other made`, () => {
    for (const [adder, remover] of [
      [GO_PLUGINS, directory],
      [directory, GO_PLUGINS],
    ] as const) {
      const { call, reservations } = network({
        directory,
        version: "1.0.0",
        config: { isDefaultGateway: true, ipMasq: true, ipMasqBackend: "iptables" },
      });
      using sandbox = host.sandbox();
      const before = host.veths();
      const result = succeed(call("ADD", { directory: adder, netns: sandbox.path }));
      const nat = execFileSync("iptables-save", ["-t", "nat"], { encoding: "utf8" });
      expect(nat).toMatch(/-A POSTROUTING -s 10\.100\.\d+\.2\/32 .* -j CNI-[\da-f]{24}/);
      const config = { ...(call("DEL").config as object), prevResult: result };
      succeed(call("CHECK", { directory: remover, netns: sandbox.path, config }));
      succeed(call("DEL", { directory: remover, netns: sandbox.path, config }));
      expect(execFileSync("iptables-save", ["-t", "nat"], { encoding: "utf8" })).not.toMatch(/CNI-/);
      expect(host.veths()).toEqual(before);
      expect(reservations()).toEqual([]);
    }
  });

  test.skipIf(!hasGoPlugins)("our bridge runs Go's IPAM, and Go's bridge runs ours", () => {
    const { call, reservations } = network({ directory, version: "1.0.0", config: { isGateway: true } });
    using sandbox = host.sandbox();
    for (const [plugins, searchPath] of [
      [directory, `${GO_PLUGINS}:${directory}`],
      [GO_PLUGINS, both],
    ] as const) {
      const more = { directory: plugins, path: searchPath, netns: sandbox.path };
      const result = succeed(call("ADD", more));
      expect(addressesOf(result)).toHaveLength(1);
      expect(reservations()).toHaveLength(1);
      succeed(call("DEL", more));
      expect(reservations()).toEqual([]);
    }
  });
});
