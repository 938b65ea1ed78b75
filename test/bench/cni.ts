// `npm run bench -- cni`: times of ADD and DEL from the start of a plugin's process to its end, plugin by plugin and for
// whole chains, in one run and turn by turn, so that all meet the same machine; then a hundred containers at once. Ours
// stand there twice: with the resident plugins that lodend keeps, as a host has them, and stand-alone, as they are without;
// Go's plugins are the measure. Processor time stands beside the wall clock's, as it says more on a machine that is shared;
// the resident's own is in it. The bars are the design's: that of flannel's chain is against Go's bridge and host-local
// alone, as Debian has no flannel plugin, and a hundred at once shall be faster than Go's.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { CLONE_NEWNET, anonymousNetns, withNetns } from "#kernel/netns";
import { sys } from "#sys";
import { GO_PLUGINS, compiledPlugins } from "../support/cni.ts";
import { startResident } from "../support/resident.ts";
import { CROWD_STEP, MASTER, MATCHES, type Match } from "./cni/matches.ts";
import { CROWD, type Cost, type Rig, type Side, play, playCrowd, sidesOf } from "./cni/play.ts";
import { median, table } from "./statistics.ts";

const DEFAULT_RUNS = 60;
const QUICK_RUNS = 5;
/** Of the runs, for matches in which Go's plugins wait. */
const SLOW_SHARE = 1 / 6;
const CROWD_TITLE = `${CROWD.containers} at once, bridge`;

const USAGE = `usage: npm run bench -- cni [flags] [words]

  --peer-dir DIR  where Go's plugins are (default ${GO_PLUGINS}: Debian's containernetworking-plugins)
  --runs N        or runs=N: of each match (default ${DEFAULT_RUNS}; a sixth of them where Go's plugins wait)
  --quick         ${QUICK_RUNS} runs, and no crowd
  words           of the titles of matches to run; "=title" for a whole one
`;

interface Settings {
  readonly peers: string;
  readonly runs: number;
  readonly isQuick: boolean;
  readonly words: readonly string[];
}

function readSettings(args: readonly string[]): Settings | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "peer-dir": { type: "string" },
        runs: { type: "string" },
        quick: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
  const { values, positionals } = parsed;
  if (values.help === true) return USAGE;
  const isQuick = values.quick === true;
  const short = positionals.find((word) => word.startsWith("runs="))?.slice("runs=".length);
  const runs = Number(values.runs ?? short ?? (isQuick ? QUICK_RUNS : DEFAULT_RUNS));
  if (!Number.isSafeInteger(runs) || runs < 1) return `--runs must be a whole number above 0\n${USAGE}`;
  return {
    peers: path.resolve(values["peer-dir"] ?? GO_PLUGINS),
    runs,
    isQuick,
    words: positionals.filter((word) => !word.startsWith("runs=")),
  };
}

/** What was measured against a bar: of ours with the resident, and stand-alone. */
interface Verdict {
  readonly title: string;
  readonly ratios: readonly [resident: number, alone: number];
  readonly bar: number;
}

type Command = "add" | "del";
const COMMANDS = ["add", "del"] as const;

function medians(sides: readonly Side[], command: Command, kind: keyof Cost): number[] {
  return sides.map(({ costs }) => median(costs[command].map((cost) => cost[kind])));
}

/** Times of ours divided by Go's, or by their own in another match. */
function ratios(sides: readonly Side[], command: Command, other?: readonly Side[]): [number, number] {
  const [resident, alone, go] = medians(sides, command, "wall") as [number, number, number];
  if (other === undefined) return [resident / go, alone / go];
  const [otherResident, otherAlone] = medians(other, command, "wall") as [number, number];
  return [resident / otherResident, alone / otherAlone];
}

function report(title: string, sides: readonly Side[]): string {
  const rows = COMMANDS.flatMap((command) => {
    const [wall, cpu] = [medians(sides, command, "wall"), medians(sides, command, "cpu")];
    const show = (times: readonly number[], index: number): string[] => [
      times[index]!.toFixed(2),
      (times[index]! / times.at(-1)!).toFixed(2),
    ];
    return sides.map(({ name }, index) => [command.toUpperCase(), name, ...show(wall, index), ...show(cpu, index)]);
  });
  const head = ["", "", "wall ms", "ratio", "cpu ms", "ratio"];
  return `${title}: median of ${sides[0]!.costs.add.length}\n${table([head, ...rows])}`;
}

function judge(
  match: Pick<Match, "title" | "bars" | "flat">,
  sides: readonly Side[],
  all: ReadonlyMap<string, Side[]>,
) {
  const verdicts: Verdict[] = COMMANDS.flatMap((command) => {
    const bar = match.bars?.[command];
    const title = `${match.title}: ${command.toUpperCase()}`;
    return bar === undefined ? [] : [{ title, ratios: ratios(sides, command), bar }];
  });
  const other = match.flat && all.get(match.flat.title);
  if (match.flat === undefined || other === undefined) return verdicts;
  const title = `${match.title}: ADD, against ${match.flat.title} of its own`;
  return [...verdicts, { title, ratios: ratios(sides, "add", other), bar: match.flat.bar }];
}

/** The summary: what a host with lodend must reach, and beside it how the executables stand that are left alone. */
function summary(verdicts: readonly Verdict[]): string {
  const mark = (ratio: number, bar: number): string => `${ratio.toFixed(2)} ${ratio <= bar ? "met" : "MISSED"}`;
  const rows = verdicts.map(({ title, ratios: [resident, alone], bar }) => [
    title,
    `≤ ${bar}`,
    mark(resident, bar),
    mark(alone, bar),
  ]);
  return table([["", "bar", "resident", "stand-alone"], ...rows]);
}

/** The master of macvlan, in the namespace of this process. */
function makeMaster(): void {
  const commands = [`link add ${MASTER} type bridge`, `link set ${MASTER} up`, "link set lo up"];
  for (const command of commands) {
    const { status, stderr, error } = spawnSync("ip", command.split(" "), { encoding: "utf8" });
    if (status !== 0) throw new Error(`ip ${command}: ${error?.message ?? stderr}`);
  }
}

async function playAll(settings: Settings, rig: Rig): Promise<Verdict[]> {
  const { runs, isQuick, words } = settings;
  const isWanted = (title: string): boolean =>
    words.length === 0 || words.some((word) => (word.startsWith("=") ? `=${title}` === word : title.includes(word)));
  const all = new Map<string, Side[]>();
  const verdicts: Verdict[] = [];
  const conclude = (match: Pick<Match, "title" | "bars" | "flat">, sides: Side[]): void => {
    all.set(match.title, sides);
    process.stdout.write(report(match.title, sides));
    verdicts.push(...judge(match, sides, all));
  };
  for (const [number, match] of MATCHES.entries()) {
    if (!isWanted(match.title)) continue;
    const sides = sidesOf(match, number, rig);
    play(match, sides, match.isSlow === true ? Math.max(Math.round(runs * SLOW_SHARE), 3) : runs, rig.resident);
    conclude(match, sides);
  }
  if (!isQuick && isWanted(CROWD_TITLE)) {
    const sides = sidesOf({ steps: [CROWD_STEP] }, MATCHES.length, rig);
    await playCrowd(sides, rig.resident);
    conclude({ title: CROWD_TITLE, bars: { add: 1, del: 1 } }, sides);
  }
  return verdicts;
}

export async function run(args: readonly string[]): Promise<number> {
  const settings = readSettings(args);
  if (typeof settings === "string") {
    process.stderr.write(settings);
    return settings === USAGE ? 0 : 2;
  }
  if (!fs.existsSync(path.join(settings.peers, "bridge"))) {
    process.stderr.write(
      `${settings.peers} has no Go plugins: apt-get install containernetworking-plugins, or name another --peer-dir\n`,
    );
    return 1;
  }
  sys.unshare(CLONE_NEWNET);
  const peersNetns = anonymousNetns(sys);
  makeMaster();
  withNetns(sys, peersNetns, makeMaster);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), "loden-bench-"));
  // Once: where sources change in the meantime, plugins made anew would not match the resident.
  const directory = compiledPlugins();
  const resident = await startResident(directory, path.join(work, "cni.sock"));
  try {
    const verdicts = await playAll(settings, { work, directory, peers: settings.peers, resident, peersNetns });
    const memory = (resident.memory() / 2 ** 20).toFixed(0);
    process.stdout.write(`the resident has ${memory} MiB of its own in the end\n\n${summary(verdicts)}`);
  } finally {
    await resident.stop();
    fs.rmSync(work, { recursive: true, force: true });
  }
  return 0;
}
