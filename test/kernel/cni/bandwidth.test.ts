// bandwidth, held against what `tc -j` shows and against real traffic. What is tested follows the reference plugin's own tests
// (bandwidth_linux_test.go).
import { execFileSync, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GO_PLUGINS, type Sandbox } from "../../support/cni.ts";
import { FORMS, Host, NO_GO_PLUGINS, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, canPing, inSandbox, ip } from "../../support/cni-network.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
  ip("link", "set", "lo", "up");
});
afterAll(() => host[Symbol.dispose]());

type Tc = {
  kind: string;
  handle: string;
  root?: boolean;
  options: Record<string, number>;
  drops: number;
  bytes: number;
};

function qdiscs(device: string): Tc[] {
  return JSON.parse(execFileSync("tc", ["-j", "-s", "qdisc", "show", "dev", device], { encoding: "utf8" })) as Tc[];
}

function ifbs(): string[] {
  return host
    .links()
    .filter(({ kind }) => kind?.kind === "ifb")
    .map(({ name }) => name);
}

/** A container on a bridge, and calls of bandwidth for it. */
class Container implements Disposable {
  readonly network: TestNetwork;
  readonly sandbox: Sandbox;
  readonly result: Record<string, unknown>;
  readonly veth: string;
  readonly #directory: string;
  readonly #ifname: string;

  constructor(directory: string, network: TestNetwork, sandbox: Sandbox = host.sandbox(), ifname = "eth0") {
    this.network = network;
    this.#directory = directory;
    this.#ifname = ifname;
    this.sandbox = sandbox;
    this.result = succeed(network.call("ADD", sandbox, { ifname }))!;
    this.veth = (this.result["interfaces"] as { name: string }[])[1]!.name;
  }

  call(command: string, limits: object, more: object = {}, directory = this.#directory) {
    const { cniVersion } = this.network.document;
    const { name } = this.network;
    const config = { cniVersion, name, type: "bandwidth", prevResult: this.result, ...limits, ...more };
    return { command, directory, plugin: "bandwidth", config, netns: this.sandbox.path, ifname: this.#ifname };
  }

  [Symbol.dispose](): void {
    succeed(this.call("DEL", {}));
    succeed(this.network.call("DEL", this.sandbox, { ifname: this.#ifname }));
    this.sandbox.close();
  }
}

/** 8 Mbit/s with a burst of 80 kbit: 1,000,000 and 10,000 bytes. */
const BOTH = { ingressRate: 8_000_000, ingressBurst: 80_000, egressRate: 16_000_000, egressBurst: 80_000 };

const bridged = (directory: string, version = "1.1.0"): TestNetwork =>
  new TestNetwork(host, {
    directory,
    plugin: "bridge",
    version,
    config: { bridge: "br0", isGateway: true, forceAddress: true },
  });

describe.each(FORMS)("on $form", ({ form, directory: directoryOf }) => {
  const directory = directoryOf();
  test.each(form === "Node" ? ["1.1.0"] : ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])(
    "both directions in version %s: numbers, result, CHECK, DEL",
    (version) => {
      using container = new Container(directory, bridged(directory, version));
      const result = succeed(container.call("ADD", BOTH));
      const interfaces = result?.["interfaces"] as { name: string; mac: string; sandbox?: string }[];
      expect(interfaces.slice(0, 3)).toEqual(container.result["interfaces"]);
      const ifb = interfaces[3]!;
      expect(ifb.name).toMatch(/^bwp[\da-f]{12}$/);
      expect(ifb.mac).toMatch(/^[\da-f:]{17}$/);
      expect(qdiscs(container.veth)).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ kind: "tbf", root: true, handle: "1:" }),
          expect.objectContaining({ kind: "ingress", handle: "ffff:" }),
        ]),
      );
      const tbf = (device: string) => qdiscs(device).find(({ kind }) => kind === "tbf")!.options;
      // tc shows bytes a second; the queue is 25 ms of the rate and the burst.
      expect(tbf(container.veth)).toMatchObject({ rate: 1_000_000 });
      expect(tbf(ifb.name)).toMatchObject({ rate: 2_000_000 });
      const shown = execFileSync("tc", ["-r", "-d", "qdisc", "show", "dev", container.veth, "root"], {
        encoding: "utf8",
      });
      expect(shown).toMatch(/rate 8Mbit burst 10000b.* (limit 35000b|lat 25ms)/);
      expect(canPing(container.sandbox, `${container.network.subnet}.1`)).toBe(true);
      const prevResult = { ...result };
      if (version >= "0.4.0") succeed(container.call("CHECK", BOTH, { prevResult }));
      succeed(container.call("DEL", BOTH, { prevResult }));
      expect(ifbs()).toEqual([]);
      // What the container sends is not lost while its interface is still there.
      expect(canPing(container.sandbox, `${container.network.subnet}.1`)).toBe(true);
      succeed(container.call("DEL", BOTH));
      succeed({ ...container.call("DEL", {}), netns: "" });
    },
  );
});

describe("in all its options", () => {
  const directory = FORMS[0].directory();

  test("one direction alone, and none", { tags: ["vm"] }, () => {
    using container = new Container(directory, bridged(directory));
    const { ingressRate, ingressBurst, egressRate, egressBurst } = BOTH;
    expect(succeed(container.call("ADD", { ingressRate, ingressBurst }))).toEqual(container.result);
    expect(ifbs()).toEqual([]);
    succeed(container.call("CHECK", { ingressRate, ingressBurst }));
    expect(fail(container.call("CHECK", BOTH)).msg).toContain("get ifb device");
    succeed(container.call("DEL", {}));
    execFileSync("tc", ["qdisc", "del", "dev", container.veth, "root"]);
    succeed(container.call("ADD", { egressRate, egressBurst }));
    expect(ifbs()).toHaveLength(1);
    expect(qdiscs(container.veth).some(({ kind }) => kind === "tbf")).toBe(false);
    succeed(container.call("CHECK", { egressRate, egressBurst }));
    succeed(container.call("DEL", {}));
    for (const nothing of [{}, { ingressRate: 0, ingressBurst: 0 }]) {
      expect(succeed(container.call("ADD", nothing))).toEqual(container.result);
      succeed(container.call("CHECK", nothing));
    }
    expect(ifbs()).toEqual([]);
    succeed(container.call("STATUS", BOTH));
  });

  test("the runtime's limits in any case of keys, the configuration's before them", () => {
    using container = new Container(directory, bridged(directory));
    const rate = (): number => qdiscs(container.veth).find(({ kind }) => kind === "tbf")!.options["rate"]!;
    // As containerd sends it, with the burst that Kubernetes has.
    const containerd = {
      IngressRate: 1_000_000,
      IngressBurst: 4_294_967_295,
      EgressRate: 1_000_000,
      EgressBurst: 4_294_967_295,
    };
    succeed(container.call("ADD", { runtimeConfig: { bandWidth: containerd } }));
    expect(rate()).toBe(125_000);
    succeed(container.call("CHECK", { runtimeConfig: { bandwidth: containerd } }));
    succeed(container.call("ADD", { ...BOTH, runtimeConfig: { bandwidth: containerd } }));
    expect(rate()).toBe(1_000_000);
    expect(ifbs()).toHaveLength(1);
    succeed(container.call("DEL", {}));
  });

  test("limits that cannot be are refused", () => {
    using container = new Container(directory, bridged(directory));
    const refusal = (limits: object, more?: object): string => fail(container.call("ADD", limits, more)).msg;
    expect(refusal({ ingressRate: 8 })).toBe("if rate is set, burst must also be set");
    expect(refusal({ egressBurst: 8 })).toBe("if burst is set, rate must also be set");
    expect(refusal({ egressRate: 8, egressBurst: 8 * 0xffff_ffff })).toBe("burst cannot be more than 4GB");
    expect(refusal({ ...BOTH, shapedSubnets: ["10.0.0.0/8"], unshapedSubnets: ["10.0.0.0/8"] })).toContain(
      "cannot be both specified",
    );
    expect(refusal({ ...BOTH, shapedSubnets: ["ten"] })).toContain('bad subnet "ten" provided');
    expect(refusal(BOTH, { prevResult: null })).toBe("must be called as chained plugin");
    const hostOnly = { ...container.result, interfaces: [{ name: "br0" }] };
    expect(refusal(BOTH, { prevResult: { ...hostOnly, ips: [] } })).toContain(
      "no veth peer of container interface found in host ns",
    );
    expect(refusal(BOTH, { prevResult: { cniVersion: "1.1.0", ips: [] } })).toContain("no interfaces provided");
    const noPeer = fail({ ...container.call("ADD", BOTH), ifname: "lo" });
    expect(noPeer.msg).toBe("container interface lo has no veth peer");
    expect(ifbs()).toEqual([]);
    expect(qdiscs(container.veth).map(({ kind }) => kind)).toEqual(["noqueue"]);
  });

  test("a failing ADD undoes both directions", () => {
    using container = new Container(directory, bridged(directory));
    // Something else has the place where received packets are caught.
    execFileSync("tc", ["qdisc", "add", "dev", container.veth, "clsact"]);
    expect(fail(container.call("ADD", BOTH)).msg).toContain("create egress qdisc");
    expect(ifbs()).toEqual([]);
    expect(qdiscs(container.veth).map(({ kind }) => kind)).toEqual(["noqueue", "clsact"]);
  });

  test("of several of the host's links in prevResult it is the pair's that is limited", () => {
    using container = new Container(directory, bridged(directory));
    const other = new Container(directory, bridged(directory), host.sandbox(), "eth7");
    const [bridge, veth, inside] = container.result["interfaces"] as object[];
    for (const interfaces of [
      [bridge, { name: other.veth }, veth, inside],
      [inside, veth, { name: other.veth }],
    ]) {
      const prevResult = { ...container.result, interfaces, ips: [] };
      succeed(container.call("ADD", BOTH, { prevResult }));
      expect(qdiscs(container.veth).map(({ kind }) => kind)).toEqual(["tbf", "ingress"]);
      expect(qdiscs(other.veth).map(({ kind }) => kind)).toEqual(["noqueue"]);
      succeed(container.call("CHECK", BOTH, { prevResult }));
      succeed(container.call("DEL", BOTH, { prevResult }));
    }
    other[Symbol.dispose]();
  });

  test("two attachments of one container to one network have a device each", () => {
    const network = bridged(directory);
    using first = new Container(directory, network);
    const second = new Container(directory, network, first.sandbox, "eth1");
    succeed(first.call("ADD", BOTH));
    succeed(second.call("ADD", BOTH));
    expect(ifbs()).toHaveLength(2);
    succeed(first.call("DEL", BOTH));
    succeed(second.call("CHECK", BOTH));
    succeed(second.call("DEL", BOTH));
    expect(ifbs()).toEqual([]);
    succeed(network.call("DEL", first.sandbox, { ifname: "eth1" }));
  });

  test("GC removes the devices of what is not valid, of its own network alone", () => {
    using kept = new Container(directory, bridged(directory));
    using other = new Container(directory, bridged(directory));
    succeed(kept.call("ADD", BOTH));
    succeed(other.call("ADD", BOTH));
    const gc = (valid: object): void => void succeed(kept.call("GC", {}, valid));
    gc({});
    gc({ "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] });
    expect(ifbs()).toHaveLength(2);
    gc({ "cni.dev/valid-attachments": [] });
    expect(ifbs()).toHaveLength(1);
    succeed(other.call("CHECK", BOTH));
    succeed(other.call("DEL", {}));
  });

  test("CHECK finds what somebody changed", () => {
    using container = new Container(directory, bridged(directory));
    succeed(container.call("ADD", BOTH));
    const [ifb] = ifbs();
    const tc = (...words: string[]): void => void execFileSync("tc", words);
    tc(
      "qdisc",
      "replace",
      "dev",
      container.veth,
      "root",
      "handle",
      "1:",
      "tbf",
      ..."rate 9mbit burst 10000b limit 35000b".split(" "),
    );
    expect(fail(container.call("CHECK", BOTH)).msg).toContain("Rate doesn't match");
    tc(
      "qdisc",
      "replace",
      "dev",
      container.veth,
      "root",
      "handle",
      "1:",
      "tbf",
      ..."rate 8mbit burst 10000b limit 36000b".split(" "),
    );
    expect(fail(container.call("CHECK", BOTH)).msg).toContain("Limit doesn't match");
    tc(
      "qdisc",
      "replace",
      "dev",
      container.veth,
      "root",
      "handle",
      "1:",
      "tbf",
      ..."rate 8mbit burst 20000b limit 35000b".split(" "),
    );
    expect(fail(container.call("CHECK", BOTH)).msg).toContain("Buffer doesn't match");
    succeed(container.call("ADD", BOTH));
    succeed(container.call("CHECK", BOTH));
    tc("filter", "del", "dev", container.veth, "parent", "ffff:");
    expect(fail(container.call("CHECK", BOTH)).msg).toContain("Failed to find filter");
    tc("qdisc", "del", "dev", ifb!, "root");
    expect(fail(container.call("CHECK", BOTH)).msg).toContain("Failed to find qdisc");
    succeed(container.call("DEL", BOTH));
  });

  test("what exceeds the rate waits or is dropped, in each direction, and no packet passes by the bucket", () => {
    using container = new Container(directory, bridged(directory));
    // 800 kbit/s, 100 kB/s; bursts of ten packets, queues of 12.5 kB.
    const limits = { ingressRate: 800_000, ingressBurst: 80_000, egressRate: 800_000, egressBurst: 80_000 };
    succeed(container.call("ADD", limits));
    const [ifb] = ifbs();
    const { subnet } = container.network;
    // 200 datagrams of 1000 bytes at once to where nobody listens: twenty times what bucket and queue hold.
    const flood = (address: string): void => {
      const script = `const s = require("node:dgram").createSocket("udp4");
        let left = 200; const next = () => left-- > 0 ? s.send(Buffer.alloc(1000), 9, "${address}", next) : s.close(); s.on("error", next); next();`;
      spawnSync(process.execPath, ["-e", script]);
    };
    expect(canPing(container.sandbox, `${subnet}.1`)).toBe(true);
    flood(`${subnet}.2`);
    const toContainer = qdiscs(container.veth).find(({ kind }) => kind === "tbf")!;
    expect(toContainer.drops).toBeGreaterThan(0);
    expect(toContainer.bytes).toBeLessThan(200_000);
    inSandbox(container.sandbox, () => flood(`${subnet}.1`));
    const fromContainer = qdiscs(ifb!).find(({ kind }) => kind === "tbf")!;
    expect(fromContainer.drops).toBeGreaterThan(0);
    expect(fromContainer.bytes).toBeLessThan(200_000);
    succeed(container.call("DEL", {}));
  });

  test.each([
    ["shapedSubnets", "1:30"],
    ["unshapedSubnets", "1:1"],
  ])("%s: what is from and to the list goes through class %s", { tags: ["vm"] }, (key, listed) => {
    using container = new Container(directory, bridged(directory));
    const { subnet, subnet6 } = container.network;
    ip("addr", "replace", "198.51.100.1/32", "dev", "lo");
    const limits = { ...BOTH, [key]: ["198.51.100.0/24", "2001:db8:9::/48"] };
    succeed(container.call("ADD", limits));
    succeed(container.call("CHECK", limits));
    const [ifb] = ifbs();
    const packets = (device: string): Record<string, number> => {
      const text = execFileSync("tc", ["-s", "class", "show", "dev", device], { encoding: "utf8" });
      const classes = text.matchAll(/^class htb (\S+) [^]*?Sent \d+ bytes (\d+) pkt/gm);
      return Object.fromEntries([...classes].map(([, handle, count]) => [handle, Number(count)]));
    };
    inSandbox(container.sandbox, () => ip("route", "add", "default", "via", `${subnet}.1`));
    for (const device of [container.veth, ifb!]) {
      const unlisted = listed === "1:1" ? "1:30" : "1:1";
      const before = packets(device);
      expect(canPing(container.sandbox, "198.51.100.1")).toBe(true);
      const after = packets(device);
      expect(after[listed]!).toBeGreaterThan(before[listed]!);
      expect(canPing(container.sandbox, `${subnet}.1`)).toBe(true);
      expect(canPing(container.sandbox, `${subnet6}:1`)).toBe(true);
      expect(packets(device)[unlisted]!).toBeGreaterThan(after[unlisted]!);
    }
    succeed(container.call("DEL", limits));
  });
});

test.skipIf(!hasGoPlugins)(
  `the Go plugin's device has the same name, and is ours to remove${hasGoPlugins ? "" : ` (${NO_GO_PLUGINS})`}`,
  () => {
    const directory = FORMS[0].directory();
    const network = new TestNetwork(host, { directory, plugin: "bridge", version: "1.0.0", config: { bridge: "br0" } });
    using container = new Container(directory, network);
    succeed(container.call("ADD", BOTH, {}, GO_PLUGINS));
    const theirs = ifbs();
    succeed(container.call("DEL", {}));
    expect(ifbs()).toEqual([]);
    execFileSync("tc", ["qdisc", "del", "dev", container.veth, "root"]);
    succeed(container.call("ADD", BOTH));
    expect(ifbs()).toEqual(theirs);
    succeed(container.call("DEL", BOTH, {}, GO_PLUGINS));
    expect(ifbs()).toEqual([]);
  },
);
