// ptp, as a runtime meets it. What is tested follows the reference plugin's own tests (ptp_test.go).
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compiledPlugins, nodePlugins } from "../../support/cni.ts";
import { Host, addressesOf, fail, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, canPing, inSandbox, ip, ipJson, type NetworkSetup } from "../../support/cni-network.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
  ip("link", "set", "lo", "up");
});
afterAll(() => host[Symbol.dispose]());

const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

function ruleset(): string {
  return execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
}

const directory = compiledPlugins();
const network = (setup: Partial<NetworkSetup> = {}) => new TestNetwork(host, { directory, plugin: "ptp", ...setup });

describe("ptp", () => {
  test.each([...VERSIONS.map((version) => ["compiled", version] as const), ["Node", "1.1.0"] as const])(
    "on %s, ADD and DEL of version %s, dual stack",
    (form, version) => {
      const net = network({
        directory: form === "Node" ? nodePlugins() : directory,
        version,
        ipam: { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
      });
      using sandbox = host.sandbox();
      const result = succeed(net.call("ADD", sandbox));
      expect(result).toMatchObject({ cniVersion: version });
      // Usable in both families as soon as ADD returns.
      expect(canPing(sandbox, `${net.subnet}.1`)).toBe(true);
      expect(canPing(undefined, `${net.subnet6}:2`)).toBe(true);
      const [veth] = host.veths();
      expect(ipJson(undefined, "addr", "show", veth!)[0]?.["addr_info"]).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ local: `${net.subnet}.1`, prefixlen: 32 }),
          expect.objectContaining({ local: `${net.subnet6}:1`, prefixlen: 128 }),
        ]),
      );
      expect(ipJson(undefined, "route", "show", "dev", veth!)).toContainEqual(
        expect.objectContaining({ dst: `${net.subnet}.2`, scope: "host" }),
      );
      const gateway = `${net.subnet}.1`;
      expect(ipJson(sandbox, "-4", "route")).toEqual([
        expect.objectContaining({ dst: "default", gateway }),
        expect.objectContaining({ dst: `${net.subnet}.0/24`, gateway, prefsrc: `${net.subnet}.2` }),
        expect.objectContaining({ dst: gateway, scope: "link", prefsrc: `${net.subnet}.2` }),
      ]);
      const routes6 = ipJson(sandbox, "-6", "route").filter(({ dst }) => !String(dst).startsWith("fe80"));
      expect(routes6).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ dst: `${net.subnet6}:1`, dev: "eth0" }),
          expect.objectContaining({ dst: `${net.subnet6}:/64`, gateway: `${net.subnet6}:1` }),
          expect.objectContaining({ dst: "default", gateway: `${net.subnet6}:1` }),
        ]),
      );
      succeed(net.call("DEL", sandbox));
      succeed(net.call("DEL", sandbox));
      succeed(net.call("DEL"));
      expect(host.veths()).toEqual([]);
      expect(net.reservations()).toEqual([]);
    },
  );

  test("two containers reach each other at once", () => {
    const net = network({ config: { mtu: 1400 } });
    using one = host.sandbox();
    using two = host.sandbox();
    const first = succeed(net.call("ADD", one));
    const second = succeed(net.call("ADD", two, { containerId: "c2" }));
    expect(addressesOf(second).map(({ interface: index, address }) => [index, address])).toEqual([
      [1, `${net.subnet}.3/24`],
      [1, `${net.subnet6}:3/64`],
    ]);
    expect(first?.["interfaces"]).toEqual([
      expect.objectContaining({ mtu: 1400, name: expect.stringMatching(/^veth[\da-f]{8}$/) as string }),
      expect.objectContaining({ mtu: 1400, name: "eth0", sandbox: one.path }),
    ]);
    expect(canPing(one, `${net.subnet}.3`)).toBe(true);
    expect(canPing(one, `${net.subnet6}:3`)).toBe(true);
    succeed(net.call("DEL", one));
    succeed(net.call("DEL", two, { containerId: "c2" }));
  });

  test("CHECK finds what is missing, at either end", () => {
    const net = network({ config: { ipMasq: true } });
    using sandbox = host.sandbox();
    const prevResult = succeed(net.call("ADD", sandbox));
    const check = net.callWith({ prevResult }, "CHECK", sandbox);
    succeed(check);
    const [veth] = host.veths();
    ip("route", "del", `${net.subnet}.2`, "dev", veth!, "scope", "host");
    expect(fail(check).msg).toContain(`the host has no route to ${net.subnet}.2`);
    ip("route", "add", `${net.subnet}.2`, "dev", veth!, "scope", "host");
    succeed(check);
    execFileSync("nft", ["flush", "ruleset"]);
    expect(fail(check).msg).toContain("ipMasq rules");
    inSandbox(sandbox, () => ip("addr", "del", `${net.subnet}.2/24`, "dev", "eth0"));
    expect(fail(check).msg).toContain(`Failed to match addr ${net.subnet}.2/24`);
    succeed(net.call("DEL", sandbox));
    expect(fail(net.call("CHECK", sandbox)).msg).toContain("Failed to find address added by container");
  });

  test.each([
    ["the configuration's wins", { nameservers: ["10.9.9.9"] }, { nameservers: ["10.9.9.9"] }],
    ["an empty list is something", { nameservers: [] }, undefined],
  ])("DNS: %s", (_, dns, expected) => {
    const net = network({ config: { dns } });
    using sandbox = host.sandbox();
    expect(succeed(net.call("ADD", sandbox))?.["dns"]).toEqual(expected);
    succeed(net.call("DEL", sandbox));
  });

  test.each(["nftables", "iptables"])("ipMasq by %s, removed without the namespace", (ipMasqBackend) => {
    const net = network({ config: { ipMasq: true, ipMasqBackend } });
    using sandbox = host.sandbox();
    succeed(net.call("ADD", sandbox));
    expect(ruleset()).toContain("masquerade");
    expect(ruleset()).toContain(`${net.subnet6}:2`);
    succeed(net.call("DEL"));
    expect(ruleset()).not.toContain(net.subnet);
    expect(host.veths()).toEqual([]);
    succeed(net.call("DEL", sandbox));
  });

  test("a failing ADD leaves nothing", () => {
    const net = network({ ipam: { routes: [{ dst: "192.0.2.0/24", gw: "203.0.113.1" }] } });
    using sandbox = host.sandbox();
    expect(fail(net.call("ADD", sandbox)).msg).toContain("add route '192.0.2.0/24 via 203.0.113.1");
    expect(host.veths()).toEqual([]);
    expect(host.linksIn(sandbox).map(({ name }) => name)).toEqual(["lo"]);
    expect(net.reservations()).toEqual([]);
    inSandbox(sandbox, () => ip("link", "add", "eth0", "type", "bridge"));
    expect(fail(net.call("ADD", sandbox)).msg).toContain("already exists");
    // What another has made stays, whatever DEL is told.
    succeed(net.call("DEL", sandbox));
    expect(host.linksIn(sandbox).map(({ name }) => name)).toContain("eth0");
    expect(fail(network({ ipam: null }).call("ADD", sandbox)).code).toBe(7);
  });

  test("GC removes what is of no valid attachment, and of this network alone", () => {
    const net = network({ config: { ipMasq: true } });
    const other = network();
    using one = host.sandbox();
    using two = host.sandbox();
    using three = host.sandbox();
    succeed(net.call("ADD", one));
    succeed(net.call("ADD", two, { containerId: "c2" }));
    succeed(other.call("ADD", three));
    const valid = { "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] };
    succeed(net.callWith(valid, "GC"));
    expect(host.linksIn(one).map(({ name }) => name)).toEqual(["lo"]);
    expect(host.veths()).toHaveLength(2);
    expect(net.reservations()).toHaveLength(2);
    expect(ruleset()).not.toContain(`${net.subnet}.2 `);
    expect(ruleset()).toContain(`${net.subnet}.3`);
    succeed(net.callWith({ "cni.dev/valid-attachments": [] }, "GC"));
    expect(host.veths()).toHaveLength(1);
    succeed(other.call("DEL", three));
    succeed(net.call("STATUS"));
    expect(
      fail(
        network({ ipam: { ranges: [[{ subnet: "10.9.9.0/30", rangeStart: "10.9.9.1", rangeEnd: "10.9.9.1" }]] } }).call(
          "STATUS",
        ),
      ).code,
    ).toBe(50);
  });
});
