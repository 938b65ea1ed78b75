// vrf, held against what `ip -j` shows in the container. What is tested follows the reference plugin's own tests (vrf_test.go).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Sandbox } from "../../support/cni.ts";
import { FORMS, Host, fail, succeed } from "../../support/cni-rig.ts";
import { inSandbox, ip, ipBatch, ipJson } from "../../support/cni-network.ts";
import { kernelHas, needs, reason } from "../../support/kernel-features.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
});
afterAll(() => host[Symbol.dispose]());

type Entry = Record<string, unknown>;

/** A container with two interfaces. */
class Container implements Disposable {
  readonly sandbox: Sandbox = host.sandbox();
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    const lines = [1, 2].flatMap((number) => {
      const name = `eth${number - 1}`;
      return [
        `link add ${name} type veth peer name p${number}`,
        ...[name, `p${number}`].map((end) => `link set ${end} up`),
        `addr add 10.${number}.0.2/24 dev ${name}`,
        `addr add fd00:${number}::2/64 dev ${name} nodad`,
        `route add 172.${15 + number}.0.0/16 via 10.${number}.0.1`,
        `route add fd99:${number}::/32 via fd00:${number}::1`,
      ];
    });
    inSandbox(this.sandbox, () => ipBatch(lines));
  }

  call(command: string, config: object = {}, ifname = "eth0") {
    const prevResult = { cniVersion: "1.0.0", interfaces: [{ name: ifname, sandbox: this.sandbox.path }], ips: [] };
    const document = { cniVersion: "1.0.0", name: "net", type: "vrf", vrfname: "red", prevResult, ...config };
    return { command, directory: this.#directory, plugin: "vrf", config: document, netns: this.sandbox.path, ifname };
  }

  show(...words: string[]): Entry[] {
    return ipJson(this.sandbox, ...words);
  }

  master(ifname: string): unknown {
    return this.show("link", "show", ifname)[0]?.["master"];
  }

  vrfs(): string[] {
    return this.show("link", "show", "type", "vrf").map(({ ifname }) => String(ifname));
  }

  [Symbol.dispose](): void {
    this.sandbox.close();
  }
}

test.each(FORMS)("on $form: what needs no VRF", ({ directory }) => {
  using container = new Container(directory());
  // Without the state of a link that was put up, which is found out later.
  const links = (): Entry[] =>
    container
      .show("link")
      .map(({ ifname, ifindex, address, master, mtu }) => ({ ifname, ifindex, address, master, mtu }));
  const before = links();
  const refusal = (config: object): string => fail(container.call("ADD", config)).msg;
  expect(refusal({ vrfname: "" })).toBe("configuration is expected to have a valid vrf name");
  expect(refusal({ vrfname: "a/b" })).toContain("vrfname");
  expect(refusal({ prevResult: null })).toBe("missing prevResult from earlier plugin");
  expect(refusal({ vrfname: "eth1" })).toBe("cmdAdd failed: Netlink eth1 is not a VRF");
  expect(fail(container.call("CHECK")).msg).toBe("VRF red not found");
  expect(fail(container.call("CHECK", { prevResult: null })).msg).toBe("missing prevResult from earlier plugin");
  for (const netns of [container.sandbox.path, "", "/nonexistent"])
    succeed({ ...container.call("DEL", { prevResult: null }), netns });
  succeed(container.call("GC", { cniVersion: "1.1.0", prevResult: null, "cni.dev/valid-attachments": [] }));
  succeed(container.call("STATUS", { cniVersion: "1.1.0", prevResult: null }));
  if (!kernelHas("vrf")) expect(refusal({})).toContain("could not add VRF red");
  else return;
  expect(links()).toEqual(before);
});

describe(`VRFs${reason("vrf")}`, needs("vrf"), () => {
  const directory = FORMS[0].directory();

  test.each(["0.3.1", "1.1.0"])("addresses and routes come along, version %s", (cniVersion) => {
    using container = new Container(directory);
    const call = container.call("ADD", { cniVersion, table: 1001 });
    const prevResult = { ...call.config.prevResult, cniVersion };
    succeed({ ...call, config: { ...call.config, prevResult } });
    expect(container.master("eth0")).toBe("red");
    expect(container.show("link", "show", "red")[0]).toMatchObject({
      linkinfo: { info_kind: "vrf", info_data: { table: 1001 } },
    });
    const addresses = container.show("addr", "show", "eth0")[0]?.["addr_info"] as Entry[];
    expect(addresses).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ local: "10.1.0.2" }),
        expect.objectContaining({ local: "fd00:1::2" }),
      ]),
    );
    expect(container.show("-4", "route", "show", "vrf", "red")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ dst: "10.1.0.0/24" }),
        expect.objectContaining({ dst: "172.16.0.0/16", gateway: "10.1.0.1" }),
      ]),
    );
    expect(container.show("-6", "route", "show", "vrf", "red")).toContainEqual(
      expect.objectContaining({ dst: "fd99:1::/32", gateway: "fd00:1::1" }),
    );
    // The other interface is as it was.
    expect(container.show("-4", "route")).toContainEqual(
      expect.objectContaining({ dst: "172.17.0.0/16", dev: "eth1" }),
    );
    if (cniVersion !== "0.3.1") succeed(container.call("CHECK", { table: 1001 }));
    succeed(container.call("ADD", { table: 1001 }));
    succeed(container.call("DEL", { table: 1001 }));
    expect([container.master("eth0"), container.vrfs()]).toEqual([undefined, []]);
    succeed(container.call("DEL", { table: 1001 }));
  });

  test("two interfaces in one VRF, which goes with the last", () => {
    using container = new Container(directory);
    succeed(container.call("ADD"));
    succeed(container.call("ADD", {}, "eth1"));
    expect([container.master("eth0"), container.master("eth1")]).toEqual(["red", "red"]);
    succeed(container.call("DEL"));
    expect(container.vrfs()).toEqual(["red"]);
    expect(fail(container.call("CHECK")).msg).toBe("failed to find eth0 associated to vrf red");
    // The interface may be gone already.
    inSandbox(container.sandbox, () => ip("link", "del", "eth1"));
    succeed(container.call("DEL", {}, "eth1"));
    expect(container.vrfs()).toEqual([]);
  });

  test("two VRFs have two tables; a table of another VRF's and a second master are refused", () => {
    using container = new Container(directory);
    // Each may have what the other has.
    const shared = "198.51.100.7/24";
    inSandbox(container.sandbox, () => ipBatch(["eth0", "eth1"].map((name) => `addr add ${shared} dev ${name}`)));
    succeed(container.call("ADD"));
    succeed(container.call("ADD", { vrfname: "blue" }, "eth1"));
    for (const [name, dev] of [
      ["red", "eth0"],
      ["blue", "eth1"],
    ] as const) {
      const routes = container.show("-4", "route", "show", "vrf", name);
      expect(routes).toContainEqual(expect.objectContaining({ dst: "198.51.100.0/24", dev }));
    }
    const tables = container
      .show("link", "show", "type", "vrf")
      .map(({ linkinfo }) => (linkinfo as { info_data: Entry }).info_data["table"]);
    expect(tables).toEqual([1, 2]);
    expect(fail(container.call("ADD", { vrfname: "blue" })).msg).toContain(
      "interface eth0 has already a master set: red",
    );
    expect(fail(container.call("ADD", { table: 7 })).msg).toContain(
      "VRF red already exist with different routing table 1",
    );
    expect(container.vrfs()).toEqual(["red", "blue"]);
    succeed(container.call("DEL"));
    succeed(container.call("DEL", { vrfname: "blue" }, "eth1"));
  });

  test("an ADD that fails leaves interface, addresses and routes as they were", () => {
    using container = new Container(directory);
    // The kernel gives links their local IPv6 routes by itself, and may be late.
    const isOurs = ({ dst }: Entry): boolean => !String(dst).startsWith("fe80");
    const routes = (): string =>
      JSON.stringify([container.show("-4", "route"), container.show("-6", "route").filter(isOurs)]);
    const before = routes();
    expect(fail(container.call("ADD", {}, "eth7")).msg).toContain("could not get link by name eth7");
    expect(container.vrfs()).toEqual([]);
    expect(routes()).toBe(before);
  });
});
