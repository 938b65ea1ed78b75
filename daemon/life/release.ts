// The end of a lease by intent: `lodend --release` when it is stopped, `loden drain` at any time
// (spec/decisions/release.md). A daemon that just ends leaves its lease, as containers go on talking.
import { errorText, LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import type { LeaseHolder } from "../lease/holder.ts";
import { attachedContainers } from "../node/containers.ts";

/** The reason of an abort that asks for the lease to be given back, whatever is attached: `loden drain` has looked. */
export class DrainRequest extends Error {
  override readonly name = "DrainRequest";
}

/** A store that is away must not keep a host from going down. */
const RELEASE_LIMIT_MS = 10_000;

/** So many containers are named. */
const NAMED = 5;

/**
 * Gives the lease back if that was asked for; resolves to whether it is. What stands in the way is logged and stands in the status; it is no error,
 * as the lease then ends by itself.
 */
export async function releaseLease(context: AppContext, holder: LeaseHolder, isDrain: boolean): Promise<boolean> {
  const { options, ports, troubles, log, status } = context;
  const { held } = holder;
  if (held === undefined || !(isDrain || options.release)) return false;
  const key = held.lease.key;
  try {
    const attached = isDrain ? [] : attachedContainers(ports.readHost(), held.lease.subnet);
    if (attached.length > 0) {
      const names = attached.slice(0, NAMED).join(", ");
      throw new LodenError(
        "ERR_LEASE_CONFLICT",
        `${attached.length} containers are attached (${names}${attached.length > NAMED ? ", …" : ""})`,
      );
    }
    // Nobody may attach a container to a subnet that is somebody else's, and the next start asks for no particular one.
    const onGone = (): void => ports.files.remove(options.subnetFile);
    const outcome = await withLimit(context, (signal) => holder.release(signal, onGone));
    if (outcome !== "released") {
      throw new LodenError(
        "ERR_LEASE_CONFLICT",
        outcome === "reserved" ? "it is a reservation" : "another node has it, or it was never confirmed",
      );
    }
    onGone();
    status.sources.lease = () => undefined;
    troubles.report("release", undefined);
    log.info({ lease: key }, "the lease is given back, and the subnet file is gone");
    return true;
  } catch (error) {
    const text = `the lease ${key} is not given back: ${errorText(error)}; it ends by itself unless a daemon renews it`;
    troubles.report("release", new LodenError("ERR_LEASE_CONFLICT", text, { cause: error }));
    return false;
  }
}

async function withLimit<T>({ ports }: AppContext, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const done = new AbortController();
  const late = new LodenError("ERR_STORE_UNAVAILABLE", `the store did not answer within ${RELEASE_LIMIT_MS / 1_000} s`);
  ports.clock
    .sleep(RELEASE_LIMIT_MS, done.signal)
    .then(() => limit.abort(late))
    .catch(() => undefined);
  try {
    return await act(limit.signal);
  } finally {
    done.abort();
  }
}
