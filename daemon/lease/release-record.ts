// Gives a lease back: deletes its record by compare-and-swap, if it is still the one that was held.
import type { Log } from "../log.ts";
import type { SubnetStore } from "../store/port.ts";
import { type Claimant, isOwnRecord } from "./choice.ts";

/** A reservation is the user's and stays, and so does a record of another's. */
export type ReleaseOutcome = "released" | "reserved" | "not ours";

/** @param held the record as it was held, under its key */
export async function releaseRecord(
  { store, log }: { readonly store: SubnetStore; readonly log: Log },
  held: { readonly lease: { readonly key: string }; readonly value: string },
  claimant: Claimant,
  signal: AbortSignal,
): Promise<ReleaseOutcome> {
  const { entries } = await store.snapshot(signal);
  const entry = entries.find(({ key }) => key === held.lease.key);
  if (entry === undefined) return "released";
  if (entry.value !== held.value && !isOwnRecord(entry, claimant)) return "not ours";
  if (entry.lease === 0n) return "reserved";
  const result = await store.delete(entry.key, entry.modRevision, signal);
  if (!result.ok && result.current !== undefined) return "not ours";
  // The record is gone; its store lease would only linger.
  await store.revoke(entry.lease, signal).catch((error: unknown) => {
    log.debug({ err: error }, "the store lease could not be revoked; it ends by itself");
  });
  return "released";
}
