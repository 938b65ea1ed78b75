// `npm run bench -- cni`: times of ADD and DEL from the start of a plugin's process to its end, in one run and turn by
// turn, so that all meet the same machine; then a hundred at once. Ours stand there twice: with the resident plugins that
// lodend keeps, as a host has them, and stand-alone, as they are without; Debian's Go plugins are the measure. Processor
// time stands beside the wall clock's, as it says more on a machine that is shared; the resident's own is in it. The bars
// are those of the design, for a host with lodend: plain bridge ADD at most 1.1 times Go's, the flannel chain at most 1.3
// times Go's bridge and host-local, and a hundred at once faster than Go's.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { CLONE_NEWNET } from "#kernel/netns";
import { sys } from "#sys";
import { GO_PLUGINS, Sandbox, compiledPlugins, startPlugin, variablesOf, type Invocation } from "../support/cni.ts";
import { STAND_ALONE, startResident, type StartedResident } from "../support/resident.ts";
import { childrenCpu } from "./children.ts";

const DEFAULT_RUNS = 60;
/** Runs that are not counted: the page cache fills, the bridge is made. */
const WARM_UP = 5;
/** The crowd: containers, how many processes at once, and how often it comes and goes for either side. */
const CONTAINERS = 100;
const AT_ONCE = 20;
const CROWDS = 3;
const CROWD_TITLE = `${CONTAINERS} parallel, bridge + host-local, IPv4`;
/** Faster than Go's. */
const CROWD_BAR = 1;

type SideName = "resident" | "stand-alone" | "Go";
const SIDES: readonly SideName[] = ["resident", "stand-alone", "Go"];

/** Every side has a bridge, addresses and directories of its own. */
interface Place {
  readonly bridge: string;
  /** `10.<network>.0.0/16` and `fd<network>::/64`. */
  readonly network: number;
  readonly work: string;
}

interface Match {
  readonly title: string;
  /** What is called, and with what: ours, and Go's where it is another. */
  readonly plugin: string;
  readonly config: (place: Place) => object;
  readonly goPlugin?: string;
  readonly goConfig?: (place: Place) => object;
  /** The ratio of ADD that is allowed. */
  readonly bar?: number;
}

/** One side of a match. */
interface Side {
  readonly name: SideName;
  readonly call: Pick<Invocation, "directory" | "plugin" | "config" | "variables">;
  readonly costs: Costs;
}

type Subnets = (network: number) => readonly string[];
const IPV4: Subnets = (network) => [`10.${network}.0.0/16`];
const BOTH: Subnets = (network) => [...IPV4(network), `fd${network}::/64`];

function bridgeConfig(subnets: Subnets, more: object): (place: Place) => object {
  return ({ bridge, network, work }) => ({
    cniVersion: "1.0.0",
    name: bridge,
    type: "bridge",
    bridge,
    isDefaultGateway: true,
    ipam: {
      type: "host-local",
      dataDir: path.join(work, `ipam-${bridge}`),
      ranges: subnets(network).map((subnet) => [{ subnet }]),
    },
    ...more,
  });
}

function flannelConfig({ bridge, network, work }: Place): object {
  const subnetFile = path.join(work, `${bridge}.env`);
  fs.writeFileSync(
    subnetFile,
    `FLANNEL_NETWORK=10.${network}.0.0/16\nFLANNEL_SUBNET=10.${network}.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n`,
  );
  return {
    cniVersion: "0.3.1",
    name: bridge,
    type: "flannel",
    subnetFile,
    dataDir: path.join(work, "flannel"),
    ipam: { dataDir: path.join(work, `ipam-${bridge}`) },
    delegate: { bridge, hairpinMode: true, isDefaultGateway: true },
  };
}

const MATCHES: readonly Match[] = [
  { title: "bridge + host-local, IPv4", plugin: "bridge", config: bridgeConfig(IPV4, {}), bar: 1.1 },
  {
    title: "flannel chain, against Go's bridge + host-local",
    plugin: "flannel",
    config: flannelConfig,
    goPlugin: "bridge",
    goConfig: bridgeConfig((network) => [`10.${network}.3.0/24`], { hairpinMode: true, mtu: 1450 }),
    bar: 1.3,
  },
  { title: "bridge + host-local, IPv4 and IPv6", plugin: "bridge", config: bridgeConfig(BOTH, {}) },
  {
    title: "bridge + host-local, IPv4 and IPv6, ipMasq",
    plugin: "bridge",
    config: bridgeConfig(BOTH, { ipMasq: true }),
  },
  { title: "loopback", plugin: "loopback", config: () => ({ cniVersion: "1.0.0", name: "lo", type: "loopback" }) },
];

/** The sides of a match; `number` tells matches apart. */
function sidesOf(
  match: Match,
  number: number,
  rig: { work: string; directory: string; resident: StartedResident },
): Side[] {
  const { work, directory, resident } = rig;
  return SIDES.map((name, index) => {
    const isGo = name === "Go";
    const place = { bridge: `ben${number}${name.slice(0, 1)}`, network: 80 + 3 * number + index, work };
    const config = (isGo && match.goConfig) || match.config;
    return {
      name,
      call: {
        directory: isGo ? GO_PLUGINS : directory,
        plugin: (isGo && match.goPlugin) || match.plugin,
        config: JSON.stringify(config(place)),
        variables: name === "resident" ? resident.variables : STAND_ALONE,
      },
      costs: { add: [], del: [] },
    };
  });
}

/** Milliseconds: on the clock, and of processors. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

/** From before the start of the process to after its end. */
function timed(call: Invocation, resident: StartedResident): Cost {
  const file = path.join(call.directory, call.plugin);
  const options = { input: call.config as string, env: variablesOf(call), encoding: "utf8" } as const;
  const [before, start] = [childrenCpu() + resident.cpu(), performance.now()];
  const result = spawnSync(file, [], options);
  const wall = performance.now() - start;
  const cost = { wall, cpu: childrenCpu() + resident.cpu() - before };
  if (result.status === 0) return cost;
  throw new Error(`${file} ${call.command} failed: ${result.error?.message ?? `${result.stdout}${result.stderr}`}`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

interface Costs {
  readonly add: Cost[];
  readonly del: Cost[];
}

/** One bar and what was measured against it. */
interface Verdict {
  readonly title: string;
  readonly ratio: number;
  readonly bar: number;
}

/** The lines of a match, Go's side being the last; the resident's bars that apply go to `verdicts`. */
function compare(
  title: string,
  sides: readonly Side[],
  bars: { readonly add?: number | undefined; readonly del?: number | undefined },
  verdicts: Verdict[],
): string[] {
  return (["add", "del"] as const).flatMap((command) => {
    const of = (kind: keyof Cost): number[] =>
      sides.map(({ costs }) => median(costs[command].map((cost) => cost[kind])));
    const [wall, cpu] = [of("wall"), of("cpu")] as [number[], number[]];
    const ratio = (times: readonly number[], index: number): number => times[index]! / times.at(-1)!;
    const bar = bars[command];
    if (bar !== undefined) verdicts.push({ title: `${title}: ${command.toUpperCase()}`, ratio: ratio(wall, 0), bar });
    const show = (times: readonly number[], index: number): string =>
      `${times[index]!.toFixed(2).padStart(8)} ms ${ratio(times, index).toFixed(2)}`;
    return sides.map(
      ({ name }, index) =>
        `  ${command.toUpperCase()}  ${name.padEnd(11)}  wall ${show(wall, index)}   cpu ${show(cpu, index)}`,
    );
  });
}

function round(side: Side, id: string, resident: StartedResident, isCounted: boolean): void {
  using sandbox = new Sandbox(sys);
  const call = { ...side.call, command: "ADD", containerId: id, netns: sandbox.path };
  const add = timed(call, resident);
  const del = timed({ ...call, command: "DEL" }, resident);
  if (!isCounted) return;
  side.costs.add.push(add);
  side.costs.del.push(del);
}

function play(
  match: Match,
  sides: readonly Side[],
  runs: number,
  resident: StartedResident,
  verdicts: Verdict[],
): string[] {
  for (let index = -WARM_UP; index < runs; index++) {
    // Each goes first every other time.
    for (const side of index % 2 === 0 ? sides : sides.toReversed()) {
      round(side, `bench${index + WARM_UP}`, resident, index >= 0);
    }
  }
  return compare(match.title, sides, { add: match.bar }, verdicts);
}

/** What a command costs for every sandbox, some at a time. */
async function crowd(side: Side, command: string, netns: readonly string[], resident: StartedResident): Promise<Cost> {
  const waiting = [...netns.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, path] = next;
      const outcome = await startPlugin({ ...side.call, command, containerId: `c${index}`, netns: path });
      if (outcome.status !== 0) throw new Error(`${side.name} ${command} failed: ${outcome.stdout}`);
    }
  };
  const [before, start] = [childrenCpu() + resident.cpu(), performance.now()];
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const wall = performance.now() - start;
  return { wall, cpu: childrenCpu() + resident.cpu() - before };
}

/** A hundred containers come and go, of every side by turns. */
async function playCrowd(sides: readonly Side[], resident: StartedResident, verdicts: Verdict[]): Promise<string[]> {
  // The first of each warms up: caches fill, the bridge is made.
  for (let turn = -1; turn < CROWDS; turn++) {
    for (const side of turn % 2 === 0 ? sides : sides.toReversed()) {
      const sandboxes = Array.from({ length: CONTAINERS }, () => new Sandbox(sys));
      const netns = sandboxes.map((sandbox) => sandbox.path);
      const add = await crowd(side, "ADD", netns, resident);
      const del = await crowd(side, "DEL", netns, resident);
      for (const sandbox of sandboxes) sandbox.close();
      if (turn < 0) continue;
      side.costs.add.push(add);
      side.costs.del.push(del);
    }
  }
  return compare(CROWD_TITLE, sides, { add: CROWD_BAR, del: CROWD_BAR }, verdicts);
}

/** `runs=N` sets how often each is run; other words choose the matches whose titles hold them. */
export async function run(args: readonly string[]): Promise<number> {
  if (!fs.existsSync(path.join(GO_PLUGINS, "bridge"))) {
    throw new Error("Debian's Go plugins are not installed: apt-get install containernetworking-plugins");
  }
  const runs = Number(args.find((arg) => arg.startsWith("runs="))?.slice(5) ?? DEFAULT_RUNS);
  const words = args.filter((arg) => !arg.includes("="));
  const isWanted = (title: string): boolean => words.length === 0 || words.some((word) => title.includes(word));
  const verdicts: Verdict[] = [];
  sys.unshare(CLONE_NEWNET);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), "loden-bench-"));
  // Once: where sources change in the meantime, plugins made anew would not match the resident.
  const directory = compiledPlugins();
  const resident = await startResident(directory, path.join(work, "cni.sock"));
  const rig = { work, directory, resident };
  try {
    for (const [number, match] of MATCHES.entries()) {
      if (!isWanted(match.title)) continue;
      const lines = play(match, sidesOf(match, number, rig), runs, resident, verdicts);
      process.stdout.write(`${match.title}: median of ${runs} runs each\n${lines.join("\n")}\n`);
    }
    if (isWanted(CROWD_TITLE)) {
      const sides = sidesOf({ ...MATCHES[0]!, title: CROWD_TITLE }, MATCHES.length, rig);
      const lines = await playCrowd(sides, resident, verdicts);
      const head = `${CROWD_TITLE}: median of ${CROWDS} crowds each, ${AT_ONCE} at once`;
      process.stdout.write(`${head}\n${lines.join("\n")}\n`);
    }
    process.stdout.write(`the resident has ${(resident.memory() / 2 ** 20).toFixed(0)} MiB of its own in the end\n`);
  } finally {
    await resident.stop();
    fs.rmSync(work, { recursive: true, force: true });
  }
  for (const { title, ratio, bar } of verdicts) {
    process.stdout.write(`${ratio <= bar ? "met   " : "MISSED"}  ${ratio.toFixed(2)} (bar ${bar})  ${title}\n`);
  }
  return 0;
}
