// Follows the store for as long as the daemon lives: the peers' leases go to the reconciler, our own to its holder, and
// a changed configuration to the keeper of the fabric.
import type { AppContext } from "../app.ts";
import type { AddressGuard } from "../lease/address-guard.ts";
import type { LeaseHolder } from "../lease/holder.ts";
import type { PeerTable } from "../lease/peers.ts";
import type { ReleaseMarker } from "../lease/release-marks.ts";
import type { Reconciler } from "../reconcile/loop.ts";
import type { Entry, StoreEvent, WatchResult } from "../store/port.ts";
import type { FabricKeeper } from "./fabric-keeper.ts";
import { LAST_STATE_TROUBLE } from "./last-state.ts";

/** What is told of leases: the reconciler, and whatever else acts on them. */
export type LeaseSink = Pick<Reconciler, "replaceLeases" | "putLease" | "deleteLease">;

export interface Followers {
  readonly holder: LeaseHolder;
  readonly peers: PeerTable;
  readonly marker: ReleaseMarker;
  readonly guard: AddressGuard;
  /** All of them are told of each lease. */
  readonly reconciler: LeaseSink;
  readonly fabric: FabricKeeper;
  /** Called after each result. */
  readonly onChange: () => void;
}

/** Ends when `signal` aborts. @param onPeersKnown called after each complete list of leases */
export async function follow(
  context: AppContext,
  { holder, peers, marker, guard, reconciler, fabric, onChange }: Followers,
  onPeersKnown: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { ports, troubles, status } = context;
  const onTrouble = (error: Error | undefined): void => troubles.report("store", error);
  for await (const result of ports.store.watch({ signal, onTrouble })) {
    troubles.report("store", undefined);
    troubles.report(LAST_STATE_TROUBLE, undefined);
    holder.observe(result);
    marker.observe(result);
    const change = peers.apply(result);
    guard.take(change);
    if (change.type === "all") {
      fabric.peersKnown();
      reconciler.replaceLeases(change.leases);
      if (result.type === "snapshot" && result.restored) void forgetMissed(context, { peers, reconciler }, signal);
      onPeersKnown();
    } else {
      // What is gone first: another lease may have its subnet or its node's MAC now.
      for (const key of change.deleted) reconciler.deleteLease(key);
      for (const lease of change.put) reconciler.putLease(lease);
    }
    if (result.type === "snapshot" || result.events.some((event) => keyOf(event) === "config")) {
      fabric.takeConfig(configOf(result)?.value);
    }
    onChange();
    status.changed();
  }
}

/** Peers whose leases a restored store does not hold go when those leases would have ended by themselves. */
async function forgetMissed(
  { ports, options, status }: AppContext,
  { peers, reconciler }: Pick<Followers, "peers" | "reconciler">,
  signal: AbortSignal,
): Promise<void> {
  const { restorations } = peers;
  try {
    await ports.clock.sleep(options.leaseTtlSeconds * 1_000, signal);
  } catch {
    return;
  }
  for (const key of peers.forgetMissed(restorations)) reconciler.deleteLease(key);
  status.changed();
}

/** The configuration as of a result; undefined where there is none, or where events do not tell of it. */
export function configOf(result: WatchResult): Entry | undefined {
  if (result.type === "snapshot") return result.config;
  const last = result.events.findLast((event) => keyOf(event) === "config");
  return last?.type === "put" ? last.entry : undefined;
}

function keyOf(event: StoreEvent): string {
  return event.type === "put" ? event.entry.key : event.key;
}
