// Our plugins and Debian's Go plugins in one configuration list: each hands its result to the other, looks at what the other
// made, and takes it away again. How they share a directory of reservations is in parallel.test.ts and host-local.test.ts.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GO_PLUGINS, compiledPlugins, type Sandbox } from "../../support/cni.ts";
import { Host, NO_GO_PLUGINS, addressesOf, hasGoPlugins, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, canPing, ip, ipJson } from "../../support/cni-network.ts";

let host: Host;
let serial = 0;
beforeAll(() => {
  host = new Host();
  ip("link", "set", "lo", "up");
});
afterAll(() => host[Symbol.dispose]());

const ours = compiledPlugins();
const PORTS = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
const RATES = { ingressRate: 8_000_000, ingressBurst: 8_000_000, egressRate: 8_000_000, egressBurst: 8_000_000 };

/** Whose the plugins of a list are: one's first, then the other's, and so on. */
const ALTERNATING = {
  "ours first": [ours, GO_PLUGINS],
  "Go's first": [GO_PLUGINS, ours],
} as const;
type Order = keyof typeof ALTERNATING;

/** Where our firewall remembers whose an address is; nothing leads there. */
const OWNERS = "LODEN-CNI-OWNERS";

/** A list with every plugin that both have and that this kernel takes, called as libcni does. */
class List {
  readonly network: TestNetwork;
  readonly sandbox: Sandbox = host.sandbox();
  readonly dataDir = fs.mkdtempSync(path.join(host.work, "tuning-"));
  readonly #plugins: readonly Record<string, unknown>[];

  constructor(main: "bridge" | "ptp") {
    serial++;
    const config = {
      ipMasq: true,
      ipMasqBackend: "iptables",
      ...(main === "bridge" ? { bridge: `mixed${serial}`, isDefaultGateway: true } : {}),
    };
    this.network = new TestNetwork(host, { directory: ours, plugin: main, version: "1.0.0", config });
    this.#plugins = [
      this.network.document,
      { type: "portmap", backend: "iptables", runtimeConfig: { portMappings: PORTS } },
      { type: "firewall", backend: "iptables" },
      { type: "tuning", mtu: 1400, mac: "02:00:00:00:ee:01", promisc: true, dataDir: this.dataDir },
      { type: "bandwidth", runtimeConfig: { bandwidth: RATES } },
    ];
  }

  #call(command: string, order: Order, index: number, prevResult: unknown) {
    const directories = ALTERNATING[order];
    const directory = directories[index % 2]!;
    const { name, cniVersion } = this.network.document;
    const plugin = this.#plugins[index]!;
    return succeed({
      command,
      directory,
      path: index === 0 ? `${directories[1]}:${directories[0]}` : directories[0],
      plugin: plugin["type"] as string,
      netns: this.sandbox.path,
      config: { ...plugin, name, cniVersion, ...(prevResult === undefined ? {} : { prevResult }) },
    });
  }

  add(order: Order): Record<string, unknown> {
    let result: Record<string, unknown> | undefined;
    for (const index of this.#plugins.keys()) result = this.#call("ADD", order, index, result);
    return result!;
  }

  check(order: Order, result: unknown): void {
    for (const [index, { type }] of this.#plugins.entries()) {
      // Go's portmap 1.1.1 looks for each family's rules in both families' tables, and finds fault with its own.
      if (type === "portmap" && ALTERNATING[order][index % 2] === GO_PLUGINS) continue;
      this.#call("CHECK", order, index, result);
    }
  }

  del(order: Order, result: unknown): void {
    for (const index of [...this.#plugins.keys()].toReversed()) this.#call("DEL", order, index, result);
  }

  /** What there is of the attachment, by kind. */
  traces() {
    const save = (program: string): string => execFileSync(program, { encoding: "utf8" });
    const rules = save("iptables-save") + save("ip6tables-save");
    const mine = new RegExp(`id: "?c1|${this.network.subnet}\\.2|${this.network.subnet6}:2`);
    return {
      links: host.links().flatMap(({ name, kind }) => (kind?.kind === "veth" || kind?.kind === "ifb" ? [name] : [])),
      reservations: this.network.reservations(),
      rules: rules.split("\n").filter((line) => mine.test(line) && !line.includes(OWNERS)),
      owners: rules.split("\n").filter((line) => mine.test(line) && line.includes(OWNERS)),
      backups: fs.readdirSync(this.dataDir),
    };
  }
}

describe.skipIf(!hasGoPlugins)(`our plugins and Go's in one list${hasGoPlugins ? "" : ` (${NO_GO_PLUGINS})`}`, () => {
  test.each<["bridge" | "ptp", Order, Order]>([
    ["bridge", "ours first", "Go's first"],
    ["bridge", "Go's first", "ours first"],
    ["ptp", "ours first", "Go's first"],
    ["ptp", "Go's first", "ours first"],
  ])("%s: ADD, %s; CHECK and DEL, %s", (main, adders, removers) => {
    const list = new List(main);
    const result = list.add(adders);
    expect(result).toMatchObject({ cniVersion: "1.0.0" });
    const { subnet, subnet6 } = list.network;
    expect(addressesOf(result).map(({ address }) => address)).toEqual([`${subnet}.2/24`, `${subnet6}:2/64`]);
    expect(ipJson(list.sandbox, "link", "show", "eth0")[0]).toMatchObject({ mtu: 1400, address: "02:00:00:00:ee:01" });
    expect(canPing(list.sandbox, `${subnet}.1`)).toBe(true);
    const { links, reservations, rules, backups } = list.traces();
    expect([links.length, reservations.length, backups.length]).toEqual([2, 2, 1]);
    for (const made of ["POSTROUTING", "CNI-DN-", "CNI-FORWARD"]) expect(rules.join("\n")).toContain(made);
    list.check(adders, result);
    list.check(removers, result);
    list.del(removers, result);
    const { owners, ...left } = list.traces();
    expect(left).toEqual({ links: [], reservations: [], rules: [], backups: [] });
    // What our firewall remembers of each address, Go's does not know of.
    expect(owners).toHaveLength(adders === "ours first" ? 2 : 0);
    // As a runtime calls it a second time.
    list.del(adders, result);
    expect(list.traces().owners).toEqual([]);
    list.sandbox.close();
  });
});
