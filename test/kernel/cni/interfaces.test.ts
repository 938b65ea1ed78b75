// macvlan, ipvlan, vlan, dummy and tap: what all plugins do that make one interface in the container. Their own options
// are in the tests beside this file.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PluginName } from "#spec/plugin-names";
import { compiledPlugins, nodePlugins } from "../../support/cni.ts";
import { Host, addressesOf, fail, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, inSandbox, ip, ipJson, type NetworkSetup } from "../../support/cni-network.ts";
import { kernelHas, needs, reason, type KernelFeature } from "../../support/kernel-features.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
  ip("link", "set", "lo", "up");
  ip("link", "add", "m0", "type", "veth", "peer", "name", "m1");
  ip("link", "set", "m0", "up");
  ip("link", "set", "m1", "up");
});
afterAll(() => host[Symbol.dispose]());

const directory = compiledPlugins();
const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/** Enough for links that only the virtual machine may have: how a result is put does not hang on the kind of link. */
const FIRST_AND_LAST = ["0.1.0", "1.1.0"];

interface Kind {
  readonly plugin: PluginName;
  /** The kernel's name. */
  readonly kind: string;
  readonly feature?: KernelFeature;
  readonly config: Readonly<Record<string, unknown>>;
}

const KINDS: readonly Kind[] = [
  { plugin: "macvlan", kind: "macvlan", config: { master: "m0" } },
  { plugin: "ipvlan", kind: "ipvlan", feature: "ipvlan", config: { master: "m1" } },
  { plugin: "vlan", kind: "vlan", feature: "vlan", config: { master: "m0", vlanId: 1234 } },
  { plugin: "dummy", kind: "dummy", feature: "dummy", config: {} },
  { plugin: "tap", kind: "tun", config: {} },
];

/** Options for tests of a kind of link, and what to put behind their names. */
function needed({ feature }: Kind): [options: { tags?: string[]; skip?: boolean }, reason: string] {
  return feature === undefined ? [{}, ""] : [needs(feature), reason(feature)];
}

describe.each(KINDS)("$plugin", (subject) => {
  const { plugin, kind, feature, config } = subject;
  const [options, missing] = needed(subject);
  const network = (setup: Partial<NetworkSetup> = {}): TestNetwork =>
    new TestNetwork(host, { directory, plugin, ...setup, config: { ...config, ...setup.config } });

  const versions = feature === undefined ? VERSIONS : FIRST_AND_LAST;
  const forms = feature === undefined ? [["Node", "1.1.0"] as const] : [];
  test.each([...versions.map((version) => ["compiled", version] as const), ...forms])(
    `on %s, ADD and DEL of version %s${missing}`,
    options,
    (form, version) => {
      const net = network({ directory: form === "Node" ? nodePlugins() : directory, version });
      using sandbox = host.sandbox();
      const before = host.links().length;
      const result = succeed(net.call("ADD", sandbox));
      expect(result).toMatchObject({ cniVersion: version });
      const [link] = ipJson(sandbox, "addr", "show", "eth0");
      expect(link).toMatchObject({ linkinfo: { info_kind: kind }, flags: expect.arrayContaining(["UP"]) as string[] });
      expect(link?.["addr_info"]).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ local: `${net.subnet}.2`, prefixlen: 24 }),
          expect.objectContaining({ local: `${net.subnet6}:2`, prefixlen: 64, nodad: true }),
        ]),
      );
      if (version === "1.1.0") {
        expect(result?.["interfaces"]).toEqual([
          { name: "eth0", mac: link?.["address"], mtu: link?.["mtu"], sandbox: sandbox.path },
        ]);
        expect(addressesOf(result).map(({ interface: index }) => index)).toEqual([0, 0]);
      }
      expect(host.links()).toHaveLength(before);
      succeed(net.call("DEL", sandbox));
      succeed(net.call("DEL", sandbox));
      succeed(net.call("DEL"));
      expect(host.linksIn(sandbox).map(({ name }) => name)).not.toContain("eth0");
      expect(net.reservations()).toEqual([]);
    },
  );

  test(`CHECK finds what is missing${missing}`, options, () => {
    const net = network({ ipam: { routes: [{ dst: "192.0.2.0/24" }] } });
    using sandbox = host.sandbox();
    const prevResult = succeed(net.call("ADD", sandbox));
    const check = net.callWith({ prevResult }, "CHECK", sandbox);
    succeed(check);
    expect(fail(net.call("CHECK", sandbox)).msg).toBe("Required prevResult missing");
    inSandbox(sandbox, () => ip("route", "del", "192.0.2.0/24"));
    expect(fail(check).msg).toContain("Expected Route 192.0.2.0/24");
    inSandbox(sandbox, () => ip("addr", "del", `${net.subnet}.2/24`, "dev", "eth0"));
    expect(fail(check).msg).toContain(`Failed to match addr ${net.subnet}.2/24`);
    inSandbox(sandbox, () => ip("link", "set", "eth0", "down"));
    expect(fail(check).msg).toContain("Interface eth0 is down");
    inSandbox(sandbox, () => ip("link", "del", "eth0"));
    expect(fail(check).msg).toContain("eth0 not found");
    const sandboxless = { ...prevResult, interfaces: [{ name: "eth0", sandbox: "/elsewhere" }] };
    expect(fail(net.callWith({ prevResult: sandboxless }, "CHECK", sandbox)).msg).toContain("Sandbox in prevResult");
    succeed(net.call("DEL", sandbox));
    expect(fail(check).msg).toContain("Failed to find address added by container");
  });

  test(`a failing ADD leaves nothing${missing}`, options, () => {
    using sandbox = host.sandbox();
    const bad = network({ ipam: { routes: [{ dst: "192.0.2.0/24", gw: "203.0.113.1" }] } });
    expect(fail(bad.call("ADD", sandbox)).msg).toContain("add route '192.0.2.0/24");
    expect(host.linksIn(sandbox).map(({ kind: made }) => made?.kind)).not.toContain(kind);
    expect(bad.reservations()).toEqual([]);
    const full = network({
      ipam: { ranges: [[{ subnet: "10.9.9.0/30", rangeStart: "10.9.9.1", rangeEnd: "10.9.9.1" }]] },
    });
    expect(fail(full.call("ADD", sandbox)).msg).toContain("no IP addresses available in range set");
    expect(host.linksIn(sandbox).map(({ kind: made }) => made?.kind)).not.toContain(kind);
    // What is not ours is neither overwritten nor removed.
    inSandbox(sandbox, () => ip("link", "add", "eth0", "type", "bridge"));
    const net = network();
    expect(fail(net.call("ADD", sandbox)).msg).toContain("already exists");
    succeed(net.call("DEL", sandbox));
    expect(host.linksIn(sandbox).map(({ name }) => name)).toContain("eth0");
    expect(net.reservations()).toEqual([]);
  });

  test(`one attachment's DEL leaves another's link${missing}`, options, () => {
    const net = network();
    const other = network(plugin === "vlan" ? { config: { vlanId: 99 } } : {});
    using sandbox = host.sandbox();
    succeed(net.call("ADD", sandbox));
    // The ADD of another network for the same name fails, and the runtime calls its DEL.
    expect(fail(other.call("ADD", sandbox)).msg).toContain("already exists");
    succeed(other.call("DEL", sandbox));
    expect(host.linksIn(sandbox).map(({ name }) => name)).toContain("eth0");
    succeed(other.call("ADD", sandbox, { ifname: "net1" }));
    succeed(net.call("DEL", sandbox));
    expect(host.linksIn(sandbox).map(({ name }) => name)).toContain("net1");
    expect(other.reservations()).toHaveLength(2);
  });

  test(`GC frees addresses, and links in namespaces with a name${missing}`, options, () => {
    const net = network();
    using one = host.namedSandbox();
    using two = host.namedSandbox();
    succeed(net.call("ADD", one));
    succeed(
      net.call("ADD", two, {
        containerId: "c2",
        ...(plugin === "vlan" ? { config: { ...net.document, vlanId: 77 } } : {}),
      }),
    );
    succeed(net.call("GC"));
    expect(net.reservations()).toHaveLength(4);
    succeed(net.callWith({ "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] }, "GC"));
    expect(net.reservations()).toHaveLength(2);
    expect(host.linksIn(one).map(({ name }) => name)).not.toContain("eth0");
    expect(host.linksIn(two).map(({ name }) => name)).toContain("eth0");
    succeed(net.callWith({ "cni.dev/valid-attachments": null }, "GC"));
    expect(net.reservations()).toEqual([]);
  });

  test(`STATUS tells whether ADD could be served${missing}`, options, () => {
    succeed(network().call("STATUS"));
    if (!("master" in config)) return;
    const gone = fail(network({ config: { master: "nowhere" } }).call("STATUS"));
    expect(gone).toMatchObject({ code: 50, msg: expect.stringContaining("nowhere") as string });
  });

  if (feature === undefined || kernelHas(feature)) return;
  test("without the kernel's support STATUS and ADD say so, and leave nothing", () => {
    const net = network();
    using sandbox = host.sandbox();
    const text = `this kernel has no ${kind} devices; load the module ${kind}`;
    expect(fail(net.call("STATUS"))).toMatchObject({ code: 50, msg: expect.stringContaining(text) as string });
    expect(fail(net.call("ADD", sandbox)).msg).toContain(text);
    expect(net.reservations()).toEqual([]);
    succeed(net.call("DEL", sandbox));
  });
});

const WITH_MASTER = KINDS.filter(({ config }) => "master" in config);

describe.each(WITH_MASTER)("$plugin and its master", (subject) => {
  const { plugin, config } = subject;
  const [options, missing] = needed(subject);
  const network = (more: Readonly<Record<string, unknown>> = {}): TestNetwork =>
    new TestNetwork(host, { directory, plugin, config: { ...config, ...more } });

  test("an MTU above the master's is refused with the reference plugin's text", () => {
    using sandbox = host.sandbox();
    const refused = fail(network({ mtu: 1501 }).call("ADD", sandbox));
    expect(refused).toMatchObject({ code: 7, msg: "invalid MTU 1501, must be [0, master MTU(1500)]" });
    expect(fail(network({ mtu: -1 }).call("ADD", sandbox)).code).toBe(7);
  });

  test(`a smaller MTU is set, and CHECK looks at it${missing}`, options, () => {
    const net = network({ mtu: 1400 });
    using sandbox = host.sandbox();
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({ mtu: 1400 });
    inSandbox(sandbox, () => ip("link", "set", "eth0", "mtu", "1300"));
    expect(fail(net.callWith({ prevResult }, "CHECK", sandbox)).msg).toContain("MTU");
    succeed(net.call("DEL", sandbox));
  });

  test(`the master may be in the container${missing}`, options, () => {
    const net = network({ master: "inner", linkInContainer: true });
    using sandbox = host.sandbox();
    expect(fail(net.call("ADD", sandbox)).msg).toContain('failed to lookup master "inner"');
    inSandbox(sandbox, () => ip("link", "add", "inner", "type", "veth", "peer", "name", "outer"));
    inSandbox(sandbox, () => ip("link", "set", "inner", "up"));
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({ link: "inner" });
    succeed(net.callWith({ prevResult }, "CHECK", sandbox));
    succeed(net.call("DEL", sandbox));
    expect(host.linksIn(sandbox).map(({ name }) => name)).toContain("inner");
  });

  test(`DEL needs no master${missing}`, options, () => {
    ip("link", "add", "gone", "type", "veth", "peer", "name", "gone1");
    ip("link", "set", "gone", "up");
    const net = network({ master: "gone" });
    using sandbox = host.sandbox();
    succeed(net.call("ADD", sandbox));
    ip("link", "del", "gone");
    succeed(net.call("DEL", sandbox));
    expect(net.reservations()).toEqual([]);
    expect(fail(net.call("ADD", sandbox)).msg).toContain("failed to lookup master");
  });
});
