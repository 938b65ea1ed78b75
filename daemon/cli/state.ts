// `loden plan` and `loden state`: what the kernel should hold, what it holds, and what would be done about it and why. From
// the running daemon, or alone where none runs. Neither changes anything.
import { sys } from "#sys";
import { LodenError } from "#spec/errors";
import type { PeerTrafficCounts, StateDocument, TrafficCounts } from "#spec/state-document";
import { statusPaths } from "#spec/status";
import { readInvocation, type Options } from "../options.ts";
import { askState } from "../state-socket.ts";
import { isLocked } from "./daemon-lock.ts";

type View = "plan" | "state";

const ABOUT: Readonly<Record<View, string>> = {
  plan: "Tells what would change in the kernel of this host, and why. Changes nothing.",
  state: "Tells what the kernel of this host should hold, what it holds, and the difference. Changes nothing.",
};

/** Exit statuses; 1 is for errors, as everywhere. */
const EXIT = { same: 0, differs: 4 } as const;

const SIGNS = { add: "+", update: "~", remove: "-" } as const;

function usage(view: View): string {
  return `${ABOUT[view]}

usage: loden ${view} [--json] [lodend's flags]

  --json      ${view === "plan" ? "the changes as JSON" : "the whole document as JSON (spec/state-document.md)"}

A running lodend is asked, of which --subnet-file tells the socket. Where none runs, the flags and the environment that
lodend would be started with count, and the state that it left in --state-dir; the store is not asked.

Exit status: 0 nothing differs, 1 it cannot be told, 2 bad usage, ${EXIT.differs} something differs.
`;
}

export async function runState(view: View, args: readonly string[]): Promise<number> {
  const isJson = args.some((arg) => /^--?json(=true)?$/.test(arg));
  const rest = args.filter((arg) => !/^--?json(=(true|false))?$/.test(arg));
  const invocation = readInvocation(rest, process.env);
  if (invocation.action !== "run") {
    process.stdout.write(usage(view));
    return EXIT.same;
  }
  const document = await readState(invocation.options);
  process.stdout.write(isJson ? asJson(view, document) : asText(view, document));
  return document.changes.length === 0 && Object.keys(document.unread).length === 0 ? EXIT.same : EXIT.differs;
}

async function readState(options: Options): Promise<StateDocument> {
  const { lock, socket } = statusPaths(options.subnetFile);
  if (!isLocked(sys, lock)) {
    const { offlineState } = await import("./offline-state.ts");
    return offlineState(options);
  }
  let text: string;
  try {
    text = await askState(socket);
  } catch (cause) {
    const advice = "it has no lease yet, or is of an earlier version: `loden status` tells";
    throw new LodenError("ERR_NOT_READY", `lodend runs, but does not answer at ${socket}: ${advice}`, { cause });
  }
  const document = JSON.parse(text) as StateDocument & { readonly error?: string };
  if (document.error !== undefined) throw new LodenError("ERR_INTERNAL", `lodend could not tell: ${document.error}`);
  return document;
}

function asJson(view: View, document: StateDocument): string {
  const { source, written, changes, unread } = document;
  const shown = view === "state" ? document : { source, written, changes, unread };
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

function asText(view: View, document: StateDocument): string {
  const { source, written, desired, actual, changes, unread, failed, fights, traffic = [] } = document;
  const changed = new Map(changes.map((change) => [change.key, change]));
  const head =
    source === "lodend"
      ? "by the running lodend:"
      : `lodend is not running; by the state that it left, of ${written ?? "?"}, a start would want:`;
  const same = view === "plan" ? [] : desired.filter(({ key }) => !changed.has(key)).map(({ key }) => `  = ${key}`);
  const lines = changes.map(({ change, key, because, reason }) => {
    const whose = change === "remove" ? "" : ` (wanted by ${because})`;
    return `  ${SIGNS[change]} ${key}${whose}: ${reason}`;
  });
  const counts = `${desired.length} objects wanted, ${actual.length} found, ${changes.length} to change`;
  return [
    head,
    ...same,
    ...lines,
    ...(view === "plan" ? [] : traffic.map((counts) => trafficText(counts, desired))),
    ...Object.entries(unread).map(([kind, text]) => `  ! what there is of kind ${kind} cannot be read: ${text}`),
    ...failed.map(({ key, text, tries }) => `  ! ${key} was refused ${tries} times: ${text}`),
    ...fights.map(
      ({ key, repairs, by }) => `  ! ${key} was altered ${repairs} times by ${by.join(", ") || "somebody"}`,
    ),
    changes.length === 0 ? `nothing to change: ${desired.length} objects are as they should be` : counts,
    "",
  ].join("\n");
}

/** Whose subnets a node has stands in the objects that lead there. */
function trafficText({ endpoint, sent, received }: PeerTrafficCounts, desired: StateDocument["desired"]): string {
  const subnets = desired.flatMap(({ kind, spec }) =>
    kind === "tunnel-peer" && spec["endpoint"] === endpoint ? [String(spec["subnet"])] : [],
  );
  const counted = ({ packets, bytes, dropped }: TrafficCounts): string =>
    `${packets} packets, ${bytes} bytes${dropped === 0 ? "" : ` and ${dropped} dropped`}`;
  return `  # ${endpoint} (${subnets.join(", ") || "no peer"}): sent ${counted(sent)}; received ${counted(received)}`;
}
