// `loden drain`: takes this host out of the fabric for good. Looks whether containers are attached, has the daemon give the
// lease back and end, and tells whether it did (spec/decisions/release.md).
import { sys } from "#sys";
import { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import { parseStatus, type Status, statusPaths } from "#spec/status";
import { systemFiles } from "../atomic-file.ts";
import { systemClock } from "../clock.ts";
import type { PerFamily } from "../lease/types.ts";
import { attachedContainers } from "../node/containers.ts";
import { readHost } from "../node/host.ts";
import { FLAGS } from "../options/table.ts";
import { isLocked } from "./daemon-lock.ts";
import { type CommandFlags, describeFlags, readFlags } from "./flags.ts";

const DRAIN_FLAGS = {
  "subnet-file": {
    kind: "string",
    default: FLAGS["subnet-file"].default,
    value: "FILE",
    help: "the daemon's --subnet-file",
  },
  force: { kind: "boolean", default: false, help: "also while containers are attached: they lose their connections" },
} as const satisfies CommandFlags;

const USAGE = `Gives this host's subnet back to the network and stops its daemon. Another host may then be given the subnet.

usage: loden drain [flags]

${describeFlags(DRAIN_FLAGS)}

Exit status: 0 the lease is given back, 1 it is not, 2 bad usage, 3 no daemon runs.
`;

const EXIT = { drained: 0, notDrained: 1, notRunning: 3 } as const;

/** The daemon takes 10 s at most to reach the store, and then ends. */
const END_LIMIT_MS = 20_000;
const LOOK_INTERVAL_MS = 50;

/** So many containers are named. */
const NAMED = 10;

export async function runDrain(args: readonly string[]): Promise<number> {
  const { flags, help } = readFlags(DRAIN_FLAGS, args);
  if (help) {
    process.stdout.write(USAGE);
    return EXIT.drained;
  }
  const paths = statusPaths(flags["subnet-file"]);
  const before = readStatus(paths.status);
  if (before === undefined || !isLocked(sys, paths.lock)) {
    const advice = "its lease, if it has one, ends by itself; to end it now start lodend and drain then";
    process.stdout.write(`lodend is not running on this host: ${advice}\n`);
    return EXIT.notRunning;
  }
  const attached = attachedTo(before);
  if (attached.length > 0 && !flags.force) {
    throw new LodenError(
      "ERR_LEASE_CONFLICT",
      `${attached.length} containers are attached (${attached.slice(0, NAMED).join(", ")}): move them away first, or --force`,
    );
  }
  process.kill(before.pid, "SIGUSR2");
  for (let waited = 0; isLocked(sys, paths.lock); waited += LOOK_INTERVAL_MS) {
    if (waited > END_LIMIT_MS) throw new LodenError("ERR_NOT_READY", `lodend (pid ${before.pid}) does not end`);
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
  const after = readStatus(paths.status);
  const problem = after?.problems.find(({ text }) => text.includes("is not given back"));
  if (problem !== undefined) {
    process.stdout.write(`lodend has stopped, but ${problem.text}\n`);
    return EXIT.notDrained;
  }
  const subnets = before.lease?.subnets.join(", ");
  process.stdout.write(subnets === undefined ? "lodend has stopped; it held no lease\n" : `given back: ${subnets}\n`);
  return EXIT.drained;
}

function attachedTo({ lease }: Status): string[] {
  const subnets: PerFamily<Prefix> = {};
  for (const text of lease?.subnets ?? []) {
    const prefix = Prefix.parse(text);
    subnets[prefix.family] = prefix;
  }
  return attachedContainers(readHost(sys, undefined), subnets);
}

function readStatus(file: string): Status | undefined {
  const text = systemFiles.read(file);
  return text === undefined ? undefined : parseStatus(text);
}
