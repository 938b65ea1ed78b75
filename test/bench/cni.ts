// `npm run bench -- cni`: whole-process times of ADD and DEL, ours and the Go plugins of Debian, in one run and turn by
// turn, so that both meet the same machine; then a hundred at once. Processor time stands beside the wall clock's, as it
// says more on a machine that is shared. The bars are those of the design: plain bridge ADD at most 1.1 times Go's, the
// flannel chain at most 1.3 times Go's bridge and host-local, and a hundred at once faster than Go's.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { CLONE_NEWNET } from "#kernel/netns";
import { sys } from "#sys";
import { GO_PLUGINS, Sandbox, compiledPlugins, startPlugin, variablesOf, type Invocation } from "../support/cni.ts";
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

interface Contender {
  readonly name: string;
  readonly directory: string;
  readonly plugin: string;
  readonly config: (work: string) => object;
}

interface Match {
  readonly title: string;
  readonly ours: Contender;
  readonly theirs: Contender;
  /** The ratio of ADD that is allowed. */
  readonly bar?: number;
}

function bridgeConfig(bridge: string, subnets: readonly string[], more: object): (work: string) => object {
  return (work) => ({
    cniVersion: "1.0.0",
    name: bridge,
    type: "bridge",
    bridge,
    isDefaultGateway: true,
    ipam: {
      type: "host-local",
      dataDir: path.join(work, `ipam-${bridge}`),
      ranges: subnets.map((subnet) => [{ subnet }]),
    },
    ...more,
  });
}

function flannelConfig(bridge: string): (work: string) => object {
  return (work) => {
    const subnetFile = path.join(work, "subnet.env");
    fs.writeFileSync(
      subnetFile,
      "FLANNEL_NETWORK=10.81.0.0/16\nFLANNEL_SUBNET=10.81.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
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
  };
}

function matches(): Match[] {
  const directory = compiledPlugins();
  const ours = { name: "ours", directory, plugin: "bridge" };
  const theirs = { name: "Go", directory: GO_PLUGINS, plugin: "bridge" };
  const four = (letter: string): string[] => [letter === "l" ? "10.82.0.0/16" : "10.83.0.0/16"];
  const both = (letter: string): string[] => [...four(letter), letter === "l" ? "fd82::/64" : "fd83::/64"];
  return [
    {
      title: "bridge + host-local, IPv4",
      ours: { ...ours, config: bridgeConfig("benl4", four("l"), {}) },
      theirs: { ...theirs, config: bridgeConfig("beng4", four("g"), {}) },
      bar: 1.1,
    },
    {
      title: "flannel chain, against Go's bridge + host-local",
      ours: { ...ours, plugin: "flannel", config: flannelConfig("benlf") },
      theirs: { ...theirs, config: bridgeConfig("benggf", ["10.84.0.0/24"], { hairpinMode: true, mtu: 1450 }) },
      bar: 1.3,
    },
    {
      title: "bridge + host-local, IPv4 and IPv6",
      ours: { ...ours, config: bridgeConfig("benl46", both("l"), {}) },
      theirs: { ...theirs, config: bridgeConfig("beng46", both("g"), {}) },
    },
    {
      title: "bridge + host-local, IPv4 and IPv6, ipMasq",
      ours: { ...ours, config: bridgeConfig("benlm", both("l"), { ipMasq: true }) },
      theirs: { ...theirs, config: bridgeConfig("bengm", both("g"), { ipMasq: true }) },
    },
    {
      title: "loopback",
      ours: { ...ours, plugin: "loopback", config: () => ({ cniVersion: "1.0.0", name: "lo", type: "loopback" }) },
      theirs: { ...theirs, plugin: "loopback", config: () => ({ cniVersion: "1.0.0", name: "lo", type: "loopback" }) },
    },
  ];
}

/** Milliseconds: on the clock, and of processors. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

/** From before the start of the process to after its end. */
function timed(call: Invocation, config: string): Cost {
  const file = path.join(call.directory, call.plugin);
  const options = { input: config, env: variablesOf(call), encoding: "utf8" } as const;
  const [start, before] = [performance.now(), childrenCpu()];
  const result = spawnSync(file, [], options);
  const cost = { wall: performance.now() - start, cpu: childrenCpu() - before };
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

/** The lines of a match, ours being the first of both sides; bars that apply go to `verdicts`. */
function compare(
  title: string,
  sides: readonly { readonly costs: Costs }[],
  bars: { readonly add?: number | undefined; readonly del?: number | undefined },
  verdicts: Verdict[],
): string[] {
  return (["add", "del"] as const).map((command) => {
    const of = (kind: keyof Cost): [number, number] =>
      sides.map(({ costs }) => median(costs[command].map((cost) => cost[kind]))) as [number, number];
    const show = (kind: keyof Cost): string => {
      const [ours, theirs] = of(kind);
      return `${kind} ours ${ours.toFixed(2)} ms, Go ${theirs.toFixed(2)} ms, ratio ${(ours / theirs).toFixed(2)}`;
    };
    const [ours, theirs] = of("wall");
    const bar = bars[command];
    if (bar !== undefined) verdicts.push({ title: `${title}: ${command.toUpperCase()}`, ratio: ours / theirs, bar });
    return `  ${command.toUpperCase()}  ${show("wall")}; ${show("cpu")}`;
  });
}

function round(contender: Contender, config: string, id: string, costs: Costs | undefined): void {
  using sandbox = new Sandbox(sys);
  const call = { ...contender, command: "ADD", containerId: id, netns: sandbox.path, config };
  const add = timed(call, config);
  const del = timed({ ...call, command: "DEL" }, config);
  costs?.add.push(add);
  costs?.del.push(del);
}

function play(match: Match, runs: number, work: string, verdicts: Verdict[]): string[] {
  const sides = [match.ours, match.theirs].map((contender) => ({
    contender,
    config: JSON.stringify(contender.config(work)),
    costs: { add: [], del: [] } as Costs,
  }));
  for (let index = -WARM_UP; index < runs; index++) {
    // Each goes first every other time.
    const order = index % 2 === 0 ? sides : sides.toReversed();
    for (const { contender, config, costs } of order) {
      round(contender, config, `bench${index + WARM_UP}`, index < 0 ? undefined : costs);
    }
  }
  return compare(match.title, sides, { add: match.bar }, verdicts);
}

/** What a command costs for every sandbox, some at a time. */
async function crowd(contender: Contender, config: string, command: string, netns: readonly string[]): Promise<Cost> {
  const waiting = [...netns.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, path] = next;
      const outcome = await startPlugin({ ...contender, command, containerId: `c${index}`, netns: path, config });
      if (outcome.status !== 0) throw new Error(`${contender.name} ${command} failed: ${outcome.stdout}`);
    }
  };
  const [start, before] = [performance.now(), childrenCpu()];
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { wall: performance.now() - start, cpu: childrenCpu() - before };
}

/** A hundred containers come and go, of either side by turns. */
async function playCrowd(work: string, verdicts: Verdict[]): Promise<string[]> {
  const contender = { name: "ours", directory: compiledPlugins(), plugin: "bridge" };
  const sides = [
    { ...contender, config: bridgeConfig("benlp", ["10.85.0.0/16"], {}) },
    { ...contender, name: "Go", directory: GO_PLUGINS, config: bridgeConfig("bengp", ["10.86.0.0/16"], {}) },
  ].map((side) => ({ side, config: JSON.stringify(side.config(work)), costs: { add: [], del: [] } as Costs }));
  // The first of either warms up: caches fill, the bridge is made.
  for (let turn = -1; turn < CROWDS; turn++) {
    for (const { side, config, costs } of turn % 2 === 0 ? sides : sides.toReversed()) {
      const sandboxes = Array.from({ length: CONTAINERS }, () => new Sandbox(sys));
      const netns = sandboxes.map((sandbox) => sandbox.path);
      const add = await crowd(side, config, "ADD", netns);
      const del = await crowd(side, config, "DEL", netns);
      for (const sandbox of sandboxes) sandbox.close();
      if (turn < 0) continue;
      costs.add.push(add);
      costs.del.push(del);
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
  try {
    for (const match of matches()) {
      if (!isWanted(match.title)) continue;
      const lines = play(match, runs, work, verdicts);
      process.stdout.write(`${match.title}: median of ${runs} runs each\n${lines.join("\n")}\n`);
    }
    if (isWanted(CROWD_TITLE)) {
      const lines = await playCrowd(work, verdicts);
      process.stdout.write(
        `${CROWD_TITLE}: median of ${CROWDS} crowds each, ${AT_ONCE} at once\n${lines.join("\n")}\n`,
      );
    }
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  for (const { title, ratio, bar } of verdicts) {
    process.stdout.write(`${ratio <= bar ? "met   " : "MISSED"}  ${ratio.toFixed(2)} (bar ${bar})  ${title}\n`);
  }
  return 0;
}
