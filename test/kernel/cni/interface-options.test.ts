// The options that macvlan, ipvlan, tap and static have for themselves, after the reference plugins' tests.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PluginName } from "#spec/plugin-names";
import { passingName } from "../../../cni-plugins/interface/marks.ts";
import { compiledPlugins } from "../../support/cni.ts";
import { Host, addressesOf, fail, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, canPing, inSandbox, ip, ipJson } from "../../support/cni-network.ts";
import { needs, reason } from "../../support/kernel-features.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
  ip("link", "set", "lo", "up");
  for (const name of ["m", "d"]) {
    ip("link", "add", `${name}0`, "type", "veth", "peer", "name", `${name}1`);
    ip("link", "set", `${name}0`, "up");
    ip("link", "set", `${name}1`, "up");
  }
});
afterAll(() => host[Symbol.dispose]());

const directory = compiledPlugins();

function network(
  plugin: PluginName,
  config: object = {},
  ipam?: Readonly<Record<string, unknown>> | null,
): TestNetwork {
  return new TestNetwork(host, { directory, plugin, config: { ...config }, ...(ipam === undefined ? {} : { ipam }) });
}

describe("macvlan", () => {
  test.each(["bridge", "private", "vepa", "passthru"])("mode %s", (mode) => {
    const net = network("macvlan", { master: "m0", mode, bcqueuelen: 200 });
    using sandbox = host.sandbox();
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({
      linkinfo: { info_data: { mode, bcqueuelen: 200 } },
    });
    succeed(net.callWith({ prevResult }, "CHECK", sandbox));
    const other = mode === "bridge" ? "private" : "bridge";
    expect(fail(net.callWith({ prevResult, mode: other }, "CHECK", sandbox)).msg).toContain(
      "does not match expected value",
    );
    succeed(net.call("DEL", sandbox));
  });

  test("an unknown mode is refused", () => {
    using sandbox = host.sandbox();
    const error = fail(network("macvlan", { master: "m0", mode: "source" }).call("ADD", sandbox));
    expect(error).toMatchObject({ code: 7, msg: 'unknown macvlan mode: "source"' });
  });

  test("containers on one master reach each other as soon as ADD returns, in both families", () => {
    const net = network("macvlan", { master: "m0" });
    using one = host.sandbox();
    using two = host.sandbox();
    succeed(net.call("ADD", one));
    succeed(net.call("ADD", two, { containerId: "c2" }));
    expect(canPing(one, `${net.subnet}.3`)).toBe(true);
    expect(canPing(one, `${net.subnet6}:3`)).toBe(true);
    succeed(net.call("DEL", one));
    succeed(net.call("DEL", two, { containerId: "c2" }));
  });

  test("enabledad waits for duplicate address detection", () => {
    const net = network("macvlan", { master: "m0", enabledad: true });
    using sandbox = host.sandbox();
    succeed(net.call("ADD", sandbox));
    const [link] = ipJson(sandbox, "-6", "addr", "show", "eth0");
    const address = (link!["addr_info"] as object[]).find(
      (item) => "local" in item && item.local === `${net.subnet6}:2`,
    );
    expect(address).not.toHaveProperty("tentative");
    expect(address).not.toHaveProperty("nodad");
    using other = host.sandbox();
    const same = network("macvlan", {
      master: "m0",
      enabledad: true,
      ipam: { type: "static", addresses: [{ address: `${net.subnet6}:2/64`, gateway: `${net.subnet6}:1` }] },
    });
    expect(fail(same.call("ADD", other)).msg).toContain("duplicate address detection failed");
    expect(host.linksIn(other).map(({ name }) => name)).toEqual(["lo"]);
    succeed(net.call("DEL", sandbox));
  });

  test("the MAC: the configuration, then CNI_ARGS, then the runtime", () => {
    const macs = ["02:00:00:00:aa:01", "02:00:00:00:aa:02", "02:00:00:00:aa:03"] as const;
    const config = { master: "m0", mac: macs[0] };
    const macOf = (more: object, args?: string): unknown => {
      const net = network("macvlan", { ...config, ...more });
      using sandbox = host.sandbox();
      const result = succeed(net.call("ADD", sandbox, args === undefined ? {} : { args }));
      const [link] = ipJson(sandbox, "link", "show", "eth0");
      succeed(net.call("DEL", sandbox));
      expect(result?.["interfaces"]).toMatchObject([{ mac: link?.["address"] }]);
      return link?.["address"];
    };
    expect(macOf({})).toBe(macs[0]);
    expect(macOf({}, `MAC=${macs[1]}`)).toBe(macs[1]);
    expect(macOf({ runtimeConfig: { mac: macs[2] } }, `MAC=${macs[1]}`)).toBe(macs[2]);
  });

  test("without IPAM the interface is only up", () => {
    const net = network("macvlan", { master: "m0" }, null);
    using sandbox = host.sandbox();
    const result = succeed(net.call("ADD", sandbox));
    expect(result).toEqual({ cniVersion: "1.1.0", interfaces: [expect.objectContaining({ name: "eth0" })] });
    expect(ipJson(sandbox, "link", "show", "eth0")[0]?.["flags"]).toContain("UP");
    succeed(net.callWith({ prevResult: result }, "CHECK", sandbox));
    succeed(net.call("DEL", sandbox));
  });

  test("without a master it lies on the interface of the default route", () => {
    const net = network("macvlan");
    using sandbox = host.sandbox();
    expect(fail(net.call("ADD", sandbox)).msg).toContain("no default route interface name found");
    expect(fail(net.call("STATUS")).code).toBe(50);
    ip("addr", "add", "10.55.0.1/24", "dev", "d0");
    ip("route", "add", "default", "via", "10.55.0.2");
    succeed(net.call("ADD", sandbox));
    expect(ipJson(undefined, "link", "show", "d0")[0]?.["ifindex"]).toBe(
      ipJson(sandbox, "link", "show", "eth0")[0]?.["link_index"],
    );
    ip("route", "del", "default");
    succeed(net.call("DEL", sandbox));
    expect(net.reservations()).toEqual([]);
  });

  test("what an ADD that was killed halfway left is replaced, and removed by DEL", () => {
    const net = network("macvlan", { master: "m0" });
    using sandbox = host.sandbox();
    // The name it is made by, before it has got the container's.
    const leftover = passingName(net.name, "c1", "eth0");
    inSandbox(sandbox, () => ip("link", "add", "p", "type", "veth", "peer", "name", "q"));
    const leave = (): void =>
      inSandbox(sandbox, () => ip("link", "add", "link", "p", "name", leftover, "type", "macvlan"));
    const names = (): string[] => host.linksIn(sandbox).map(({ name }) => name);
    leave();
    succeed(net.call("ADD", sandbox));
    expect(names().toSorted()).toEqual(["eth0", "lo", "p", "q"]);
    leave();
    succeed(net.call("DEL", sandbox));
    expect(names().toSorted()).toEqual(["lo", "p", "q"]);
  });
});

describe("ipvlan", () => {
  test.each(["l2", "l3", "l3s"])(`mode %s${reason("ipvlan")}`, needs("ipvlan"), (mode) => {
    const net = network("ipvlan", { master: "m0", mode });
    using sandbox = host.sandbox();
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({ linkinfo: { info_data: { mode } } });
    using other = host.sandbox();
    succeed(net.call("ADD", other, { containerId: "c2" }));
    for (const address of [`${net.subnet}.3`, `${net.subnet6}:3`]) expect(canPing(sandbox, address)).toBe(true);
    succeed(net.call("DEL", other, { containerId: "c2" }));
    succeed(net.callWith({ prevResult }, "CHECK", sandbox));
    const another = mode === "l2" ? "l3" : "l2";
    expect(fail(net.callWith({ prevResult, mode: another }, "CHECK", sandbox)).msg).toContain(
      "does not match expected value",
    );
    succeed(net.call("DEL", sandbox));
  });

  test(`chained, takes master and addresses of the plugin before${reason("ipvlan")}`, needs("ipvlan"), () => {
    const net = network("ipvlan", {}, null);
    using sandbox = host.sandbox();
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "m0" }],
      ips: [{ address: "10.66.0.5/24", gateway: "10.66.0.1", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    const result = succeed(net.callWith({ prevResult }, "ADD", sandbox));
    expect(result?.["interfaces"]).toMatchObject([{ name: "eth0", sandbox: sandbox.path }]);
    expect(addressesOf(result)).toEqual([{ interface: 0, address: "10.66.0.5/24", gateway: "10.66.0.1" }]);
    succeed(net.callWith({ prevResult: result }, "CHECK", sandbox));
    succeed(net.callWith({ prevResult: result }, "DEL", sandbox));
  });

  test("refuses an unknown mode, no IPAM, and a chain that names no single master", () => {
    using sandbox = host.sandbox();
    expect(fail(network("ipvlan", { mode: "l4" }).call("ADD", sandbox)).msg).toBe('unknown ipvlan mode: "l4"');
    expect(fail(network("ipvlan", { master: "m0" }, null).call("ADD", sandbox)).code).toBe(7);
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "a" }, { name: "b" }],
      ips: [{ address: "10.1.1.1/24" }],
    };
    expect(fail(network("ipvlan", { prevResult }, null).call("ADD", sandbox)).msg).toBe(
      "chained master failure. PrevResult lacks a single named interface",
    );
  });
});

describe("vlan", () => {
  test(`has the id, and frames carry it${reason("vlan")}`, needs("vlan"), () => {
    const net = network("vlan", { master: "m0", vlanId: 33 });
    using sandbox = host.sandbox();
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({
      mtu: 1500,
      linkinfo: { info_data: { id: 33 } },
    });
    succeed(net.callWith({ prevResult }, "CHECK", sandbox));
    expect(fail(net.callWith({ prevResult, vlanId: 34 }, "CHECK", sandbox)).msg).toContain(
      "configured vlanid 34 current value 33",
    );
    ip("link", "add", "link", "m1", "name", "m1.33", "type", "vlan", "id", "33");
    ip("addr", "add", `${net.subnet}.9/24`, "dev", "m1.33");
    ip("link", "set", "m1.33", "up");
    expect(canPing(sandbox, `${net.subnet}.9`)).toBe(true);
    ip("link", "del", "m1.33");
    succeed(net.call("DEL", sandbox));
  });

  test(`a master that is down is named${reason("vlan")}`, needs("vlan"), () => {
    ip("link", "add", "low", "type", "bridge");
    using sandbox = host.sandbox();
    const net = network("vlan", { master: "low", vlanId: 5 });
    const text = 'master "low" is down; bring it up: ip link set low up';
    expect(fail(net.call("ADD", sandbox)).msg).toBe(text);
    expect(fail(net.call("STATUS"))).toMatchObject({ code: 50, msg: text });
    ip("link", "del", "low");
  });

  test("refuses an id that cannot be, no master, no IPAM", () => {
    using sandbox = host.sandbox();
    const refusal = (config: object, ipam?: null): string =>
      fail(network("vlan", config, ipam).call("ADD", sandbox)).msg;
    expect(refusal({ master: "m0", vlanId: 4095 })).toBe("invalid VLAN ID 4095 (must be between 0 and 4094 inclusive)");
    expect(refusal({ master: "m0", vlanId: -1 })).toContain("invalid VLAN ID -1");
    expect(refusal({ vlanId: 5 })).toContain('"master" field is required');
    expect(refusal({ master: "m0", vlanId: 5 }, null)).toContain("IPAM");
  });
});

describe("tap", () => {
  test("owner, group, queues, MAC and MTU", () => {
    const mac = "02:00:00:00:bb:01";
    const net = network("tap", { multiQueue: true, owner: 1234, group: 0, mac, mtu: 1400 });
    using sandbox = host.sandbox();
    const result = succeed(net.call("ADD", sandbox));
    expect(result?.["interfaces"]).toEqual([{ name: "eth0", mac, mtu: 1400, sandbox: sandbox.path }]);
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({
      ...{ address: mac, mtu: 1400 },
      linkinfo: {
        info_data: { type: "tap", pi: false, persist: true, multi_queue: true, user: 1234, group: "root" },
      },
    });
    succeed(net.call("DEL", sandbox));
  });

  test("the device may be the port of a bridge that is in the container", () => {
    const net = network("tap", { bridge: "br0" }, null);
    using sandbox = host.sandbox();
    expect(fail(net.call("ADD", sandbox)).msg).toContain('the container has no bridge "br0"');
    inSandbox(sandbox, () => ip("link", "add", "br0", "type", "bridge"));
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({ master: "br0" });
    succeed(net.callWith({ prevResult }, "CHECK", sandbox));
    inSandbox(sandbox, () => ip("link", "set", "eth0", "nomaster"));
    expect(fail(net.callWith({ prevResult }, "CHECK", sandbox)).msg).toContain("is not a port of br0");
    succeed(net.call("DEL", sandbox));
  });

  test("a label that the kernel does not take is an error that names it", () => {
    const net = network("tap", { selinuxContext: "system_u:system_r:nobody_t:s0" });
    using sandbox = host.sandbox();
    expect(fail(net.call("ADD", sandbox)).msg).toContain(
      'selinuxContext "system_u:system_r:nobody_t:s0" cannot be used',
    );
    expect(host.linksIn(sandbox).map(({ name }) => name)).toEqual(["lo"]);
    expect(net.reservations()).toEqual([]);
  });
});

describe("static", () => {
  const ipam = { type: "static", ranges: undefined, dataDir: undefined };
  const ask = (section: object, more: object = {}, args = "", command = "ADD") => ({
    ...{ command, directory, plugin: "static", args },
    config: { cniVersion: "1.0.0", name: "n", type: "any", ipam: { ...ipam, ...section }, ...more },
    netns: "/any",
  });
  const addresses = [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }, { address: "3ffe:ffff:0:1ff::1/64" }];
  const listOf = (result: Record<string, unknown> | undefined): string[] =>
    addressesOf(result).map(({ address }) => address);

  test("gives the configured addresses, routes and DNS", () => {
    const dns = { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"] };
    const routes = [
      { dst: "0.0.0.0/0" },
      { dst: "192.168.0.0/16", gw: "10.10.5.1" },
      { dst: "192.168.0.0/16", gw: "10.10.5.2", priority: 5, table: 100, scope: 0, mtu: 1400, advmss: 1300 },
    ];
    const result = succeed(ask({ addresses, routes, dns }));
    expect(result).toEqual({
      cniVersion: "1.0.0",
      ips: [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }, { address: "3ffe:ffff:0:1ff::1/64" }],
      routes,
      dns,
    });
    succeed(ask({ addresses }, { prevResult: result }, "", "CHECK"));
    const moved = { ...result, ips: [{ address: "10.10.0.1/24", gateway: "10.10.0.253" }] };
    expect(fail(ask({ addresses: [addresses[0]] }, { prevResult: moved }, "", "CHECK")).msg).toContain(
      "static: Failed to match addr",
    );
    expect(fail(ask({ addresses }, {}, "", "CHECK")).msg).toBe("Required prevResult missing");
    succeed(ask({ addresses }, {}, "", "DEL"));
    succeed(ask({ addresses: "junk" }, {}, "", "DEL"));
  });

  test("CNI_ARGS add addresses and gateways", () => {
    const result = succeed(ask({}, {}, "IP=10.10.0.1/24,11.11.0.1/24;GATEWAY=10.10.0.254"));
    expect(addressesOf(result)).toEqual([
      { address: "10.10.0.1/24", gateway: "10.10.0.254" },
      { address: "11.11.0.1/24" },
    ]);
    expect(listOf(succeed(ask({ addresses }, {}, "IP=12.12.0.1/24")))).toEqual([
      "10.10.0.1/24",
      "3ffe:ffff:0:1ff::1/64",
      "12.12.0.1/24",
    ]);
  });

  test("args.cni takes the place of these, and runtimeConfig of all", () => {
    const cni = { args: { cni: { ips: ["10.20.0.1/24"] } } };
    expect(listOf(succeed(ask({ addresses }, cni, "IP=10.10.0.9/24")))).toEqual(["10.20.0.1/24"]);
    const runtimeConfig = { ips: ["10.30.0.1/24", "fd00::1/64"] };
    expect(listOf(succeed(ask({ addresses }, { ...cni, RuntimeConfig: { IPs: runtimeConfig.ips } })))).toEqual(
      runtimeConfig.ips,
    );
  });

  test.each([
    [
      "an address without a prefix length",
      { addresses: [{ address: "10.10.0.1" }] },
      "",
      6,
      "is expected to be in CIDR notation, got: '10.10.0.1'",
    ],
    ["text that is no address", { addresses: [{ address: "a.b.c.d/24" }] }, "", 6, "CIDR notation"],
    ["a gateway that is none", { addresses: [{ address: "10.1.1.1/24", gateway: "x" }] }, "", 6, "gateway"],
    ["an argument without a prefix length", {}, "IP=10.10.0.1", 999, "CIDR notation, got: '10.10.0.1'"],
    ["an argument that is no gateway", {}, "IP=10.10.0.1/24;GATEWAY=x", 999, "Invalid gateway address: x"],
  ])("refuses %s", (_, section, args, code, text) => {
    expect(fail(ask(section, {}, args))).toMatchObject({ code, msg: expect.stringContaining(text) as string });
  });

  test("names the section that is missing, and the version that has no room", () => {
    expect(fail(ask({}, { ipam: undefined })).msg).toBe("IPAM config missing 'ipam' key");
    const two = { addresses: [{ address: "10.1.1.1/24" }, { address: "10.1.1.2/24" }] };
    expect(fail(ask(two, { cniVersion: "0.2.0" })).msg).toContain("does not support more than 1 address per family");
    expect(succeed(ask({ addresses }, { cniVersion: "0.2.0" }))).toMatchObject({
      ip4: { ip: "10.10.0.1/24" },
      ip6: { ip: "3ffe:ffff:0:1ff::1/64" },
    });
  });

  test("below an interface plugin, repeated routes to one destination are all made", () => {
    const routes = [
      { dst: "192.0.2.0/24", gw: "10.77.0.1" },
      { dst: "192.0.2.0/24", gw: "10.77.0.2", priority: 7 },
    ];
    const net = network("macvlan", {
      master: "m0",
      ipam: { type: "static", addresses: [{ address: "10.77.0.5/24" }], routes },
    });
    using sandbox = host.sandbox();
    succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "route", "show", "192.0.2.0/24")).toHaveLength(2);
    succeed(net.call("DEL", sandbox));
  });
});
