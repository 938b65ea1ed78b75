// sbr, held against what `ip -j rule` and `ip -j route` show in the container, and against packets. What is tested follows the
// reference plugin's own tests (sbr_linux_test.go).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Sandbox } from "../../support/cni.ts";
import { FORMS, Host, fail, succeed } from "../../support/cni-rig.ts";
import { inSandbox, ip, ipJson } from "../../support/cni-network.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
});
afterAll(() => host[Symbol.dispose]());

type Entry = Record<string, unknown>;

/** A container with two interfaces: eth0 with the default route, and net1, which sbr is for. */
class Container implements Disposable {
  readonly sandbox: Sandbox = host.sandbox();
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    inSandbox(this.sandbox, () => {
      for (const [name, peer] of [
        ["eth0", "p0"],
        ["net1", "p1"],
      ] as const) {
        ip("link", "add", name, "type", "veth", "peer", "name", peer);
        for (const end of [name, peer]) ip("link", "set", end, "up");
      }
      ip("addr", "add", "10.0.0.2/24", "dev", "eth0");
      ip("addr", "add", "192.168.1.209/24", "dev", "net1");
      ip("addr", "add", "fd00:1::209/64", "dev", "net1", "nodad");
      ip("route", "add", "default", "via", "10.0.0.1");
      ip("route", "add", "172.16.0.0/12", "via", "192.168.1.1");
      ip("-6", "route", "add", "fd00:99::/32", "via", "fd00:1::1");
    });
  }

  call(command: string, config: object = {}, more: object = {}) {
    const interfaces = [
      { name: "net1", sandbox: this.sandbox.path },
      { name: "eth0", sandbox: this.sandbox.path },
    ];
    const ips = [
      { address: "192.168.1.209/24", gateway: "192.168.1.1", interface: 0 },
      { address: "fd00:1::209/64", gateway: "fd00:1::1", interface: 0 },
      { address: "10.0.0.2/24", interface: 1 },
    ];
    const prevResult = { cniVersion: "1.0.0", interfaces, ips };
    const document = { cniVersion: "1.0.0", name: "net", type: "sbr", prevResult, ...config };
    return {
      command,
      directory: this.#directory,
      plugin: "sbr",
      config: document,
      netns: this.sandbox.path,
      ifname: "net1",
      ...more,
    };
  }

  rules(family: "-4" | "-6"): Entry[] {
    return ipJson(this.sandbox, family, "rule").filter(({ src }) => src !== "all");
  }

  routes(family: "-4" | "-6", table: string): Entry[] {
    return ipJson(this.sandbox, family, "route", "show", "table", table).filter(
      ({ dst }) => !String(dst).startsWith("fe80"),
    );
  }

  state(): string {
    const show = (family: "-4" | "-6") => [
      this.rules(family),
      this.routes(family, "all").filter(({ type }) => type === "unicast"),
    ];
    return JSON.stringify([show("-4"), show("-6")]);
  }

  /** Where a packet from an address goes. */
  way(source: string, to: string): Entry {
    return ipJson(this.sandbox, "route", "get", to, "from", source)[0]!;
  }

  [Symbol.dispose](): void {
    this.sandbox.close();
  }
}

describe.each(FORMS)("on $form", ({ directory: directoryOf }) => {
  const directory = directoryOf();

  test("each address has a rule and a table with the interface's routes, which the main table loses", () => {
    using container = new Container(directory);
    const call = container.call("ADD");
    expect(succeed(call)).toMatchObject({ ips: call.config.prevResult.ips });
    expect(container.rules("-4")).toEqual([expect.objectContaining({ src: "192.168.1.209", table: "100" })]);
    expect(container.rules("-6")).toEqual([expect.objectContaining({ src: "fd00:1::209", table: "101" })]);
    const byDestination = (entries: Entry[]) =>
      Object.fromEntries(entries.map(({ dst, gateway }) => [dst, gateway ?? null]));
    expect(byDestination(container.routes("-4", "100"))).toEqual({
      default: "192.168.1.1",
      "192.168.1.0/24": null,
      "172.16.0.0/12": "192.168.1.1",
    });
    expect(byDestination(container.routes("-6", "101"))).toEqual({
      default: "fd00:1::1",
      "fd00:1::/64": null,
      "fd00:99::/32": "fd00:1::1",
    });
    expect(byDestination(container.routes("-4", "main"))).toEqual({ default: "10.0.0.1", "10.0.0.0/24": null });
    expect(container.routes("-6", "main")).toEqual([]);
    expect(container.way("192.168.1.209", "8.8.8.8")).toMatchObject({ dev: "net1", gateway: "192.168.1.1" });
    expect(container.way("10.0.0.2", "8.8.8.8")).toMatchObject({ dev: "eth0", gateway: "10.0.0.1" });
    expect(container.way("fd00:1::209", "2001:db8::1")).toMatchObject({ dev: "net1", gateway: "fd00:1::1" });
    succeed(container.call("CHECK"));
    const before = container.state();
    succeed(container.call("ADD"));
    expect(container.state()).toBe(before);
    succeed(container.call("DEL"));
    expect([container.rules("-4"), container.rules("-6")]).toEqual([[], []]);
    expect(fail(container.call("CHECK")).msg).toContain("Expected rule from 192.168.1.209 not found");
    succeed(container.call("DEL"));
    // The interface's routes are still in their tables.
    succeed(container.call("ADD"));
    expect(container.state()).toBe(before);
    succeed(container.call("DEL"));
  });
});

describe("in all its options", () => {
  const directory = FORMS[0].directory();

  test("a table of somebody else's: rules alone", () => {
    using container = new Container(directory);
    const before = container.routes("-4", "main");
    inSandbox(container.sandbox, () => ip("route", "add", "default", "via", "192.168.1.1", "table", "5000"));
    succeed(container.call("ADD", { table: 5000 }));
    succeed(container.call("ADD", { table: 5000 }));
    expect(container.rules("-4")).toEqual([expect.objectContaining({ src: "192.168.1.209", table: "5000" })]);
    expect(container.routes("-4", "main")).toEqual(before);
    succeed(container.call("CHECK", { table: 5000 }));
    expect(fail(container.call("CHECK", { table: 5001 })).msg).toContain("Expected rule");
    succeed(container.call("DEL", { table: 5001 }));
    expect(container.rules("-4")).toHaveLength(1);
    succeed(container.call("DEL", { table: 5000 }));
    expect(container.rules("-4")).toEqual([]);
  });

  test("tables that are taken by rules or routes are passed over", () => {
    using container = new Container(directory);
    inSandbox(container.sandbox, () => {
      ip("rule", "add", "from", "10.9.9.9", "table", "100");
      ip("route", "add", "10.8.0.0/16", "dev", "eth0", "table", "101");
    });
    succeed(container.call("ADD"));
    expect(container.rules("-4")).toContainEqual(expect.objectContaining({ src: "192.168.1.209", table: "102" }));
    expect(container.rules("-6")).toContainEqual(expect.objectContaining({ src: "fd00:1::209", table: "103" }));
    succeed(container.call("DEL"));
    expect(container.rules("-4")).toEqual([expect.objectContaining({ src: "10.9.9.9" })]);
  });

  test("gateways of the configuration take the place of the result's", () => {
    using container = new Container(directory);
    const gateways = ["192.168.1.254", "fd00:1::254"];
    succeed(container.call("ADD", { gateways }));
    expect(container.way("192.168.1.209", "8.8.8.8")).toMatchObject({ gateway: "192.168.1.254" });
    expect(container.way("fd00:1::209", "2001:db8::1")).toMatchObject({ gateway: "fd00:1::254" });
    succeed(container.call("CHECK", { gateways }));
    expect(fail(container.call("CHECK")).msg).toContain("Expected default route via 192.168.1.1");
    succeed(container.call("DEL", { gateways }));
  });

  test("addSourceHints leaves subnets in the main table, with a source", () => {
    using container = new Container(directory);
    succeed(container.call("ADD", { addSourceHints: true }));
    expect(container.routes("-4", "main")).toContainEqual(
      expect.objectContaining({ dst: "192.168.1.0/24", dev: "net1", prefsrc: "192.168.1.209" }),
    );
    expect(container.routes("-4", "main").some(({ dst }) => dst === "172.16.0.0/12")).toBe(false);
    expect(container.routes("-6", "main")).toEqual([
      expect.objectContaining({ dst: "fd00:1::/64", prefsrc: "fd00:1::209" }),
    ]);
    expect(container.way("192.168.1.209", "8.8.8.8")).toMatchObject({ dev: "net1" });
    succeed(container.call("DEL"));
  });

  test("two addresses of one subnet have a table each", () => {
    using container = new Container(directory);
    inSandbox(container.sandbox, () => ip("addr", "add", "192.168.1.210/24", "dev", "net1"));
    const { prevResult } = container.call("ADD").config;
    const ips = [...prevResult.ips, { address: "192.168.1.210/24", gateway: "192.168.1.1", interface: 0 }];
    succeed(container.call("ADD", { prevResult: { ...prevResult, ips } }));
    expect(container.rules("-4").map(({ src, table }) => [src, table])).toEqual([
      ["192.168.1.210", "102"],
      ["192.168.1.209", "100"],
    ]);
    for (const source of ["192.168.1.209", "192.168.1.210"]) {
      expect(container.way(source, "8.8.8.8")).toMatchObject({ dev: "net1", gateway: "192.168.1.1" });
    }
    succeed(container.call("DEL", { prevResult: { ...prevResult, ips } }));
    expect(container.rules("-4")).toEqual([]);
  });

  test("what cannot be is refused, and an ADD that fails takes everything back", () => {
    using container = new Container(directory);
    const before = container.state();
    const refusal = (config: object, more?: object): string => fail(container.call("ADD", config, more)).msg;
    expect(refusal({ prevResult: null })).toBe("This plugin must be called as chained plugin");
    expect(refusal({ gateways: ["192.168.1.1", "192.168.1.2"] })).toContain(
      "gateways list contains multiple IPv4 addresses",
    );
    expect(refusal({ gateways: ["a"] })).toBe("invalid static gateway IP address: a");
    expect(refusal({ gateways: ["10.0.0.1", "fd00::1", "fd00::2"] })).toContain("more than 2 entries");
    const { prevResult } = container.call("ADD").config;
    expect(refusal({ prevResult: { ...prevResult, ips: [] } })).toBe("No IP addresses supplied on interface: net1");
    expect(refusal({}, { ifname: "net7" })).toContain("Cannot find network interface net7");
    // A gateway that cannot be reached: refused when the rules are there already.
    expect(refusal({ gateways: ["203.0.113.1"] })).toContain("Failed to add route");
    expect(container.state()).toBe(before);
  });

  test("DEL without namespace, interface, previous result; GC and STATUS", () => {
    using container = new Container(directory);
    succeed(container.call("ADD"));
    succeed({ ...container.call("DEL", { prevResult: null }), netns: "" });
    succeed({ ...container.call("DEL", { prevResult: null }), netns: "/nonexistent" });
    inSandbox(container.sandbox, () => ip("link", "del", "net1"));
    succeed(container.call("DEL", { prevResult: null }));
    // By the previous result the rules are found without the interface.
    succeed(container.call("DEL"));
    expect(container.rules("-4")).toEqual([]);
    succeed(container.call("GC", { cniVersion: "1.1.0", prevResult: null, "cni.dev/valid-attachments": [] }));
    succeed(container.call("STATUS", { cniVersion: "1.1.0" }));
  });
});
