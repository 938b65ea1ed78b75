// The bridge's options one by one, after the reference plugin's tests; the rest of its behaviour is in bridge.test.ts.
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compiledPlugins } from "../../support/cni.ts";
import { Host, addressesOf, fail, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, canPing, inSandbox, ip, ipBatch, ipJson, isCutOff } from "../../support/cni-network.ts";
import { needs, reason } from "../../support/kernel-features.ts";

let host: Host;
let serial = 0;
beforeAll(() => {
  host = new Host();
  ip("link", "set", "lo", "up");
});
afterAll(() => host[Symbol.dispose]());

const directory = compiledPlugins();

function network(config: object, ipam?: null) {
  const bridge = `opt${++serial}`;
  const more = ipam === undefined ? {} : { ipam };
  const net = new TestNetwork(host, { directory, plugin: "bridge", config: { bridge, ...config }, ...more });
  return { net, bridge };
}

const ruleset = (): string => execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
const VLANS = "bridge VLAN filtering";
const staticAddress = (address: string): object => ({ type: "static", addresses: [{ address }] });

test("isGateway gives the bridge the gateway's address, and no default route", () => {
  const { net, bridge } = network({ isGateway: true });
  using sandbox = host.sandbox();
  const result = succeed(net.call("ADD", sandbox));
  expect(addressesOf(result)[0]?.gateway).toBe(`${net.subnet}.1`);
  expect(ipJson(undefined, "addr", "show", bridge)[0]?.["addr_info"]).toContainEqual(
    expect.objectContaining({ local: `${net.subnet}.1`, prefixlen: 24 }),
  );
  expect(ipJson(sandbox, "route", "show", "default")).toEqual([]);
  succeed(net.call("DEL", sandbox));
});

test("promiscMode, which CHECK looks at; not with hairpinMode", () => {
  const { net, bridge } = network({ promiscMode: true, isGateway: true });
  using sandbox = host.sandbox();
  const prevResult = succeed(net.call("ADD", sandbox));
  expect(ipJson(undefined, "link", "show", bridge)[0]?.["flags"]).toContain("PROMISC");
  succeed(net.callWith({ prevResult }, "CHECK", sandbox));
  ip("link", "set", bridge, "promisc", "off");
  expect(fail(net.callWith({ prevResult }, "CHECK", sandbox)).msg).toContain("Promisc");
  succeed(net.call("DEL", sandbox));
  expect(fail(net.callWith({ hairpinMode: true }, "ADD", sandbox)).msg).toBe(
    "cannot set hairpin mode and promiscuous mode at the same time",
  );
});

test("macspoofchk drops frames from another MAC, and its rules go with DEL", () => {
  const { net } = network({ macspoofchk: true, isGateway: true });
  using sandbox = host.sandbox();
  succeed(net.call("ADD", sandbox));
  expect(ruleset()).toContain("cni-br-iface-c1-eth0-mac");
  expect(ruleset()).toContain('comment "macspoofchk-c1-eth0"');
  expect(canPing(sandbox, `${net.subnet}.1`)).toBe(true);
  inSandbox(sandbox, () => ip("link", "set", "eth0", "address", "02:00:00:00:dd:01"));
  inSandbox(sandbox, () => ip("neigh", "flush", "all"));
  expect(isCutOff(sandbox, `${net.subnet}.1`)).toBe(true);
  succeed(net.call("DEL"));
  expect(ruleset()).not.toContain("cni-br-iface");
  succeed(net.call("DEL", sandbox));
});

test("enabledad finds an address that another container has", () => {
  const { net } = network({ enabledad: true, isGateway: true });
  const address = `${net.subnet6}:5/64`;
  const ipam = { type: "static", addresses: [{ address, gateway: `${net.subnet6}:1` }] };
  using one = host.sandbox();
  using two = host.sandbox();
  succeed(net.callWith({ ipam }, "ADD", one));
  expect(fail(net.callWith({ ipam }, "ADD", two, { containerId: "c2" })).msg).toContain("duplicate address detection");
  expect(host.linksIn(two).map(({ name }) => name)).toEqual(["lo"]);
  succeed(net.callWith({ ipam }, "DEL", one));
});

test("dns of the configuration takes the place of IPAM's", () => {
  const { net } = network({ dns: { nameservers: ["10.9.9.9"], search: ["a.test"] } });
  using sandbox = host.sandbox();
  expect(succeed(net.call("ADD", sandbox))?.["dns"]).toEqual({ nameservers: ["10.9.9.9"], search: ["a.test"] });
  succeed(net.call("DEL", sandbox));
});

test.each(["nftables", "iptables"])(
  "ipMasqBackend %s: rules for each address, CHECK, and nothing left",
  (ipMasqBackend) => {
    const { net } = network({ ipMasq: true, ipMasqBackend, isGateway: true });
    using sandbox = host.sandbox();
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(ruleset()).toContain(`${net.subnet}.2`);
    expect(ruleset()).toContain(`${net.subnet6}:2`);
    succeed(net.callWith({ prevResult }, "CHECK", sandbox));
    succeed(net.call("DEL"));
    expect(ruleset()).not.toContain(`${net.subnet}.2`);
    expect(ruleset()).not.toContain(`${net.subnet6}:2`);
    succeed(net.call("DEL", sandbox));
  },
);

test("nftables' masquerading: a chain that somebody changed is repaired, one that is as it should be is left alone", () => {
  const { net } = network({ ipMasq: true, ipMasqBackend: "nftables", isGateway: true });
  const place = ["inet", "cni_plugins_masquerade", "postrouting"];
  const chain = (): string => execFileSync("nft", ["-a", "list", "chain", ...place], { encoding: "utf8" });
  using one = host.sandbox();
  succeed(net.call("ADD", one));
  const before = chain();
  expect(before).toMatch(/224\.0\.0\.0\/4.*\n.*ff00::\/8.*\n.*goto masq_checks/);
  const add = (containerId: string): void => {
    using another = host.sandbox();
    succeed(net.call("ADD", another, { containerId }));
    succeed(net.call("DEL", another, { containerId }));
  };
  add("c2");
  expect(chain()).toBe(before);
  execFileSync("nft", ["insert", "rule", ...place, "accept"]);
  add("c3");
  const withoutHandles = (text: string): string => text.replaceAll(/ # handle \d+/g, "");
  expect(withoutHandles(chain())).toBe(withoutHandles(before));
  execFileSync("nft", ["delete", "table", ...place.slice(0, 2)]);
  add("c4");
  expect(withoutHandles(chain())).toBe(withoutHandles(before));
  succeed(net.call("DEL", one));
});

test("the bridge keeps its MAC whatever ports come and go", () => {
  const { net, bridge } = network({ isGateway: true });
  const macOf = (): unknown => ipJson(undefined, "link", "show", bridge)[0]?.["address"];
  using one = host.sandbox();
  using two = host.sandbox();
  succeed(net.call("ADD", one));
  const mac = macOf();
  succeed(net.call("ADD", two, { containerId: "c2" }));
  succeed(net.call("DEL", one));
  succeed(net.call("DEL", two, { containerId: "c2" }));
  expect(macOf()).toBe(mac);
});

test("STATUS: a name that another kind of link has", () => {
  const { net, bridge } = network({});
  succeed(net.call("STATUS"));
  ip("link", "add", bridge, "type", "veth", "peer", "name", `${bridge}p`);
  expect(fail(net.call("STATUS"))).toMatchObject({ code: 50, msg: expect.stringContaining("not a bridge") as string });
});

function vlansOf(port: string): unknown {
  const text = execFileSync("bridge", ["-j", "vlan", "show", "dev", port], { encoding: "utf8" });
  return (JSON.parse(text) as { vlans: unknown }[])[0]?.vlans;
}

test.each([
  ["vlan", { vlan: 100 }, [{ vlan: 100, flags: ["PVID", "Egress Untagged"] }]],
  [
    "preserveDefaultVlan",
    { vlan: 100, preserveDefaultVlan: true },
    [
      { vlan: 1, flags: ["Egress Untagged"] },
      { vlan: 100, flags: ["PVID", "Egress Untagged"] },
    ],
  ],
  [
    "vlanTrunk",
    { vlanTrunk: [{ id: 101 }, { minID: 200, maxID: 202 }] },
    [{ vlan: 1, flags: ["PVID", "Egress Untagged"] }, { vlan: 101 }, { vlan: 200 }, { vlan: 201 }, { vlan: 202 }],
  ],
  [
    "vlan and vlanTrunk",
    { vlan: 100, vlanTrunk: [{ id: 101 }] },
    [{ vlan: 100, flags: ["PVID", "Egress Untagged"] }, { vlan: 101 }],
  ],
])(`%s${reason(VLANS)}`, needs(VLANS), (_, config, expected) => {
  const { net } = network(config, null);
  using sandbox = host.sandbox();
  const result = succeed(net.call("ADD", sandbox));
  const port = (result!["interfaces"] as { name: string }[])[1]!.name;
  expect(vlansOf(port)).toEqual(expected);
  succeed(net.call("DEL", sandbox));
});

test(`VLANs are kept apart, and a trunk reaches those it carries${reason(VLANS, "vlan")}`, needs(VLANS, "vlan"), () => {
  const { net, bridge } = network({});
  const at = (number: number, more: object) => ({ bridge, ipam: staticAddress(`${net.subnet}.${number}/24`), ...more });
  const configs = [
    at(1, { vlan: 101 }),
    at(2, { vlan: 102 }),
    { ...at(0, { vlanTrunk: [{ minID: 100, maxID: 101 }] }), ipam: undefined },
  ];
  using first = host.sandbox();
  using second = host.sandbox();
  using trunk = host.sandbox();
  for (const [index, sandbox] of [first, second, trunk].entries())
    succeed(net.callWith(configs[index]!, "ADD", sandbox, { containerId: `c${index}` }));
  inSandbox(trunk, () =>
    ipBatch([
      "link add link eth0 name eth0.101 type vlan id 101",
      `addr add ${net.subnet}.3/24 dev eth0.101`,
      "link set eth0.101 up",
    ]),
  );
  expect(canPing(first, `${net.subnet}.3`)).toBe(true);
  expect(isCutOff(first, `${net.subnet}.2`)).toBe(true);
  expect(isCutOff(second, `${net.subnet}.3`)).toBe(true);
  for (const [index, sandbox] of [first, second, trunk].entries())
    succeed(net.callWith(configs[index]!, "DEL", sandbox, { containerId: `c${index}` }));
});

test.each([
  [{ vlan: 4095 }, "invalid VLAN ID 4095 (must be between 0 and 4094)"],
  [{ vlanTrunk: [{ id: 0 }] }, "incorrect trunk id parameter"],
  [{ vlanTrunk: [{ minID: 5 }] }, "minID and maxID should be configured simultaneously, maxID is missing"],
  [{ vlanTrunk: [{ minID: 9, maxID: 5 }] }, "minID is greater than maxID in trunk parameter"],
  [{ disableContainerInterface: true }, "cannot use IPAM when DisableContainerInterface flag is set"],
  [{ ipMasqBackend: "ebtables" }, "unknown ipmasq backend"],
])("refuses %j", (config, text) => {
  using sandbox = host.sandbox();
  expect(fail(network(config).net.call("ADD", sandbox))).toMatchObject({
    code: 7,
    msg: expect.stringContaining(text) as string,
  });
});
