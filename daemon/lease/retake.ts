// Takes a record again that was lost, where nobody else has it.
import type { SubnetStore, WriteResult } from "../store/port.ts";
import { type Claimant, isFlannelsForUs } from "./choice.ts";
import { renewUnlessSilent } from "./conflict.ts";

export interface Retaking {
  readonly key: string;
  /** The value that the record is to have. */
  readonly text: string;
  /** Values that this node may have written itself. */
  readonly ours: readonly string[];
  readonly claimant: Claimant;
  /** Life of the new record, in seconds. */
  readonly ttl: number;
  /** The same where flannel has written over ours: undefined makes a reservation one again. */
  readonly flannelTtl: number | undefined;
}

/** Resolves to the record, or to what stands in its place. */
export async function retake(
  store: SubnetStore,
  { key, text, ours, claimant, ttl, flannelTtl }: Retaking,
  signal: AbortSignal,
): Promise<WriteResult> {
  const result = await store.put(key, text, { expect: 0n, ttl }, signal);
  if (result.ok || result.current === undefined) return result;
  const { current } = result;
  if (ours.includes(current.value)) {
    // Our own record after all: a write of ours whose answer was lost, or one that came back with its store.
    const left = current.lease === 0n ? ttl : await renewUnlessSilent(store, current, signal);
    if (left > 0) return { ok: true, entry: current };
    return store.put(key, text, { expect: current.modRevision, ttl }, signal);
  }
  if (!isFlannelsForUs(current, claimant)) return result;
  return store.put(key, text, { expect: current.modRevision, ttl: flannelTtl }, signal);
}
