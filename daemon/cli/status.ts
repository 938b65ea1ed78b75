// `loden status`: what the daemon of this host says about itself (spec/status-file.md), for people or as JSON, with an
// exit status for scripts: 0 ready, 1 not ready, 3 no daemon running.
import { readFileSync } from "node:fs";
import { sys } from "#sys";
import { LodenError } from "#spec/errors";
import {
  type DatapathStatus,
  type DatapathWorkerStatus,
  parseStatus,
  type PeerProbe,
  type Problem,
  type ResidentStatus,
  type Status,
  statusPaths,
} from "#spec/status";
import { readBootId } from "../node/identity.ts";
import { FLAGS } from "../options/table.ts";
import { isLocked } from "./daemon-lock.ts";
import { type CommandFlags, describeFlags, readFlags } from "./flags.ts";

const STATUS_FLAGS = {
  "subnet-file": {
    kind: "string",
    default: FLAGS["subnet-file"].default,
    value: "FILE",
    help: "the daemon's --subnet-file",
  },
  json: { kind: "boolean", default: false, help: "print the status document as it is" },
} as const satisfies CommandFlags;

const USAGE = `Tells what the daemon on this host is doing, and what is wrong.

usage: loden status [flags]

${describeFlags(STATUS_FLAGS)}

Exit status: 0 the node is ready, 1 it is not, 2 bad usage, 3 no daemon runs.
`;

const EXIT = { ready: 0, notReady: 1, notRunning: 3 } as const;

export function runStatus(args: readonly string[]): Promise<number> {
  const { flags, help } = readFlags(STATUS_FLAGS, args);
  if (help) {
    process.stdout.write(USAGE);
    return Promise.resolve(EXIT.ready);
  }
  const paths = statusPaths(flags["subnet-file"]);
  const isAlive = isLocked(sys, paths.lock);
  const text = readText(paths.status);
  const status = text === undefined ? undefined : parseStatus(text);
  if (text !== undefined && status === undefined) {
    throw new LodenError("ERR_CONFIG", `${paths.status} is not a status document that this version can read`);
  }
  if (status === undefined) {
    const where = `there is no ${paths.status}`;
    process.stdout.write(isAlive ? `lodend is starting: ${where} yet\n` : `lodend is not running: ${where}\n`);
    return Promise.resolve(isAlive ? EXIT.notReady : EXIT.notRunning);
  }
  process.stdout.write(flags.json ? text! : describeStatus(status, isAlive, readBootId()));
  if (!isAlive) return Promise.resolve(EXIT.notRunning);
  return Promise.resolve(status.ready ? EXIT.ready : EXIT.notReady);
}

/** The status as lines for people. */
export function describeStatus(status: Status, isAlive: boolean, bootId: string): string {
  const { lease, peers, kernel, store, sourceFilter, resident, probes, datapath, datapathWorker } = status;
  const rows: [string, string][] = [
    ["node", status.nodeId ?? "-"],
    ["interface", status.interface === null ? "-" : `${status.interface.name}, MTU ${status.interface.mtu}`],
    ["network", `${status.networks.join(", ") || "-"}${status.backend === null ? "" : ` (${status.backend})`}`],
    ["lease", lease === null ? "-" : `${lease.subnets.join(", ")} for ${lease.publicAddresses.join(", ")}`],
    [
      "",
      lease === null ? "" : lease.expires === null ? "reserved, without end" : `until ${lease.expires} unless renewed`,
    ],
    ["store", `${store.name}${store.trouble === null ? "" : `: ${store.trouble.text}`}`],
    ["peers", `${peers.known}${countText(peers.unusable, "unusable")}`],
    ["kernel", `${kernel.objects} objects${countText(kernel.failed, "failing")}`],
    // Absent in the documents of older daemons.
    ["cni", resident ? residentText(resident) : ""],
    ["datapath", datapathWorker ? workerText(datapathWorker) : datapath ? kernelText(datapath) : ""],
    ["", datapath ? dropsText(datapath) : ""],
    ["paths", probes ? pathsText(probes) : ""],
    ["filter", sourceFilter ? `peers alone; ${sourceFilter.dropped} packets of others dropped` : ""],
  ];
  const lines = rows.filter(([, value]) => value !== "").map(([name, value]) => `  ${name.padEnd(10)} ${value}`);
  return [
    headline(status, isAlive, bootId),
    ...lines,
    ...listed("unusable", peers.unusable),
    ...listed("failing", kernel.failed),
    ...status.problems.map((problem) => `  problem    ${problemText(problem)}`),
    "",
  ].join("\n");
}

function residentText({ state, socket, pid, reason }: ResidentStatus): string {
  const why = reason === null ? "" : `: ${reason}`;
  return state === "serving"
    ? `resident plugins at ${socket}, pid ${pid ?? "-"}`
    : `plugins run stand-alone; the resident ones are ${state}${why}`;
}

function kernelText({ attachment }: DatapathStatus): string {
  return `the kernel, by BPF programs in ${attachment ?? "-"}`;
}

function dropsText({ drops }: DatapathStatus): string {
  const reasons = Object.entries(drops).map(([reason, count]) => `${count} ${reason}`);
  return reasons.length === 0 ? "" : `dropped: ${reasons.join(", ")}`;
}

function workerText({ state, restarts, reason }: DatapathWorkerStatus): string {
  const before = restarts === 0 || reason === null ? "" : `; started again ${restarts} times, last as ${reason}`;
  return state === "running" ? `a thread of lodend${before}` : `waiting for its thread: ${reason ?? ""}`;
}

function pathsText(probes: readonly PeerProbe[]): string {
  const silent = probes.filter(({ underlay }) => underlay.loss === 1).length;
  return `${probes.length} probed${silent === 0 ? "" : `, ${silent} without an answer from their node`}`;
}

function headline(status: Status, isAlive: boolean, bootId: string): string {
  if (!isAlive) {
    const isOld = bootId !== "" && status.bootId !== bootId;
    const last =
      status.phase === "failed" && status.reason !== null ? `; it ended with: ${problemText(status.reason)}` : "";
    return `lodend is not running${isOld ? " since the last boot" : `; the data path is as it was left at ${status.updated}`}${last}`;
  }
  if (status.ready) return `ready (lodend ${status.version}, pid ${status.pid}, since ${status.started})`;
  const reason = status.reason === null ? "" : `: ${problemText(status.reason)}`;
  return `not ready, in phase ${status.phase}${reason}`;
}

function listed(title: string, entries: Readonly<Record<string, string>>): string[] {
  return Object.entries(entries).map(([key, text]) => `  ${title.padEnd(10)} ${key}: ${text}`);
}

function problemText({ code, text, since }: Problem): string {
  return `${text} [${code} since ${since}]`;
}

function countText(entries: Readonly<Record<string, string>>, what: string): string {
  const count = Object.keys(entries).length;
  return count === 0 ? "" : `, ${count} ${what}`;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
