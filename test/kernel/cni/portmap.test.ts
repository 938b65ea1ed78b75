// portmap, with real packets: ports of the host asked from another machine, from the host, by its loopback addresses, from the
// container itself and from its neighbour, over both backends. What is tested follows the reference plugin's own tests
// (portmap_integ_test.go, portmap_test.go, portmap_nftables_test.go, portmap_iptables_test.go).
import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { GO_PLUGINS, startPlugin, type Sandbox } from "../../support/cni.ts";
import { FORMS, Host, NO_GO_PLUGINS, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, inSandbox, ip } from "../../support/cni-network.ts";
import { answerInVain, answerTo, answeringServer } from "../../support/answers.ts";

const HOST = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
/** A second address of the host's. */
const OTHER = "192.0.2.9";

let host: Host;
let outside: Sandbox;

beforeAll(() => {
  host = new Host();
  outside = host.sandbox();
  ip("link", "set", "lo", "up");
  ip("link", "add", "wan", "type", "veth", "peer", "name", "wan", "netns", outside.path);
  for (const address of [`${HOST[4]}/24`, `${OTHER}/24`]) ip("addr", "add", address, "dev", "wan");
  ip("addr", "add", `${HOST[6]}/64`, "dev", "wan", "nodad");
  ip("link", "set", "wan", "up");
  inSandbox(outside, () => {
    ip("addr", "add", "192.0.2.2/24", "dev", "wan");
    ip("addr", "add", "2001:db8::2/64", "dev", "wan", "nodad");
    ip("link", "set", "wan", "up");
    ip("route", "add", "default", "via", HOST[4]);
    ip("route", "add", "default", "via", HOST[6]);
  });
});

afterAll(() => {
  outside.close();
  host[Symbol.dispose]();
});

/** What a test left behind is its own failure, and nobody else's. */
afterEach(() => {
  const left = [...nft().matchAll(/id: \S+|CNI-DN-\w+|comment "c1"/g)].map(String);
  execFileSync("nft", ["flush", "ruleset"]);
  expect(left).toEqual([]);
});

type Mapping = Readonly<Record<string, unknown>>;

/** One container on a bridge, in a network of its own. */
class Container implements Disposable {
  readonly network: TestNetwork;
  readonly sandbox: Sandbox;
  readonly id: string;
  readonly result: Record<string, unknown>;
  readonly #directory: string;

  constructor(directory: string, network: TestNetwork, id = "c1") {
    this.network = network;
    this.#directory = directory;
    this.id = id;
    this.sandbox = host.sandbox();
    this.result = succeed(network.call("ADD", this.sandbox, { containerId: id }))!;
    inSandbox(this.sandbox, () => ip("link", "set", "lo", "up"));
  }

  call(command: string, portMappings: readonly Mapping[], more: object = {}, plugins = this.#directory) {
    const { cniVersion } = this.network.document;
    const config = {
      ...{ cniVersion, name: this.network.name, type: "portmap", prevResult: this.result },
      runtimeConfig: { portMappings },
      ...more,
    };
    const place = { containerId: this.id, netns: this.sandbox.path };
    return { command, directory: plugins, plugin: "portmap", config, ...place };
  }

  [Symbol.dispose](): void {
    succeed(this.network.call("DEL", this.sandbox, { containerId: this.id }));
    this.sandbox.close();
  }
}

/** hairpinMode: where bridges call netfilter, a container's packets to its own port never leave the bridge. */
const bridged = (directory: string, version = "1.1.0", config: object = {}): TestNetwork =>
  new TestNetwork(host, {
    directory,
    plugin: "bridge",
    version,
    config: { bridge: "br0", isDefaultGateway: true, forceAddress: true, hairpinMode: true, ...config },
  });

const TCP = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
const UDP = { hostPort: 8080, containerPort: 80, protocol: "udp" };

describe.each(FORMS)("on $form", ({ form, directory: directoryOf }) => {
  const directory = directoryOf();

  describe.each(form === "Node" ? [] : ["nftables", "iptables"])("with %s", (backend) => {
    test("a port is reached from outside, from the host, over loopback, from its own and a neighbouring container", async () => {
      const network = bridged(directory);
      using container = new Container(directory, network);
      using neighbour = new Container(directory, network, "c2");
      using _server = await answeringServer(container.sandbox, "one", 80);
      expect(succeed(container.call("ADD", [TCP, UDP], { backend }))).toEqual(container.result);
      for (const protocol of ["tcp", "udp"] as const) {
        expect(answerTo({ from: outside, protocol, address: HOST[4], port: 8080 })).toBe("one 192.0.2.2");
        expect(answerTo({ from: outside, protocol, address: HOST[6], port: 8080 })).toBe("one 2001:db8::2");
        expect(answerTo({ protocol, address: HOST[4], port: 8080 })).toMatch(/^one /);
        expect(answerTo({ protocol, address: HOST[6], port: 8080 })).toMatch(/^one /);
        expect(answerTo({ protocol, address: "127.0.0.1", port: 8080 })).toBe(`one ${network.subnet}.1`);
        // Translated to the bridge: the neighbour would answer past the host otherwise.
        expect(answerTo({ from: container.sandbox, protocol, address: HOST[4], port: 8080 })).toBe(
          `one ${network.subnet}.1`,
        );
        expect(answerTo({ from: container.sandbox, protocol, address: HOST[6], port: 8080 })).toBe(
          `one ${network.subnet6}:1`,
        );
        expect(answerTo({ from: neighbour.sandbox, protocol, address: HOST[4], port: 8080 })).toBe(
          `one ${network.subnet}.1`,
        );
      }
      succeed(container.call("CHECK", [TCP, UDP], { backend }));
      succeed(container.call("DEL", [TCP, UDP], { backend }));
      expect(answerInVain({ from: outside, protocol: "tcp", address: HOST[4], port: 8080 })).toBeUndefined();
      expect(fail(container.call("CHECK", [TCP, UDP], { backend })).code).toBe(999);
      succeed(container.call("DEL", [TCP, UDP], { backend }));
    });

    test("a port of one address of the host, and of one family", async () => {
      using container = new Container(directory, bridged(directory));
      using _server = await answeringServer(container.sandbox, "one", 80);
      const mappings = [
        { ...TCP, hostIP: OTHER },
        { ...TCP, hostPort: 8081, HostIP: "::" },
        { ...TCP, hostPort: 8082, hostIP: "0.0.0.0" },
      ];
      succeed(container.call("ADD", mappings, { backend }));
      const reached = (address: string, port: number): boolean =>
        answerTo({ from: outside, protocol: "tcp", address, port }) !== undefined;
      expect([reached(OTHER, 8080), reached(HOST[4], 8080), reached(HOST[6], 8080)]).toEqual([true, false, false]);
      expect([reached(HOST[4], 8081), reached(HOST[6], 8081)]).toEqual([false, true]);
      expect([reached(HOST[4], 8082), reached(HOST[6], 8082)]).toEqual([true, false]);
      succeed(container.call("CHECK", mappings, { backend }));
      succeed(container.call("DEL", [], { backend }));
    });

    test("an ADD that is repeated changes nothing, and one with other ports takes their place", async () => {
      using container = new Container(directory, bridged(directory));
      using _server = await answeringServer(container.sandbox, "one", 80);
      succeed(container.call("ADD", [TCP], { backend }));
      const once = nft();
      succeed(container.call("ADD", [TCP], { backend }));
      expect(nft()).toBe(once);
      succeed(container.call("ADD", [{ ...TCP, hostPort: 9090 }], { backend }));
      expect(answerTo({ from: outside, protocol: "tcp", address: HOST[4], port: 9090 })).toBe("one 192.0.2.2");
      succeed(container.call("CHECK", [{ ...TCP, hostPort: 9090 }], { backend }));
      succeed(container.call("DEL", [TCP], { backend }));
      expect(answerInVain({ from: outside, protocol: "tcp", address: HOST[4], port: 9090 })).toBeUndefined();
    });

    test("masqAll hides who asked, and without snat the container sees its neighbours", async () => {
      using container = new Container(directory, bridged(directory));
      using _server = await answeringServer(container.sandbox, "one", 80);
      succeed(container.call("ADD", [TCP], { backend, masqAll: true }));
      expect(answerTo({ from: outside, protocol: "tcp", address: HOST[4], port: 8080 })).toBe(
        `one ${container.network.subnet}.1`,
      );
      expect(answerTo({ from: outside, protocol: "tcp", address: HOST[6], port: 8080 })).toBe(
        `one ${container.network.subnet6}:1`,
      );
      succeed(container.call("CHECK", [TCP], { backend, masqAll: true }));
      succeed(container.call("DEL", []));
      succeed(container.call("ADD", [TCP], { backend, snat: false }));
      expect(answerTo({ from: outside, protocol: "tcp", address: HOST[4], port: 8080 })).toBe("one 192.0.2.2");
      // Its answer to itself goes past the host.
      expect(answerInVain({ from: container.sandbox, protocol: "tcp", address: HOST[4], port: 8080 })).toBeUndefined();
      succeed(container.call("CHECK", [TCP], { backend, snat: false }));
      succeed(container.call("DEL", []));
    });

    test("conditions are the network's own", async () => {
      using container = new Container(directory, bridged(directory));
      using other = new Container(directory, bridged(directory, "1.1.0", { bridge: "br1" }), "c2");
      using _server = await answeringServer(container.sandbox, "one", 80);
      using _second = await answeringServer(other.sandbox, "two", 80);
      const conditionsV4 = backend === "nftables" ? ["ip", "saddr", "!=", "192.0.2.0/24"] : ["!", "-s", "192.0.2.0/24"];
      succeed(container.call("ADD", [TCP], { conditionsV4 }));
      succeed(container.call("ADD", [TCP], { conditionsV4 }));
      succeed(other.call("ADD", [{ ...TCP, hostPort: 8081 }], { backend }));
      expect(answerInVain({ from: outside, protocol: "tcp", address: HOST[4], port: 8080 })).toBeUndefined();
      expect(answerTo({ from: outside, protocol: "tcp", address: HOST[6], port: 8080 })).toBe("one 2001:db8::2");
      expect(answerTo({ from: outside, protocol: "tcp", address: HOST[4], port: 8081 })).toBe("two 192.0.2.2");
      expect(answerTo({ from: container.sandbox, protocol: "tcp", address: HOST[4], port: 8080 })).toMatch(/^one/);
      succeed(container.call("CHECK", [TCP], { conditionsV4 }));
      succeed(container.call("DEL", []));
      succeed(other.call("DEL", []));
    });

    test("GC removes what is of no valid attachment of the network", () => {
      using container = new Container(directory, bridged(directory));
      using other = new Container(directory, bridged(directory, "1.1.0", { bridge: "br1" }), "c2");
      succeed(container.call("ADD", [TCP, { ...UDP, hostIP: OTHER }], { backend }));
      succeed(other.call("ADD", [{ ...TCP, hostPort: 8081 }], { backend }));
      const gc = (valid: object): void => void succeed(container.call("GC", [], valid));
      const before = nft();
      gc({});
      gc({ "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] });
      expect(nft()).toBe(before);
      gc({ "cni.dev/valid-attachments": [] });
      expect(fail(container.call("CHECK", [TCP], { backend })).code).toBe(999);
      succeed(other.call("CHECK", [{ ...TCP, hostPort: 8081 }], { backend }));
      succeed(other.call("DEL", []));
    });
  });

  test(
    "UDP goes to the new container at once when a port moves, and to nobody after DEL",
    { tags: ["vm"] },
    async () => {
      const network = bridged(directory);
      using first = new Container(directory, network);
      using second = new Container(directory, network, "c2");
      using _one = await answeringServer(first.sandbox, "one", 80);
      using _two = await answeringServer(second.sandbox, "two", 80);
      // Tracked before there is a mapping: these packets would stay on the host.
      expect(
        answerInVain({ from: outside, protocol: "udp", address: HOST[4], port: 8080, localPort: 40_000 }),
      ).toBeUndefined();
      succeed(first.call("ADD", [UDP]));
      expect(answerTo({ from: outside, protocol: "udp", address: HOST[4], port: 8080, localPort: 40_000 })).toBe(
        "one 192.0.2.2",
      );
      // The port moves over without DEL: the newer container has it.
      succeed(second.call("ADD", [UDP]));
      expect(answerTo({ from: outside, protocol: "udp", address: HOST[4], port: 8080, localPort: 40_000 })).toBe(
        "two 192.0.2.2",
      );
      succeed(first.call("DEL", [UDP]));
      expect(answerTo({ from: outside, protocol: "udp", address: HOST[4], port: 8080, localPort: 40_000 })).toBe(
        "two 192.0.2.2",
      );
      succeed(second.call("DEL", []));
      expect(
        answerInVain({ from: outside, protocol: "udp", address: HOST[4], port: 8080, localPort: 40_000 }),
      ).toBeUndefined();
    },
  );

  test("DEL without namespace, previous result and mappings leaves nothing", () => {
    using container = new Container(directory, bridged(directory));
    succeed(container.call("ADD", [TCP, UDP]));
    const config = { cniVersion: "1.1.0", name: container.network.name, type: "portmap" };
    for (let times = 0; times < 2; times++) {
      succeed({ command: "DEL", directory, plugin: "portmap", config, containerId: "c1", netns: "" });
    }
  });

  test("sctp, any case of protocol and keys, and every version", () => {
    for (const version of form === "Node" ? ["1.1.0"] : ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
      using container = new Container(directory, bridged(directory, version));
      const mappings = [{ HostPort: 8080, ContainerPort: 80, Protocol: "SCTP", HostIP: "" }];
      expect(succeed(container.call("ADD", mappings))).toEqual(container.result);
      expect(nft()).toContain("sctp . 8080 comment");
      succeed(container.call("DEL", mappings));
    }
  });

  test("what cannot be is refused, and nothing is made", () => {
    using container = new Container(directory, bridged(directory));
    const before = nft();
    const refusal = (mapping: object, more: object = {}): string =>
      fail(container.call("ADD", [{ ...TCP, ...mapping }], more)).msg;
    expect(refusal({ hostPort: 0 })).toBe("Invalid host port number: 0");
    expect(refusal({ containerPort: -1 })).toBe("Invalid container port number: -1");
    expect(refusal({ hostPort: 65_536 })).toBe("Invalid host port number: 65536");
    expect(refusal({ protocol: "icmp" })).toContain("must be tcp, udp or sctp");
    expect(refusal({}, { backend: "ipfw" })).toContain('unrecognized backend "ipfw"');
    expect(refusal({}, { markMasqBit: 32 })).toBe("MasqMarkBit must be between 0 and 31");
    expect(refusal({}, { markMasqBit: 5, externalSetMarkChain: "X" })).toBe(
      "Cannot specify externalSetMarkChain and markMasqBit",
    );
    expect(refusal({}, { backend: "nftables", externalSetMarkChain: "X", conditionsV4: ["-d", "1.2.3.4"] })).toBe(
      "nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain conditionsV4]",
    );
    expect(refusal({}, { conditionsV4: ["no", "such", "words"] })).toContain("nftables refused");
    expect(refusal({}, { prevResult: null })).toBe("must be called as chained plugin");
    expect(nft()).toBe(before);
    expect(succeed(container.call("ADD", []))).toEqual(container.result);
    succeed(container.call("STATUS", []));
    expect(fail(container.call("CHECK", [TCP], { prevResult: null })).msg).toBe("Required prevResult missing");
  });

  test("CHECK finds what somebody changed", { tags: ["vm"] }, () => {
    using container = new Container(directory, bridged(directory));
    succeed(container.call("ADD", [TCP]));
    succeed(container.call("CHECK", [TCP]));
    execFileSync("nft", ["flush", "chain", "inet", "loden_cni_portmap", "prerouting"]);
    expect(fail(container.call("CHECK", [TCP])).msg).toContain("prerouting");
    succeed(container.call("ADD", [TCP]));
    succeed(container.call("CHECK", [TCP]));
    execFileSync("nft", ["insert", "rule", "inet", "loden_cni_portmap", "ports", "accept"]);
    expect(fail(container.call("CHECK", [TCP])).msg).toContain("ports");
    succeed(container.call("ADD", [TCP]));
    succeed(container.call("CHECK", [TCP]));
    // A chain that is as it should be is not made anew: for rules that go somebody has to wait.
    const chain = (): string =>
      execFileSync("nft", ["-a", "list", "chain", "inet", "loden_cni_portmap", "ports"], { encoding: "utf8" });
    const before = chain();
    succeed(container.call("ADD", [TCP]));
    expect(chain()).toBe(before);
    execFileSync("nft", ["delete", "element", "inet", "loden_cni_portmap", "ports4", "{ tcp . 8080 }"]);
    expect(fail(container.call("CHECK", [TCP])).msg).toContain("tcp . 8080");
    succeed(container.call("DEL", [TCP]));
    execFileSync("nft", ["delete", "table", "inet", "loden_cni_portmap"]);
    expect(fail(container.call("CHECK", [TCP])).msg).toContain("not found");
  });
});

describe("iptables as the Go plugin has it", () => {
  const directory = FORMS[0].directory();

  test("marks by a chain of somebody else's, or by another bit", () => {
    using container = new Container(directory, bridged(directory));
    for (const program of ["iptables", "ip6tables"]) execFileSync(program, ["-t", "nat", "-N", "PLZ-SET-MARK"]);
    succeed(container.call("ADD", [TCP], { externalSetMarkChain: "PLZ-SET-MARK", conditionsV6: [""] }));
    expect(iptables()).toMatch(/-A CNI-DN-\w+ -s [\d./]+ -p tcp -m tcp --dport 8080 -j PLZ-SET-MARK/);
    succeed(container.call("CHECK", [TCP], { externalSetMarkChain: "PLZ-SET-MARK" }));
    succeed(container.call("DEL", []));
    succeed(container.call("ADD", [TCP], { backend: "iptables", markMasqBit: 5 }));
    expect(iptables()).toContain("-j MARK --set-xmark 0x20/0x20");
    succeed(container.call("DEL", []));
  });

  test("many containers at once, coming and going", async () => {
    using container = new Container(directory, bridged(directory));
    const mappingOf = (n: number) => [{ ...TCP, hostPort: 9000 + n }];
    const all = Array.from({ length: 6 }, (_, n) => n);
    const run = async (command: string) => {
      const calls = all.map((n) => container.call(command, mappingOf(n), { backend: "iptables" }));
      const outcomes = await Promise.all(calls.map((call, n) => startPlugin({ ...call, containerId: `many${n}` })));
      expect(outcomes.map(({ status, stdout }) => (status === 0 ? "" : stdout))).toEqual(all.map(() => ""));
    };
    await run("ADD");
    expect(iptables().match(/-A CNI-HOSTPORT-DNAT .*multiport/g)).toHaveLength(all.length);
    await run("DEL");
    expect(iptables()).not.toContain("CNI-DN-");
  });

  test("addresses of no interface in particular, and of the host's, in prevResult", () => {
    using container = new Container(directory, bridged(directory));
    const ips = [{ address: "10.9.0.9/24", interface: 0 }, { address: "10.9.0.2/24" }];
    const prevResult = { ...container.result, ips };
    succeed(container.call("ADD", [TCP], { prevResult }));
    expect(nft()).toContain(": 10.9.0.2 . 80");
    expect(nft()).not.toContain("10.9.0.9");
    succeed(container.call("CHECK", [TCP], { prevResult }));
    succeed(container.call("DEL", []));
  });

  test("more ports than one rule holds", () => {
    using container = new Container(directory, bridged(directory));
    const mappings = Array.from({ length: 17 }, (_, n) => ({ ...TCP, hostPort: 9000 + n }));
    succeed(container.call("ADD", mappings, { backend: "iptables" }));
    expect(iptables().match(/-A CNI-HOSTPORT-DNAT .*multiport/g)).toHaveLength(2);
    succeed(container.call("CHECK", mappings, { backend: "iptables" }));
    succeed(container.call("DEL", mappings));
  });

  test.skipIf(!hasGoPlugins)(
    `what the Go plugin makes we check and remove, and the other way round${hasGoPlugins ? "" : ` (${NO_GO_PLUGINS})`}`,
    () => {
      using container = new Container(directory, bridged(directory, "1.0.0"));
      succeed(container.call("ADD", [TCP, UDP], {}, GO_PLUGINS));
      const theirs = iptables();
      succeed(container.call("CHECK", [TCP, UDP], { backend: "iptables" }));
      succeed(container.call("DEL", []));
      expect(iptables()).not.toContain("CNI-DN-");
      succeed(container.call("ADD", [TCP, UDP], { backend: "iptables" }));
      const lines = (text: string): string[] => text.split("\n").toSorted();
      expect(lines(iptables())).toEqual(lines(theirs));
      succeed(container.call("DEL", [TCP, UDP], {}, GO_PLUGINS));
      expect(iptables()).not.toContain("CNI-DN-");
    },
  );
});

function nft(): string {
  return execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
}

/** The rules of nat, without chains' counters. */
function iptables(): string {
  const text = execFileSync("iptables-save", ["-t", "nat"], { encoding: "utf8" });
  return text
    .split("\n")
    .filter((line) => line.startsWith("-A") && line.includes("CNI-"))
    .join("\n");
}
