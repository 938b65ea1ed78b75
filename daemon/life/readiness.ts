// From a lease to a node that is ready, and keeping it so: the reconciler with all that it is to hold, a journal of what
// it reports, the subnet file, and the truth about readiness.
import { LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import type { ExtrasOptions } from "../fabric.ts";
import type { AddressGuard } from "../lease/address-guard.ts";
import type { LeaseHolder } from "../lease/holder.ts";
import type { Log } from "../log.ts";
import type { Options } from "../options.ts";
import type { Fight } from "../reconcile/fights.ts";
import { createReconciler, type Fabric, type ReconcileEvent, type Reconciler } from "../reconcile/loop.ts";
import type { Marks } from "../reconcile/marks.ts";
import { BASE } from "../reconcile/objects.ts";
import type { Repair } from "../reconcile/reconciler.ts";
import { collector, MemoryKeeper } from "./memory.ts";
import { writeSubnetFile } from "../subnet-file.ts";
import { codeOf } from "../troubles.ts";
import { VERSION } from "../version.ts";

/** What the daemon wants of the kernel besides its backend's objects. */
export function extrasOptions(options: Options, marks: Marks): ExtrasOptions {
  return {
    masquerade: options.ipMasq,
    fullyRandom: options.fullyRandom,
    forward: options.forwardRules,
    firewall: options.firewall,
    blackhole: options.blackholeRoute,
    sourceFilter: options.sourceFilter,
    nftTable: marks.nftTable,
    peersTable: marks.peersTable,
  };
}

/** A reconciler that works from now on until `signal` aborts, and then leaves the kernel as it is. */
export function startReconciler(
  { options, ports, status }: AppContext,
  marks: Marks,
  fabric: Fabric,
  journal: ReconcileJournal,
  signal: AbortSignal,
): Reconciler {
  const memory = new MemoryKeeper(ports.clock, collector());
  const reconciler = createReconciler({
    kernel: ports.openKernel(marks),
    clock: ports.clock,
    fabric,
    onEvent: (event) => {
      journal.take(event);
      if (event.type === "pass") memory.passed(event.changes);
    },
    resyncMs: options.resyncSeconds * 1_000,
  });
  status.sources.kernel = () => reconciler.state();
  reconciler.start(signal);
  return reconciler;
}

/** So many failing peers' objects are logged one by one between two passes; the status has their number. */
const FAILURES_LOGGED = 20;

/** Turns what the reconciler reports into log lines and faults. */
export class ReconcileJournal {
  readonly #context: AppContext;
  readonly #log: Log;
  /** Objects of this node's own part that the kernel does not take. */
  readonly #failing = new Map<string, Error>();
  #failuresLogged = 0;
  /** As of the last pass, all that this node needs is in the kernel. */
  isReady = false;
  /** Called after each pass. */
  onPass: () => void = () => undefined;
  /** Called when the subnet file's text may have changed. */
  onSubnetFile: () => void = () => undefined;

  constructor(context: AppContext) {
    this.#context = context;
    this.#log = context.ports.log.child({ component: "reconcile" });
  }

  /** Why this node's own part of the data path is not as it should be, as far as the kernel said. */
  get firstFailure(): Error | undefined {
    return this.#failing.values().next().value;
  }

  take(event: ReconcileEvent): void {
    const log = this.#log;
    const { counts } = this.#context.status;
    switch (event.type) {
      case "pass":
        counts.passes++;
        counts.changes += event.changes;
        counts.failures += event.failures;
        // Most passes find all as it should be, and there is nothing to say.
        if (event.changes === 0 && event.failures === 0 && event.ready === this.isReady) return;
        log.debug(
          { count: event.changes, failed: event.failures, durationMs: Math.round(event.ms) },
          "changes applied",
        );
        this.#failuresLogged = 0;
        this.isReady = event.ready;
        this.onPass();
        break;
      case "failed":
        for (const { key, because, error } of event.failures) this.#failed(key, because, error);
        break;
      case "recovered":
        for (const key of event.keys) {
          this.#failing.delete(key);
          this.#context.troubles.report(key, undefined);
        }
        break;
      case "drift":
        counts.repairs += event.repairs.length;
        log.warn(
          { count: event.repairs.length, key: event.repairs[0]?.key ?? "", ...byOf(event.repairs) },
          "something of ours was altered from outside, and is repaired",
        );
        for (const { key, change } of event.repairs) log.debug({ key, kind: change }, "repaired");
        break;
      case "fight":
        this.#context.troubles.report(FIGHT_TROUBLE, event.fights.length === 0 ? undefined : fightError(event.fights));
        break;
      case "lease-refused":
        log.warn({ lease: event.lease, err: event.error }, "a peer's lease cannot be used");
        break;
      case "lease-ignored":
        log.info({ lease: event.lease }, event.note);
        break;
      case "trouble":
        log.error({ err: event.error }, "a pass over the kernel's state broke off; it is tried again");
    }
    this.#context.status.changed();
  }

  #failed(key: string, because: string, error: Error): void {
    if (because === BASE) {
      const text = error.message.startsWith(key) ? error.message : `${key}: ${error.message}`;
      const named = new LodenError(codeOf(error), text, { cause: error });
      this.#failing.set(key, named);
      this.#context.troubles.report(key, named);
    } else if (this.#failuresLogged++ < FAILURES_LOGGED) {
      this.#log.warn({ key, because, err: error }, "an object of a peer is not accepted by the kernel");
    }
  }
}

/** Who was seen to alter things, for the log. */
function byOf(repairs: readonly Repair[]): { by?: string } {
  const names = new Set(repairs.flatMap(({ by }) => by ?? []));
  return names.size === 0 ? {} : { by: [...names].join(", ") };
}

/** The name under which the troubles tell that somebody alters our objects again and again. */
const FIGHT_TROUBLE = "fight";

function fightError(fights: readonly Fight[]): LodenError {
  const [first] = fights;
  const by = [...new Set(fights.flatMap((fight) => fight.by))];
  const others =
    fights.length === 1 ? "" : `, and ${fights.length - 1} other${fights.length === 2 ? "" : "s"} of ours,`;
  const who = by.length === 0 ? "somebody (a process that has ended, or that cannot be seen from here)" : by.join(", ");
  return new LodenError(
    "ERR_KERNEL_CONFLICT",
    `${first!.key}${others} is altered again and again by ${who}: it is restored each time, but traffic suffers. Stop ` +
      "that program, or tell it to leave this object alone",
    { fields: { key: first!.key, by: by.join(", ") } },
  );
}

export interface Tended {
  readonly reconciler: Reconciler;
  readonly journal: ReconcileJournal;
  readonly holder: LeaseHolder;
  readonly guard: AddressGuard;
  /** Text of the subnet file, as of now. */
  readonly subnetFile: () => string;
  /** Called whenever it was found whether another node has this node's address. */
  readonly onAddressKnown: () => void;
}

/**
 * Begins when the peers are known: waits for the kernel to hold all it can, announces the node, and then keeps subnet
 * file and readiness true until `signal` aborts.
 */
export async function keepReady(
  context: AppContext,
  { reconciler, journal, holder, guard, subnetFile, onAddressKnown }: Tended,
  signal: AbortSignal,
): Promise<void> {
  const { options, ports, status, log } = context;
  status.enter("programming", "waiting for the kernel to hold the data path");
  await reconciler.settled();
  await reconciler.ready();
  let fileError: Error | undefined = new LodenError("ERR_NOT_READY", "the subnet file is still to be written");
  let isAnnounced = false;
  const judge = (): void => {
    const notYet = new LodenError("ERR_NOT_READY", "a part of this node's data path is being restored");
    // A subnet or an address that another node has too is no place for new containers.
    const own = journal.isReady ? fileError : (journal.firstFailure ?? notYet);
    status.setReady(holder.conflict ?? guard.conflict ?? own);
    if (isAnnounced || !status.isReady) return;
    isAnnounced = true;
    log.info(
      { file: options.subnetFile, version: VERSION },
      "ready: the data path stands and the subnet file is written",
    );
    const unheard = ports.serviceManager.notify({ ready: true, status: "the node is ready" });
    if (unheard !== undefined) log.warn({ err: unheard }, "systemd could not be told");
  };
  journal.onPass = judge;
  holder.onConflict = judge;
  guard.onVerdict = () => {
    judge();
    onAddressKnown();
  };
  onAddressKnown();
  journal.onSubnetFile = () => {
    fileError = keepSubnetFile(context, subnetFile());
    judge();
  };
  while (!signal.aborted) {
    journal.onSubnetFile();
    await ports.clock.sleep(options.resyncSeconds * 1_000, signal).catch(() => undefined);
  }
}

function keepSubnetFile({ options, ports, troubles }: AppContext, text: string): Error | undefined {
  try {
    writeSubnetFile(ports.files, options.subnetFile, text);
    troubles.report("subnet-file", undefined);
    return undefined;
  } catch (error) {
    troubles.report("subnet-file", error);
    return error as Error;
  }
}
