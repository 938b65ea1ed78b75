// `npm run bench -- cni`: whole-process times of ADD and DEL, ours and the Go plugins of Debian, in one run and turn by
// turn, so that both meet the same machine. The bars are in the design: plain bridge ADD at most 1.1 times Go's, the
// flannel chain at most 1.3 times Go's bridge and host-local.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { CLONE_NEWNET } from "#kernel/netns";
import { sys } from "#sys";
import { GO_PLUGINS, Sandbox, compiledPlugins, variablesOf, type Invocation } from "../support/cni.ts";

const DEFAULT_RUNS = 60;
/** Runs that are not counted: the page cache fills, the bridge is made. */
const WARM_UP = 5;

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

/** Milliseconds from before the start of the process to after its end. */
function timed(call: Invocation, config: string): number {
  const file = path.join(call.directory, call.plugin);
  const options = { input: config, env: variablesOf(call), encoding: "utf8" } as const;
  const start = process.hrtime.bigint();
  const result = spawnSync(file, [], options);
  const elapsed = Number(process.hrtime.bigint() - start) / 1e6;
  if (result.status === 0) return elapsed;
  throw new Error(`${file} ${call.command} failed: ${result.error?.message ?? `${result.stdout}${result.stderr}`}`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

interface Times {
  readonly add: number[];
  readonly del: number[];
}

function round(contender: Contender, config: string, id: string, times: Times | undefined): void {
  using sandbox = new Sandbox(sys);
  const call = { ...contender, command: "ADD", containerId: id, netns: sandbox.path, config };
  const add = timed(call, config);
  const del = timed({ ...call, command: "DEL" }, config);
  times?.add.push(add);
  times?.del.push(del);
}

function play(match: Match, runs: number, work: string): string[] {
  const sides = [match.ours, match.theirs].map((contender) => ({
    contender,
    config: JSON.stringify(contender.config(work)),
    times: { add: [], del: [] } as Times,
  }));
  for (let index = -WARM_UP; index < runs; index++) {
    // Each goes first every other time.
    const order = index % 2 === 0 ? sides : sides.toReversed();
    for (const { contender, config, times } of order) {
      round(contender, config, `bench${index + WARM_UP}`, index < 0 ? undefined : times);
    }
  }
  return (["add", "del"] as const).map((command) => {
    const [ours, theirs] = sides.map(({ times }) => median(times[command])) as [number, number];
    const ratio = ours / theirs;
    const bar =
      command === "add" && match.bar !== undefined ? `  (bar ${match.bar}${ratio <= match.bar ? "" : ", MISSED"})` : "";
    const times = `ours ${ours.toFixed(2)} ms, Go ${theirs.toFixed(2)} ms, ratio ${ratio.toFixed(2)}${bar}`;
    return `  ${command.toUpperCase()}  ${times}`;
  });
}

/** `runs=N` sets how often each is run; other words choose the matches whose titles hold them. */
export function run(args: readonly string[]): number {
  if (!fs.existsSync(path.join(GO_PLUGINS, "bridge"))) {
    throw new Error("Debian's Go plugins are not installed: apt-get install containernetworking-plugins");
  }
  const runs = Number(args.find((arg) => arg.startsWith("runs="))?.slice(5) ?? DEFAULT_RUNS);
  const words = args.filter((arg) => !arg.includes("="));
  sys.unshare(CLONE_NEWNET);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), "loden-bench-"));
  try {
    for (const match of matches()) {
      if (words.length > 0 && !words.some((word) => match.title.includes(word))) continue;
      const lines = play(match, runs, work);
      process.stdout.write(`${match.title}: median of ${runs} runs each\n${lines.join("\n")}\n`);
    }
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  return 0;
}
