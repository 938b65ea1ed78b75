// Everything that a backend makes, taken away or altered while packets pass: one thing at a time and all at once, for each
// backend. The repair is awaited by the reconciler's word, and the time without answers is counted in echo requests.
import { execFileSync } from "node:child_process";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { FAMILIES, type Family } from "#kernel/ip/address";
import { FORWARDING } from "#kernel/netlink/netconf";
import { writeSysctl } from "#kernel/sysctl";
import { sysctlObject } from "../../../daemon/reconcile/objects.ts";
import type { KernelObject } from "../../../daemon/reconcile/port.ts";
import { nftTraffic } from "../../../daemon/traffic/nftables.ts";
import { trafficRules } from "../../../daemon/traffic/rules.ts";
import { peerSources, sourceFilter } from "../../../daemon/traffic/source-filter.ts";
import { Echo } from "../../support/echo-stream.ts";
import { makeFabric, makeLease, makeNetwork, podOf, TEST_MARKS, type FabricShape } from "../../support/fabric.ts";
import { addPod, joinHosts, leasesFor, makeHost, type Host, type Running } from "../../support/hosts.ts";

const INTERVAL_MS = 5;
/** The longest that the overlay may be without an answer. */
const LONGEST_GAP_MS = 1_000;

const SHAPES: readonly [string, FabricShape][] = [
  ["vxlan", {}],
  ["vxlan, dual stack", { families: [4, 6] }],
  ["vxlan with DirectRouting", { options: { DirectRouting: true } }],
  ["host-gw", { type: "host-gw" }],
  ["host-gw, dual stack", { type: "host-gw", families: [4, 6] }],
];

let disposables: Disposable[] = [];
const worst = new Map<string, number>();

afterEach(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
  disposables = [];
});
afterAll(() => {
  const lines = [...worst].map(([shape, gap]) => `  ${shape}: ${gap} ms`);
  process.stdout.write(`longest time without an answer while something was repaired:\n${lines.join("\n")}\n`);
});

type Harm = readonly [what: string, act: () => void];

/** What others can do to an object; the first of each list takes it away. */
function harms(host: Host, object: KernelObject): Harm[] {
  const run = (command: string, ...args: readonly string[]): void => {
    host.netns.run(() => execFileSync(command, args, { stdio: "pipe" }));
  };
  const ip = (...args: readonly string[]): void => void host.ip(...args);
  switch (object.kind) {
    case "link": {
      const { name } = object.spec;
      return [
        ["deleted", () => ip("link", "delete", name)],
        ["put down", () => ip("link", "set", name, "down")],
        ["given another MTU", () => ip("link", "set", name, "mtu", "1290")],
        ["given another MAC", () => ip("link", "set", name, "address", "02:00:00:00:00:99")],
        ["given learning", () => ip("link", "set", name, "type", "vxlan", "learning")],
        ["put under a bridge", () => ip("link", "set", name, "master", "pod")],
        ["stripped of its mark", () => ip("link", "set", name, "alias", "")],
      ];
    }
    case "address": {
      const { link, address } = object.spec;
      return [["deleted", () => ip("address", "delete", address.toString(), "dev", link)]];
    }
    case "route": {
      const destination = object.spec.destination.toString();
      return [
        ["deleted", () => ip("route", "delete", destination)],
        ["made unreachable", () => ip("route", "replace", "unreachable", destination)],
      ];
    }
    case "neighbour": {
      const { link, address } = object.spec;
      const replaced = ["lladdr", "02:00:00:00:00:98", "dev", link, "nud", "permanent"];
      return [
        ["deleted", () => ip("neighbour", "delete", address.toString(), "dev", link)],
        ["altered", () => ip("neighbour", "replace", address.toString(), ...replaced)],
      ];
    }
    case "fdb": {
      const { link, mac } = object.spec;
      const elsewhere = ["dst", object.spec.remote.family === 4 ? "192.168.0.88" : "fd99::88", "self", "permanent"];
      return [
        ["deleted", () => run("bridge", "fdb", "delete", mac.toString(), "dev", link)],
        ["altered", () => run("bridge", "fdb", "replace", mac.toString(), "dev", link, ...elsewhere)],
      ];
    }
    case "nft-table": {
      const { family, name, content } = object.spec;
      return [
        ["deleted", () => run("nft", "delete", "table", family, name)],
        ["flushed", () => run("nft", "flush", "table", family, name)],
        ["given a rule that drops all", () => run("nft", "insert", "rule", family, name, baseChain(content), "drop")],
      ];
    }
    case "nft-element": {
      const { family, table, set, address } = object.spec;
      return [["deleted", () => run("nft", "delete", "element", family, table, set, `{ ${address.toString()} }`)]];
    }
    case "sysctl": {
      const { path } = object.spec;
      // Nobody tells of other sysctls (drift.test.ts in this folder has them).
      if (!Object.values(FORWARDING).includes(path)) return [];
      return [["switched off", () => host.netns.run(() => writeSysctl(path, "0"))]];
    }
    case "iptables":
    case "tunnel":
    case "tunnel-peer":
      // These hosts have none of them.
      break;
  }
  return [];
}

/** The name of a table's chain that packets come to by themselves. */
function baseChain(content: readonly object[]): string {
  const chains = content.flatMap((command) => ("add" in command ? [command.add as { chain?: BaseChain }] : []));
  return chains.find(({ chain }) => chain?.hook !== undefined)!.chain!.name;
}

interface BaseChain {
  readonly name: string;
  readonly hook?: string;
}

interface Pair {
  readonly host: Host;
  readonly running: Running;
  readonly objects: readonly KernelObject[];
  readonly echoes: readonly Echo[];
}

/** Two hosts with pods that talk; the first one's objects are to be harmed. */
async function makePair(given: FabricShape): Promise<Pair> {
  const families: readonly Family[] = given.families ?? [4];
  const [a, b] = [makeHost(1), makeHost(2)];
  disposables.push(a, b, joinHosts([a, b]));
  for (const host of [a, b]) addPod(host, families);
  const rules = trafficRules(makeNetwork({ families }), a.node, { masquerade: true, fullyRandom: true, forward: true });
  const fabric = makeFabric({ ...given, families }, a.node);
  const tunnels = fabric.backends.flatMap((backend) => backend.tunnels?.(a.node) ?? []);
  const filter = [
    ...sourceFilter(tunnels, TEST_MARKS.peersTable),
    ...leasesFor([a, b], a, given).flatMap((lease) => peerSources(tunnels, lease, TEST_MARKS.peersTable)),
  ];
  const traffic = nftTraffic(rules, TEST_MARKS.nftTable, { fullyRandom: true });
  const forwarding = families.map((family) => sysctlObject({ path: FORWARDING[family], value: "1" }));
  const shape = { ...given, families, extras: [...forwarding, ...traffic, ...filter] };
  const [running] = await Promise.all(
    [a, b].map(async (host) => {
      const each = host.reconcile(host === a ? shape : given);
      each.reconciler.replaceLeases(leasesFor([a, b], host, given));
      await each.reconciler.settled();
      expect(each.reconciler.state()).toMatchObject({ failed: [], refused: [], ready: true, peers: 1 });
      return each;
    }),
  );
  const { backends, extras } = makeFabric(shape, a.node);
  const [lease] = leasesFor([a, b], a, given);
  const objects = backends.flatMap((backend) => [
    ...backend.base(a.node),
    ...families.flatMap((family) => backend.peer(a.node, lease ?? makeLease(2, given), family)),
  ]);
  const pod = (host: Host, family: Family): string => podOf(host.n, family).address.toString();
  const echoes = await Promise.all(
    families.map((family) => Echo.start(a.netns, pod(b, family), INTERVAL_MS, pod(a, family))),
  );
  return { host: a, running: running!, objects: [...objects, ...extras], echoes };
}

/** The gap that harm makes; of three at most, as a busy machine may have stood still for a second by itself. */
async function gapOf(pair: Pair, act: () => void): Promise<number> {
  let least = Infinity;
  for (let tries = 0; tries < 3 && least >= LONGEST_GAP_MS; tries++) least = Math.min(least, await suffer(pair, act));
  return least;
}

/** Does harm and waits until it is repaired and packets are answered; milliseconds of the longest time without answers. */
async function suffer({ running, echoes }: Pair, act: () => void): Promise<number> {
  const before = echoes.map((echo) => echo.last);
  const repaired = running.event(({ type }) => type === "drift");
  act();
  await repaired;
  await running.reconciler.settled();
  const after = echoes.map((echo) => echo.last);
  await Promise.all(echoes.map((echo, index) => echo.answeredAfter(after[index]!)));
  return Math.max(...echoes.map((echo, index) => echo.longestGap(before[index]!)));
}

describe.each(SHAPES)("%s", (name, shape) => {
  test("whatever is taken away or altered is back within a second", async () => {
    const pair = await makePair(shape);
    const kinds = new Set(pair.objects.map(({ kind }) => kind));
    for (const object of pair.objects) {
      for (const [what, act] of harms(pair.host, object)) {
        const gap = await gapOf(pair, act);
        expect({ key: object.key, what, gap }).toSatisfy(() => gap < LONGEST_GAP_MS);
        worst.set(name, Math.max(worst.get(name) ?? 0, gap));
      }
    }
    expect(kinds).toContain("route");
    // What goes with a link that has just gone is no longer there to be deleted, so links come last.
    const gap = await gapOf(pair, () => {
      for (const object of pair.objects.toReversed()) harms(pair.host, object)[0]?.[1]();
    });
    expect(gap).toBeLessThan(LONGEST_GAP_MS);
    worst.set(`${name}, everything at once`, gap);
    expect(pair.running.reconciler.state()).toMatchObject({ failed: [], ready: true });
    for (const echo of pair.echoes) await echo.stop();
  });
});

test("every family is in the table", () => {
  const tested = new Set(SHAPES.flatMap(([, { families }]): readonly Family[] => families ?? [4]));
  expect([...tested].toSorted((a, b) => a - b)).toEqual(FAMILIES);
});
