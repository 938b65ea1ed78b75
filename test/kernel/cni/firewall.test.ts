// firewall, with real packets, over each backend; firewalld is a stand-in on a real message bus. What is tested follows the
// reference plugin's own tests (firewall_iptables_test.go, firewall_firewalld_test.go, firewall_integ_test.go).
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, afterAll, describe, expect, test } from "vitest";
import { DbusConnection } from "#kernel/dbus/connection";
import { sys } from "#sys";
import { GO_PLUGINS, type Sandbox } from "../../support/cni.ts";
import { FORMS, Host, NO_GO_PLUGINS, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, canPing, inSandbox, ip, isCutOff } from "../../support/cni-network.ts";

let host: Host;
let outside: Sandbox;
/** No bus: what runs on the machine is none of a test's business. */
const NO_BUS = { DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/nonexistent" };

beforeAll(() => {
  host = new Host();
  outside = host.sandbox();
  ip("link", "set", "lo", "up");
  ip("link", "add", "wan", "type", "veth", "peer", "name", "wan", "netns", outside.path);
  ip("addr", "add", "192.0.2.1/24", "dev", "wan");
  ip("link", "set", "wan", "up");
  inSandbox(outside, () => {
    ip("addr", "add", "192.0.2.2/24", "dev", "wan");
    ip("link", "set", "wan", "up");
    ip("route", "add", "default", "via", "192.0.2.1");
  });
});

afterAll(() => {
  outside.close();
  host[Symbol.dispose]();
});

afterEach(() => {
  const left = [...ruleset().matchAll(/id: \S+/g)].map(String);
  execFileSync("nft", ["flush", "ruleset"]);
  expect(left).toEqual([]);
});

function ruleset(): string {
  return execFileSync("nft", ["-s", "list", "ruleset"], { encoding: "utf8" });
}

function iptables(...words: string[]): string {
  return execFileSync("iptables", words, { encoding: "utf8" });
}

/** A container on a bridge, and calls of firewall for it. */
class Container implements Disposable {
  readonly network: TestNetwork;
  readonly sandbox: Sandbox;
  readonly result: Record<string, unknown>;
  readonly address: string;
  readonly #directory: string;
  readonly #id: string;

  constructor(directory: string, network: TestNetwork, id = "c1") {
    this.network = network;
    this.#directory = directory;
    this.#id = id;
    this.sandbox = host.sandbox();
    this.result = succeed(network.call("ADD", this.sandbox, { containerId: id }))!;
    this.address = (this.result["ips"] as { address: string }[])[0]!.address.split("/")[0]!;
  }

  call(command: string, config: object = {}, more: { directory?: string; variables?: Record<string, string> } = {}) {
    const { cniVersion } = this.network.document;
    const document = { cniVersion, name: this.network.name, type: "firewall", prevResult: this.result, ...config };
    const { directory = this.#directory, variables = NO_BUS } = more;
    const place = { containerId: this.#id, netns: this.sandbox.path, variables };
    return { command, directory, plugin: "firewall", config: document, ...place };
  }

  [Symbol.dispose](): void {
    succeed(this.network.call("DEL", this.sandbox, { containerId: this.#id }));
    this.sandbox.close();
  }
}

let bridges = 0;
const bridged = (directory: string, version = "1.1.0"): TestNetwork =>
  new TestNetwork(host, {
    directory,
    plugin: "bridge",
    version,
    config: { bridge: `fw${++bridges}`, isDefaultGateway: true },
  });

describe.each(FORMS)("on $form", ({ form, directory: directoryOf }) => {
  const directory = directoryOf();

  test.each(form === "Node" ? ["1.1.0"] : ["0.4.0", "1.0.0", "1.1.0"])(
    "iptables lets a container through a chain that drops, version %s",
    (version) => {
      using container = new Container(directory, bridged(directory, version));
      iptables("-P", "FORWARD", "DROP");
      expect(isCutOff(container.sandbox, "192.0.2.2")).toBe(true);
      // Not asked for: iptables is in use.
      expect(succeed(container.call("ADD"))).toEqual(container.result);
      expect(canPing(container.sandbox, "192.0.2.2")).toBe(true);
      expect(isCutOff(outside, container.address)).toBe(true);
      succeed(container.call("CHECK"));
      const before = iptables("-S");
      succeed(container.call("ADD"));
      expect(iptables("-S")).toBe(before);
      succeed(container.call("DEL"));
      expect(isCutOff(container.sandbox, "192.0.2.2")).toBe(true);
      expect(fail(container.call("CHECK")).msg).toMatch(/expected rule .* not found/);
      succeed(container.call("DEL", { prevResult: null }));
    },
  );

  test("nftables: addresses in sets, the administrator's chain is asked and kept", { tags: ["vm"] }, () => {
    using container = new Container(directory, bridged(directory));
    expect(succeed(container.call("ADD"))).toEqual(container.result);
    expect(ruleset()).toContain(`${container.address} comment`);
    expect(canPing(container.sandbox, "192.0.2.2")).toBe(true);
    execFileSync("nft", ["add", "rule", "inet", "loden_cni_firewall", "admin", "ip", "daddr", "192.0.2.2", "drop"]);
    expect(isCutOff(container.sandbox, "192.0.2.2")).toBe(true);
    succeed(container.call("ADD"));
    expect(isCutOff(container.sandbox, "192.0.2.2")).toBe(true);
    succeed(container.call("CHECK"));
    succeed(container.call("STATUS"));
    // Without prevResult and namespace, as containerd's second DEL is.
    succeed({ ...container.call("DEL", { prevResult: null }), netns: "" });
    expect(fail(container.call("CHECK")).msg).toContain("not found");
    succeed(container.call("DEL"));
  });
});

describe("in all its options", () => {
  const directory = FORMS[0].directory();

  describe.each(["nftables", "iptables"])("with %s", (backend) => {
    test.each(["open", "same-bridge", "isolated"])("ingressPolicy %s: who reaches whom", (ingressPolicy) => {
      const [here, there] = [bridged(directory), bridged(directory)];
      using one = new Container(directory, here);
      using two = new Container(directory, here, "c2");
      using other = new Container(directory, there, "c3");
      for (const container of [one, two, other]) succeed(container.call("ADD", { backend, ingressPolicy }));
      const reached = [two, other].map(({ address }) => !isCutOff(one.sandbox, address));
      expect(reached).toEqual([ingressPolicy !== "isolated", ingressPolicy === "open"]);
      expect(canPing(one.sandbox, `${here.subnet}.1`)).toBe(true);
      expect(canPing(one.sandbox, "192.0.2.2")).toBe(true);
      const before = ruleset();
      for (const container of [one, two, other]) {
        succeed(container.call("ADD", { backend, ingressPolicy }));
        succeed(container.call("CHECK", { backend, ingressPolicy }));
      }
      expect(ruleset()).toBe(before);
      for (const container of [one, two]) succeed(container.call("DEL", { backend, ingressPolicy }));
      // The bridge's rules are for the containers that come.
      if (ingressPolicy !== "open") expect(isCutOff(other.sandbox, one.address)).toBe(true);
      succeed(other.call("DEL", { backend, ingressPolicy }));
    });

    test("GC removes what is of no valid attachment, and policies of bridges that are gone", () => {
      using kept = new Container(directory, bridged(directory));
      using other = new Container(directory, bridged(directory), "c2");
      for (const container of [kept, other]) succeed(container.call("ADD", { backend, ingressPolicy: "isolated" }));
      const gc = (valid: object): void => void succeed(kept.call("GC", valid));
      gc({});
      gc({ "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] });
      succeed(kept.call("CHECK", { backend }));
      gc({ "cni.dev/valid-attachments": [] });
      expect(fail(kept.call("CHECK", { backend })).msg).toContain("not found");
      succeed(other.call("CHECK", { backend }));
      succeed(other.call("DEL"));
      if (backend === "iptables") return;
      const bridge = String(other.network.document["bridge"]);
      expect(ruleset()).toContain(`within ${bridge}`);
      ip("link", "del", bridge);
      gc({ "cni.dev/valid-attachments": [] });
      expect(ruleset()).not.toContain(bridge);
      ip("link", "add", bridge, "type", "bridge");
    });
  });

  test("another chain of the administrator's means iptables", () => {
    using container = new Container(directory, bridged(directory));
    succeed(container.call("ADD", { iptablesAdminChainName: "MY-RULES" }));
    expect(iptables("-S", "CNI-FORWARD").split("\n")[1]).toBe(
      '-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j MY-RULES',
    );
    iptables("-A", "MY-RULES", "-d", "192.0.2.2", "-j", "DROP");
    expect(isCutOff(container.sandbox, "192.0.2.2")).toBe(true);
    succeed(container.call("CHECK", { iptablesAdminChainName: "MY-RULES" }));
    succeed(container.call("DEL", { iptablesAdminChainName: "MY-RULES" }));
  });

  test("what cannot be is refused, and nothing is made", () => {
    using container = new Container(directory, bridged(directory));
    const before = ruleset();
    const refusal = (config: object): string => fail(container.call("ADD", config)).msg;
    expect(refusal({ backend: "pf" })).toContain("unrecognized backend");
    expect(refusal({ ingressPolicy: "closed" })).toBe('unknown ingress policy: "closed"');
    expect(refusal({ prevResult: null })).toBe("missing prevResult from earlier plugin");
    expect(refusal({ backend: "firewalld" })).toContain("firewalld is not running");
    expect(fail(container.call("STATUS", { backend: "firewalld" })).code).toBe(50);
    expect(
      refusal({ ingressPolicy: "isolated", prevResult: { ...container.result, interfaces: [], ips: [] } }),
    ).toContain("interface needs to be set for ingress policy");
    expect(fail(container.call("CHECK", { prevResult: null })).msg).toBe("missing prevResult from earlier plugin");
    expect(ruleset().replaceAll(/table inet loden_cni_firewall[^]*?\n}\n/g, "")).toBe(before);
  });

  const accepted = (): number => iptables("-S", "CNI-FORWARD").match(/-j ACCEPT/g)?.length ?? 0;

  test("iptables: the rules of an address go with the last that has it", () => {
    using container = new Container(directory, bridged(directory));
    const call = (command: string, containerId: string, name: string): void =>
      void succeed({ ...container.call(command, { backend: "iptables", name }), containerId });
    const { name } = container.network;
    call("ADD", "c1", name);
    // The address was given out anew, and the first container's DEL comes late, with its result.
    call("ADD", "c2", name);
    call("DEL", "c1", name);
    expect(accepted()).toBe(2);
    // Two networks may have one subnet.
    call("ADD", "c1", "another");
    call("DEL", "c2", name);
    expect(accepted()).toBe(2);
    call("DEL", "c1", "another");
    expect([accepted(), iptables("-S", "LODEN-CNI-OWNERS").trim()]).toEqual([0, "-N LODEN-CNI-OWNERS"]);
  });

  test.skipIf(!hasGoPlugins)(
    `what the Go plugin made we check and remove, and it what we made${hasGoPlugins ? "" : ` (${NO_GO_PLUGINS})`}`,
    () => {
      using container = new Container(directory, bridged(directory, "1.0.0"));
      for (const [maker, remover] of [
        [GO_PLUGINS, directory],
        [directory, GO_PLUGINS],
      ] as const) {
        for (const ingressPolicy of ["open", "same-bridge"]) {
          const config = { backend: "iptables", ingressPolicy };
          succeed(container.call("ADD", config, { directory: maker }));
          // The comments of its policies are others in Go's 1.1.1 than in those that came after.
          if (maker === GO_PLUGINS || ingressPolicy === "open") {
            succeed(container.call("CHECK", config, { directory: remover }));
          }
          succeed(container.call("DEL", config, { directory: remover }));
          expect(accepted()).toBe(0);
        }
      }
      // What Go's leaves of ours leads nowhere, and is found by DEL and GC.
      expect(iptables("-S", "LODEN-CNI-OWNERS")).toContain(container.address);
      succeed(container.call("GC", { cniVersion: "1.1.0", "cni.dev/valid-attachments": [] }));
      expect(iptables("-S", "LODEN-CNI-OWNERS")).not.toContain(container.address);
    },
  );
});

/** A message bus of the test's own with a firewalld on it. */
async function bus(): Promise<{ address: string } & Disposable> {
  const directory = fs.mkdtempSync(path.join(host.work, "bus-"));
  const socket = path.join(directory, "socket");
  const config = path.join(directory, "bus.conf");
  fs.writeFileSync(
    config,
    `<busconfig><type>session</type><listen>unix:path=${socket}</listen><policy context="default">
     <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`,
  );
  const start = (program: string, ...args: string[]) => spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const daemon = start(
    "setpriv",
    "--pdeathsig",
    "KILL",
    "dbus-daemon",
    `--config-file=${config}`,
    "--nofork",
    "--print-address",
  );
  await once(daemon.stdout, "data");
  const service = fileURLToPath(new URL("../../support/fake-firewalld.ts", import.meta.url));
  const firewalld = start(process.execPath, service, socket);
  await once(firewalld.stdout, "data");
  return {
    address: `unix:path=${socket}`,
    [Symbol.dispose]: () => {
      firewalld.kill("SIGKILL");
      daemon.kill("SIGKILL");
    },
  };
}

const hasBus = spawnSync("dbus-daemon", ["--version"]).status === 0;

describe.skipIf(!hasBus)(`with firewalld${hasBus ? "" : " (dbus-daemon is not installed)"}`, () => {
  test.each(FORMS)(
    "on $form: it is found on the bus, told of addresses, and told again when they go",
    async ({ directory }) => {
      using rig = await bus();
      const variables = { DBUS_SYSTEM_BUS_ADDRESS: `tcp:host=nowhere;unix:path=/nonexistent;${rig.address}` };
      using container = new Container(directory(), bridged(directory()));
      using connection = DbusConnection.open(sys, rig.address);
      const isTold = (zone: string): boolean => {
        const place = { destination: "org.fedoraproject.FirewallD1", path: "/org/fedoraproject/FirewallD1" };
        const call = { ...place, interface: "org.fedoraproject.FirewallD1.zone", member: "querySource" };
        return (connection.call({ ...call, args: [zone, `${container.address}/32`] }) as number[])[0] === 1;
      };
      const call = (command: string, config: object = {}) => container.call(command, config, { variables });
      succeed(call("ADD"));
      expect(isTold("trusted")).toBe(true);
      succeed(call("ADD", { backend: "firewalld" }));
      succeed(call("CHECK"));
      succeed(call("STATUS"));
      succeed(call("DEL", { prevResult: null }));
      expect(isTold("trusted")).toBe(false);
      expect(fail(call("CHECK")).msg).toContain("not found");
      succeed(call("DEL", { backend: "firewalld" }));
      succeed(call("ADD", { firewalldZone: "other" }));
      expect([isTold("trusted"), isTold("other")]).toEqual([false, true]);
      succeed(call("GC", { firewalldZone: "other", "cni.dev/valid-attachments": [] }));
      expect(isTold("other")).toBe(false);
    },
  );
});
