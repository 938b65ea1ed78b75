// `npm run bench -- datapath`: packets from pod to pod, between two hosts with one wire, over what a daemon set up and over
// the same topology made by hand: turn by turn in one run, so that both meet the same machine. The ratio is what counts.
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { enterFreshBpfFs } from "../support/bpf.ts";
import { enterFreshNetns } from "../support/netns.ts";
import { type BackendEntry, BACKENDS, type ByHand } from "./datapath/backends.ts";
import { type Figures, type Metric, METRICS, STEPS } from "./datapath/measure.ts";
import { Pair } from "./datapath/pair.ts";
import { median, table } from "./statistics.ts";

const USAGE = `usage: npm run bench -- datapath [flags]

  --backends A,B,…       of ${Object.keys(BACKENDS).join(", ")} (default vxlan)
  --rounds N             measurements of each (default 5)
  --seconds N            of each measurement of throughput (default 2)
  --wire plain|card|both the wire as veth has it, or without segmentation offloads, as a card (default both)
  --peer-flanneld PATH   a flanneld to measure beside, with the same backends
`;

interface Settings {
  readonly backends: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly wires: readonly ("plain" | "card")[];
  readonly flanneld: string | undefined;
}

interface Contender {
  readonly pair: Pair;
  /** Whose figures these are divided by; absent for what is made by hand. */
  readonly against?: ByHand;
  readonly bars?: BackendEntry["bars"];
  /** Of each round. */
  readonly figures: Partial<Figures>[];
}

export async function run(args: readonly string[]): Promise<number> {
  const settings = readSettings(args);
  if (typeof settings === "string") {
    process.stderr.write(settings);
    return settings === USAGE ? 0 : 2;
  }
  enterFreshNetns();
  enterFreshBpfFs();
  const work = mkdtempSync(path.join(os.tmpdir(), "loden-bench-"));
  const contenders: Contender[] = [];
  const verdicts: string[] = [];
  try {
    for await (const contender of makeContenders(settings, work)) contenders.push(contender);
    for (const wire of settings.wires) {
      for (const { pair, figures } of contenders) {
        pair.withoutOffloads(wire === "card");
        figures.length = 0;
      }
      for (let round = 0; round < settings.rounds; round++) {
        // Each goes first every other time.
        const order = round % 2 === 0 ? contenders : contenders.toReversed();
        for (const { figures } of contenders) figures.push({});
        for (const step of STEPS) {
          for (const { pair, figures } of order) Object.assign(figures.at(-1)!, await step(pair, settings.seconds));
        }
      }
      process.stdout.write(report(wire, contenders, settings, verdicts));
    }
  } finally {
    for (const { pair } of contenders) await pair[Symbol.asyncDispose]();
    rmSync(work, { recursive: true, force: true });
  }
  process.stdout.write(verdicts.join(""));
  return 0;
}

function readSettings(args: readonly string[]): Settings | string {
  const options = {
    backends: { type: "string", default: "vxlan" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    wire: { type: "string", default: "both" },
    "peer-flanneld": { type: "string" },
    help: { type: "boolean", default: false },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help) return USAGE;
    const backends = values.backends.split(",");
    const unknown = backends.find((name) => BACKENDS[name] === undefined);
    if (unknown !== undefined) throw new Error(`--backends does not know ${JSON.stringify(unknown)}`);
    const wires = ({ plain: ["plain"], card: ["card"], both: ["plain", "card"] } as const)[values.wire];
    if (wires === undefined) throw new Error("--wire takes plain, card or both");
    const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
    if (!(rounds > 0) || !(seconds > 0)) throw new Error("--rounds and --seconds take numbers above 0");
    return { backends, rounds, seconds, wires, flanneld: values["peer-flanneld"] };
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
}

async function* makeContenders({ backends, flanneld }: Settings, work: string): AsyncGenerator<Contender> {
  let number = 0;
  const entries = backends.map((name) => [name, BACKENDS[name]!] as const);
  for (const how of new Set(entries.map(([, { against }]) => against))) {
    const pair = new Pair(byHand(how), number++, work);
    yield { pair, figures: [] };
    pair.joinByHand(how);
  }
  const join = async (name: string, entry: BackendEntry, program?: string): Promise<Contender> => {
    const pair = new Pair(name, number++, work);
    await pair.joinByDaemons(entry, program);
    const { against, bars } = entry;
    return { pair, against, figures: [], ...(bars === undefined || program !== undefined ? {} : { bars }) };
  };
  for (const [name, entry] of entries) {
    yield await join(`lodend, ${name}`, entry);
    if (flanneld !== undefined) yield await join(`flanneld, ${name}`, entry, flanneld);
  }
}

function byHand(how: ByHand): string {
  return `${how} by hand`;
}

function report(wire: string, contenders: readonly Contender[], settings: Settings, verdicts: string[]): string {
  const metrics = Object.entries(METRICS) as [Metric, (typeof METRICS)[Metric]][];
  const rows = contenders.map(({ pair: { name }, against, figures, bars = {} }) => {
    const reference = contenders.find(({ pair }) => against !== undefined && pair.name === byHand(against));
    const cells = metrics.map(([metric, { unit, isLessBetter }]) => {
      const value = median(figures.map((each) => each[metric] ?? NaN));
      const shown = `${value.toFixed(value < 100 ? 2 : 0)} ${unit}`;
      if (reference === undefined) return shown;
      // Of each round by itself, as the machine is not the same in all.
      const ratio = median(
        figures.map((each, round) => (each[metric] ?? NaN) / (reference.figures[round]?.[metric] ?? NaN)),
      );
      const bar = bars[metric];
      if (bar !== undefined) {
        const isMet = isLessBetter ? ratio <= 1 / bar : ratio >= bar;
        const limit = isLessBetter ? `at most ${(1 / bar).toFixed(3)}` : `at least ${bar}`;
        verdicts.push(
          `${isMet ? "met   " : "MISSED"}  ${ratio.toFixed(3)} (${limit})  ${name}, ${wire} wire: ${metric}\n`,
        );
      }
      return `${shown} (${ratio.toFixed(2)})`;
    });
    return [name, ...cells];
  });
  const { rounds, seconds } = settings;
  const title = `${wire} wire: medians of ${rounds} rounds of ${seconds} s; in brackets the ratio to what is made by hand`;
  return `${title}\n${table([["", ...metrics.map(([metric]) => metric)], ...rows])}`;
}
