// An inspection as a document (spec/state-document.md): values as text, and a reason for every change.
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { errorText } from "#spec/errors";
import { STATE_FORMAT, type PeerTrafficCounts, type StateChange, type StateDocument } from "#spec/state-document";
import type { Inspection } from "./reconcile/inspect.ts";
import type { Change } from "./reconcile/port.ts";
import type { ReconcilerState } from "./reconcile/reconciler.ts";

export interface StateOrigin {
  readonly source: StateDocument["source"];
  readonly nodeId: string;
  readonly written?: string;
}

export function stateDocument(
  origin: StateOrigin,
  { desired, actual, changes, unread }: Inspection,
  { failed, fights }: Pick<ReconcilerState, "failed" | "fights">,
  traffic?: readonly PeerTrafficCounts[],
): StateDocument {
  return {
    format: STATE_FORMAT,
    ...origin,
    desired: desired.map(({ key, kind, spec, because }) => ({ key, kind, because, spec: plain(spec) })),
    actual: actual.map(({ key, kind, spec, ours }) => ({ key, kind, ours, spec: plain(spec) })),
    changes: changes.map(shownChange),
    unread: Object.fromEntries([...unread].map(([kind, error]) => [kind, errorText(error)])),
    failed: failed.map(({ key, error, tries }) => ({ key, text: errorText(error), tries })),
    ...(traffic === undefined ? {} : { traffic }),
    fights: fights.map(({ key, repairs, by }) => ({ key, repairs, by })),
  };
}

function shownChange(change: Change): StateChange {
  if (change.type === "remove") {
    const reason = "it bears this daemon's mark, and nothing wants it";
    return { change: "remove", key: change.actual.key, because: "no longer wanted", reason };
  }
  const { key, because } = change.object;
  if (change.type === "add") return { change: "add", key, because, reason: "it is missing" };
  return { change: "update", key, because, reason: difference(change) };
}

function difference({ object, actual }: Extract<Change, { type: "update" }>): string {
  if (actual.untouchable !== undefined) return `it stays: what is there ${actual.untouchable}`;
  // A table's text is no help to anybody, and what an earlier process wrote is not known to be as it was.
  if (object.kind === "nft-table") return "it is not known to be as this daemon writes it, and is written anew";
  const [want, is] = [flat(plain(object.spec)), flat(plain(actual.spec))];
  const names = [...new Set([...want.keys(), ...is.keys()])];
  const differing = names
    .filter((name) => want.get(name) !== is.get(name))
    .map((name) => `${name} is ${is.get(name) ?? "absent"}, wanted ${want.get(name) ?? "absent"}`);
  if (differing.length > 0) return differing.join("; ");
  return "it is as wanted but lacks this daemon's mark";
}

/** Nested fields by their path: `detail.vni`. */
function flat(value: Readonly<Record<string, unknown>>, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, field] of Object.entries(value)) {
    if (typeof field === "object" && field !== null && !Array.isArray(field)) {
      for (const [inner, text] of flat(field as Record<string, unknown>, `${path}${name}.`)) found.set(inner, text);
    } else found.set(path + name, typeof field === "string" ? field : JSON.stringify(field));
  }
  return found;
}

function plain(spec: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(spec).flatMap(([name, value]) => (value === undefined ? [] : [[name, plainValue(value)]])),
  );
}

function plainValue(value: unknown): unknown {
  if (value instanceof Address || value instanceof Prefix || value instanceof Mac) return value.toString();
  if (Array.isArray(value)) return value.map(plainValue);
  return typeof value === "object" && value !== null ? plain(value) : value;
}
