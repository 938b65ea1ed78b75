// `loden cleanup`: takes away what Loden made on this host and leaves what others made (spec/decisions/firewall.md,
// ownership-marks.md). Containers lose their connections to other hosts, so it refuses while a daemon runs.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { sys } from "#sys";
import { Prefix } from "#kernel/ip/prefix";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { errorText, LodenError } from "#spec/errors";
import { FLAGS } from "../../options/table.ts";
import { isLocked } from "../daemon-lock.ts";
import { type CommandFlags, describeFlags, readFlags } from "../flags.ts";
import { CLEANUP_KINDS } from "./kinds.ts";
import type { CleanupContext, Found } from "./port.ts";

const CLEANUP_FLAGS = {
  "etcd-prefix": {
    kind: "string",
    default: "",
    value: "path",
    help: "only what the daemon with this --etcd-prefix made; without it, what any did",
  },
  "subnet-file": {
    kind: "string",
    default: FLAGS["subnet-file"].default,
    value: "FILE",
    help: "the daemon's --subnet-file",
  },
  "state-dir": { kind: "string", default: FLAGS["state-dir"].default, value: "DIR", help: "the daemon's --state-dir" },
  files: {
    kind: "boolean",
    default: false,
    help: "remove the daemon's files too: subnet file, status, last known state",
  },
  flannel: {
    kind: "boolean",
    default: false,
    help: "remove flannel's chains and tables too, where nothing tells whose they are",
  },
  "dry-run": { kind: "boolean", default: false, help: "tell what would be removed, and remove nothing" },
  force: { kind: "boolean", default: false, help: "also while lodend runs, which will make it all again" },
} as const satisfies CommandFlags;

const USAGE = `Removes what Loden made on this host: routes, nftables tables, iptables chains, devices. What others made stays, and so do
sysctls, which others may rely on. Containers lose their connections to other hosts.

usage: loden cleanup [flags]

${describeFlags(CLEANUP_FLAGS)}

Exit status: 0 all is gone, 1 something is left or lodend runs, 2 bad usage.
`;

const EXIT = { clean: 0, left: 1 } as const;

export function runCleanup(args: readonly string[]): Promise<number> {
  const { flags, help } = readFlags(CLEANUP_FLAGS, args);
  if (help) {
    process.stdout.write(USAGE);
    return Promise.resolve(EXIT.clean);
  }
  const running = flags.force ? undefined : lockedBy(flags["subnet-file"]);
  if (running !== undefined && !flags["dry-run"]) {
    throw new LodenError(
      "ERR_CONFIG",
      `lodend runs on this host (it holds ${running}): stop it first, or --force, and it will make all of it again`,
    );
  }
  using socket = NetlinkSocket.open(sys);
  const isClean = clean(
    {
      sys,
      socket,
      prefix: flags["etcd-prefix"] === "" ? undefined : flags["etcd-prefix"],
      subnetFile: flags["subnet-file"],
      stateDirectory: flags["state-dir"],
      networks: networksOf(flags["subnet-file"]),
      withFlannel: flags.flannel,
      withFiles: flags.files,
    },
    flags["dry-run"],
    (line) => process.stdout.write(`${line}\n`),
  );
  return Promise.resolve(isClean ? EXIT.clean : EXIT.left);
}

/** Goes through the kinds; what fails is told and stops nothing. True when nothing is left that should not be. */
export function clean(context: CleanupContext, isDryRun: boolean, tell: (line: string) => void): boolean {
  let removed = 0;
  let failed = 0;
  for (const kind of CLEANUP_KINDS) {
    const { name } = kind;
    let found: Found;
    try {
      found = kind.find(context);
    } catch (error) {
      failed++;
      tell(`${name} cannot be looked at: ${errorText(error)}`);
      continue;
    }
    for (const leftover of found.leftovers) {
      try {
        if (!isDryRun) leftover.remove();
        removed++;
        tell(`${isDryRun ? "would remove" : "removed"} ${leftover.name}`);
      } catch (error) {
        failed++;
        tell(`${leftover.name} cannot be removed: ${errorText(error)}`);
      }
    }
    for (const note of found.notes ?? []) tell(note);
  }
  if (removed + failed === 0) tell("there is nothing of Loden's to remove");
  return failed === 0;
}

/** The lock that a daemon holds, of all that have their files in the subnet file's directory. */
function lockedBy(subnetFile: string): string | undefined {
  const directory = path.dirname(path.resolve(subnetFile));
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return undefined;
  }
  return names
    .filter((name) => name.endsWith("loden.lock"))
    .map((name) => path.join(directory, name))
    .find((lock) => isLocked(sys, lock));
}

function networksOf(subnetFile: string): Prefix[] {
  let text: string;
  try {
    text = readFileSync(subnetFile, "utf8");
  } catch {
    return [];
  }
  return [...text.matchAll(/^FLANNEL_(?:IPV6_)?NETWORK=(\S+)$/gm)]
    .flatMap(([, list = ""]) => list.split(","))
    .flatMap((one) => Prefix.tryParse(one)?.masked ?? []);
}
