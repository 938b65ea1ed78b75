// Runs one plan: the faults in their order, then none, and what must hold in the end. A run is a function of its plan
// alone.
import { drained } from "./timeline.ts";
import { difference } from "./expected.ts";
import { FAULTS, mend } from "./faults.ts";
import { NONE } from "./mutations.ts";
import { underlay } from "./machine.ts";
import { encodeLease } from "../../daemon/lease/record.ts";
import type { Violation } from "./judge.ts";
import type { Plan } from "./plan.ts";
import { World } from "./world.ts";

export interface Outcome {
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
  /** Virtual milliseconds. */
  readonly lasted: number;
  /** Virtual milliseconds from the end of faults until all was as it should be. */
  readonly settled: number;
  readonly events: number;
}

/**
 * Milliseconds that a cluster has to settle in when faults have stopped. A watch that hears nothing is given up after
 * 15 s, a request after 8 s, a wait for the store lasts up to 5 s; a lease that was taken by another, and one that a
 * silent owner left, ends with its life of up to 300 s in simulations.
 */
const SETTLING_MS = 420_000;

/** How long conflicts are given to end by themselves. */
const CONFLICT_MS = 30_000;

/** Between two looks at whether all has settled. */
const LOOK_MS = 500;

/** Until every watch is whole again: silence 15 s, dialling 3 s, a wait of 5 s, an answer within 8 s. */
const QUIET_MS = 35_000;

/** DESIGN §5, rule 5. */
const ONE_SECOND = 1_000;

export async function run(plan: Plan, { mutation = NONE, isTraced = false } = {}): Promise<Outcome> {
  // Errors are the daily bread of a simulation, and where they were made is of use to a reader alone.
  Error.stackTraceLimit = isTraced ? 10 : 0;
  const world = new World(plan.seed, plan.setup, mutation, isTraced);
  const defects = watchForDefects(world);
  let settled = 0;
  try {
    world.timeline.afterEach = () => world.judge.claims();
    for (const machine of world.machines) machine.start();
    for (const step of plan.steps) {
      await pass(world, step.after);
      const machine = world.machines[step.machine % world.machines.length]!;
      const what = FAULTS[step.fault].apply(world, machine, step.x, step.y);
      if (what !== undefined) world.trace.add(machine.name, `FAULT ${step.fault}: ${what}`);
    }
    await pass(world, 0);
    world.trace.add("", "FAULTS END");
    mend(world);
    const began = world.timeline.now;
    await settle(world);
    settled = world.timeline.now - began;
    await pass(world, QUIET_MS);
    await oneSecond(world);
  } catch (error) {
    if (!(error instanceof Found)) throw error;
  } finally {
    world.close();
    await drained();
    defects();
  }
  const { found } = world.judge;
  return {
    violation: found,
    trace: world.trace.lines,
    lasted: world.timeline.now,
    settled,
    events: world.timeline.events,
  };
}

class Found extends Error {}

async function pass(world: World, ms: number): Promise<void> {
  const end = world.timeline.now + ms;
  while (world.judge.found === undefined && world.timeline.now < end) {
    await world.timeline.until(Math.min(end, world.timeline.now + LOOK_MS));
    world.judge.addresses();
  }
  if (ms === 0) await world.timeline.until(end);
  if (world.judge.found !== undefined) throw new Found();
}

async function settle(world: World): Promise<void> {
  const began = world.timeline.now;
  const deadline = began + SETTLING_MS;
  for (;;) {
    await pass(world, LOOK_MS);
    if (world.timeline.now - began > CONFLICT_MS) drain(world);
    const wrong = unsettled(world);
    if (wrong === undefined) return;
    if (world.timeline.now < deadline) continue;
    world.judge.violated("5 convergence", `${SETTLING_MS / 1_000} s after the last fault ${wrong}`);
    throw new Found();
  }
}

/** What an operator does about two nodes with containers in one subnet: empties the one that complains. */
function drain(world: World): void {
  for (const machine of world.machines) {
    if (machine.daemon?.reportsConflict !== true || machine.daemon.held === undefined) continue;
    world.trace.add(machine.name, "is drained: it has no containers and no subnet file now");
    machine.reboot(true);
    machine.start();
  }
}

/** What is not yet as it should be. */
function unsettled(world: World): string | undefined {
  const records = world.etcd.truth.now;
  for (const machine of world.machines) {
    const { daemon } = machine;
    if (daemon === undefined) return `${machine.name} has no daemon`;
    const key = daemon.held?.lease.key;
    if (key === undefined) return `${machine.name} has no lease`;
    const node = daemon.app.status.sources.node!;
    const isOwn = records.get(key)?.value.includes(`"NodeID":"${node.id}"`) === true;
    if (!isOwn && !daemon.reportsConflict) return `${machine.name} believes in ${key}, which is not its own`;
    if (!isOwn) return `${machine.name} has lost ${key}`;
    const differs = difference(world, machine);
    if (differs !== undefined) return `the kernel of ${machine.name} is not as it should be: ${differs}`;
    if (!daemon.app.status.isReady) return `${machine.name} is not ready`;
  }
  return undefined;
}

/** Rule 5 as users see it: one change, and a second later it is everywhere. */
async function oneSecond(world: World): Promise<void> {
  const { etcd, machines, random } = world;
  const key = "10.5.200.0-24";
  const backendData = { 4: { VNI: 1, VtepMAC: "02:00:00:00:02:01" } };
  const lease = encodeLease({ publicAddress: { 4: underlay(150) }, backendType: world.setup.backend, backendData });
  const last = random.stream("last");
  const tests: [string, () => void][] = [
    ["a lease was written", () => etcd.put(key, lease)],
    ["it was deleted", () => etcd.delete(key)],
    [
      "somebody deleted an object",
      () => {
        const { kernel } = last.pick(machines);
        const keys = [...kernel.objects.keys()].filter((each) => !each.startsWith("sysctl "));
        if (keys.length > 0) kernel.delete(last.pick(keys));
      },
    ],
  ];
  for (const [what, act] of tests) {
    world.trace.add("", `LAST: ${what}`);
    act();
    await pass(world, ONE_SECOND);
    for (const machine of machines) {
      const differs = difference(world, machine);
      if (differs !== undefined) {
        world.judge.violated("5 convergence", `a second after ${what}, the kernel of ${machine.name}: ${differs}`);
      }
    }
  }
}

/** A rejection that nobody handles ends a real daemon. */
function watchForDefects(world: World): () => void {
  const onRejection = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    world.judge.violated("defect", `an unhandled rejection: ${text}`);
  };
  process.on("unhandledRejection", onRejection);
  return () => process.off("unhandledRejection", onRejection);
}
