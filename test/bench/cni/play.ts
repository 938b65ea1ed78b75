// Running a match of the CNI benchmark: every side by turns, from the start of each plugin's process to its end.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { withNetns } from "#kernel/netns";
import { sys } from "#sys";
import { Sandbox, startPlugin, variablesOf, type Invocation } from "../../support/cni.ts";
import { STAND_ALONE, type StartedResident } from "../../support/resident.ts";
import { childrenCpu } from "../children.ts";
import { SIDES, type Match, type Place, type SideName, type Step } from "./matches.ts";

/** Runs that are not counted: the page cache fills, the bridge is made. */
const WARM_UP = 3;
/** Containers of a crowd, how many processes at once, and how often it comes and goes for either side. */
export const CROWD = { containers: 100, atOnce: 20, turns: 3 } as const;

export interface Rig {
  readonly work: string;
  /** Our executables, and those they are measured beside. */
  readonly directory: string;
  readonly peers: string;
  readonly resident: StartedResident;
  /** A host's network of the peers' own: rules of theirs would be work for ours. */
  readonly peersNetns: number;
}

/** Milliseconds: on the clock, and of processors. */
export interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

/** One side of a match, with what its runs cost. */
export interface Side {
  readonly name: SideName;
  readonly place: Place;
  readonly directory: string;
  /** The host's network, where it is not this process's. */
  readonly netns: number | undefined;
  readonly variables: Invocation["variables"] & object;
  readonly steps: readonly Step[];
  readonly costs: { readonly add: Cost[]; readonly del: Cost[] };
}

/** The sides of a match; `number` tells matches apart. */
export function sidesOf({ steps }: Pick<Match, "steps">, number: number, rig: Rig): Side[] {
  return SIDES.map((name, index) => ({
    name,
    place: { bridge: `ben${number}${name.slice(0, 1)}`, network: 80 + 3 * number + index, work: rig.work },
    directory: name === "Go" ? rig.peers : rig.directory,
    netns: name === "Go" ? rig.peersNetns : undefined,
    variables: name === "resident" ? rig.resident.variables : STAND_ALONE,
    steps: name === "Go" ? steps.map((step) => step.go ?? step) : steps,
    costs: { add: [], del: [] },
  }));
}

/** From before the start of the process to after its end. */
function timed(call: Invocation, resident: StartedResident): { cost: Cost; output: string } {
  const file = path.join(call.directory, call.plugin);
  const options = { input: JSON.stringify(call.config), env: variablesOf(call), encoding: "utf8" } as const;
  const [before, start] = [childrenCpu() + resident.cpu(), performance.now()];
  const result = spawnSync(file, [], options);
  const wall = performance.now() - start;
  const cost = { wall, cpu: childrenCpu() + resident.cpu() - before };
  if (result.status === 0) return { cost, output: result.stdout };
  throw new Error(`${file} ${call.command} failed: ${result.error?.message ?? `${result.stdout}${result.stderr}`}`);
}

function sum(costs: readonly Cost[]): Cost {
  return costs.reduce((total, { wall, cpu }) => ({ wall: total.wall + wall, cpu: total.cpu + cpu }), {
    wall: 0,
    cpu: 0,
  });
}

/** A container comes and goes. */
function round(side: Side, containerId: string, resident: StartedResident, isCounted: boolean): void {
  using sandbox = new Sandbox(sys);
  const { directory, variables, place } = side;
  const call = { directory, variables, containerId, netns: sandbox.path };
  const costs: { add: Cost[]; del: Cost[] } = { add: [], del: [] };
  let prevResult: object | undefined;
  const configOf = (step: Step): object => ({
    ...step.config(place),
    ...(prevResult === undefined ? {} : { prevResult }),
  });
  for (const step of side.steps) {
    const { cost, output } = timed({ ...call, command: "ADD", plugin: step.plugin, config: configOf(step) }, resident);
    prevResult = JSON.parse(output) as object;
    if (step.isGround !== true) costs.add.push(cost);
  }
  for (const step of side.steps.toReversed()) {
    const { cost } = timed({ ...call, command: "DEL", plugin: step.plugin, config: configOf(step) }, resident);
    if (step.isGround !== true) costs.del.push(cost);
  }
  if (!isCounted) return;
  side.costs.add.push(sum(costs.add));
  side.costs.del.push(sum(costs.del));
}

/** Plays `runs` rounds of every side. */
export function play(match: Match, sides: readonly Side[], runs: number, resident: StartedResident): void {
  for (const { place } of sides) match.prepare?.(place);
  for (let index = -WARM_UP; index < runs; index++) {
    // Each goes first every other time.
    for (const side of index % 2 === 0 ? sides : sides.toReversed()) {
      const once = (): void => round(side, `bench${index + WARM_UP}`, resident, index >= 0);
      if (side.netns === undefined) once();
      else withNetns(sys, side.netns, once);
    }
  }
}

/** What a command costs for every sandbox, some at a time. */
async function crowd(side: Side, command: string, netns: readonly string[], resident: StartedResident): Promise<Cost> {
  const { directory, variables, place } = side;
  const { plugin, config } = side.steps[0]!;
  const call = { directory, variables, plugin, config: config(place), command };
  const waiting = [...netns.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, path] = next;
      const outcome = await startPlugin({ ...call, containerId: `c${index}`, netns: path });
      if (outcome.status !== 0) throw new Error(`${side.name} ${command} failed: ${outcome.stdout}`);
    }
  };
  const [before, start] = [childrenCpu() + resident.cpu(), performance.now()];
  await Promise.all(Array.from({ length: CROWD.atOnce }, worker));
  const wall = performance.now() - start;
  return { wall, cpu: childrenCpu() + resident.cpu() - before };
}

/** A hundred containers come and go, of every side by turns. */
export async function playCrowd(sides: readonly Side[], resident: StartedResident): Promise<void> {
  // The first of each warms up: caches fill, the bridge is made.
  for (let turn = -1; turn < CROWD.turns; turn++) {
    for (const side of turn % 2 === 0 ? sides : sides.toReversed()) {
      const sandboxes = Array.from({ length: CROWD.containers }, () => new Sandbox(sys));
      const netns = sandboxes.map((sandbox) => sandbox.path);
      const add = await crowd(side, "ADD", netns, resident);
      const del = await crowd(side, "DEL", netns, resident);
      for (const sandbox of sandboxes) sandbox.close();
      if (turn < 0) continue;
      side.costs.add.push(add);
      side.costs.del.push(del);
    }
  }
}
