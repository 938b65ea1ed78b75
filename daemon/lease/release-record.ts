// Gives leases back: deletes records by compare-and-swap, if they are as they were read, and leaves a release mark.
import type { Log } from "../log.ts";
import type { DeleteResult, Entry, SubnetStore } from "../store/port.ts";
import { type Claimant, isOwnRecord } from "./choice.ts";

/** A reservation is the user's and stays, and so does a record of another's. */
export type ReleaseOutcome = "released" | "reserved" | "not ours";

/** Deletes a record of this node's own, and marks that. Only the deletion must succeed. */
export async function deleteRecord(
  { store, log }: { readonly store: SubnetStore; readonly log: Log },
  { key, modRevision }: Entry,
  signal: AbortSignal,
  onGone: () => void = () => undefined,
): Promise<DeleteResult> {
  const result = await store.delete(key, modRevision, signal);
  if (result.ok) {
    onGone();
    await store.markReleased(key, modRevision, signal).catch((error: unknown) => {
      log.debug({ lease: key, err: error }, "the end of a lease could not be marked");
    });
  }
  return result;
}

/**
 * @param held the record as it was held, under its key
 * @param onGone called as soon as it is deleted, before what is less urgent
 */
export async function releaseRecord(
  options: { readonly store: SubnetStore; readonly log: Log },
  held: { readonly lease: { readonly key: string }; readonly value: string },
  claimant: Claimant,
  signal: AbortSignal,
  onGone: () => void,
): Promise<ReleaseOutcome> {
  const { store, log } = options;
  const { entries } = await store.snapshot(signal);
  const entry = entries.find(({ key }) => key === held.lease.key);
  if (entry === undefined) return "released";
  if (entry.value !== held.value && !isOwnRecord(entry, claimant)) return "not ours";
  if (entry.lease === 0n) return "reserved";
  const result = await deleteRecord(options, entry, signal, onGone);
  if (!result.ok && result.current !== undefined) return "not ours";
  // The record is gone; its store lease would only linger.
  await store.revoke(entry.lease, signal).catch((error: unknown) => {
    log.debug({ err: error }, "the store lease could not be revoked; it ends by itself");
  });
  return "released";
}
