// The reconciler as the daemon sees it: what it is given, what it can be asked, what it reports. Its body is loop.ts.
import type { Backend } from "../backend/port.ts";
import type { Clock } from "../clock.ts";
import type { Lease, Network, Node } from "../lease/types.ts";
import type { Fight } from "./fights.ts";
import type { Inspection } from "./inspect.ts";
import type { Kernel, KernelObject, ObjectKind } from "./port.ts";

/** All that the desired state depends on besides the leases. */
export interface Fabric {
  readonly network: Network;
  readonly node: Node;
  /** Usually one; two while the network moves from one backend to another. */
  readonly backends: readonly Backend[];
  /** What is wanted besides the backends' objects: traffic rules, sysctls. */
  readonly extras: readonly KernelObject[];
}

export type ReconcileEvent =
  | {
      readonly type: "pass";
      readonly changes: number;
      readonly failures: number;
      readonly drift: number;
      readonly ms: number;
      readonly dumped: readonly ObjectKind[];
      /** Every base object is in place. */
      readonly ready: boolean;
    }
  /** What failed in one pass, changes and dumps; each is told once, and again when the reason changes. */
  | { readonly type: "failed"; readonly failures: readonly FailedChange[] }
  /** Keys that had failed and are as they should be now. */
  | { readonly type: "recovered"; readonly keys: readonly string[] }
  /** What others had removed, altered or added, and what one pass did to have it as it should be again. */
  | { readonly type: "drift"; readonly repairs: readonly Repair[] }
  /** Somebody alters the same objects again and again: all such fights there are, whenever they are others; none: it is over. */
  | { readonly type: "fight"; readonly fights: readonly Fight[] }
  /** A lease that cannot be used, or that is for another backend. */
  | { readonly type: "lease-refused"; readonly lease: string; readonly error: Error }
  | { readonly type: "lease-ignored"; readonly lease: string; readonly note: string }
  /** A pass broke off; everything is compared again. */
  | { readonly type: "trouble"; readonly error: Error };

export interface FailedChange {
  /** The object's key, or "dump of <kind>". */
  readonly key: string;
  /** A lease's key, "base", or why else. */
  readonly because: string;
  readonly error: Error;
}

export interface Repair {
  readonly key: string;
  readonly change: "add" | "update" | "remove";
  /** Processes that were seen to alter it, e.g. `ip (pid 42)`; absent where nobody could be told. */
  readonly by?: readonly string[];
}

export interface Failure {
  readonly key: string;
  readonly error: Error;
  /** Wall-clock milliseconds of the first failure in a row. */
  readonly since: number;
  readonly tries: number;
}

export interface ReconcilerState {
  /** Desired objects per kind. */
  readonly desired: Readonly<Record<ObjectKind, number>>;
  /** How many of them the kernel has, as far as is known. */
  readonly applied: number;
  readonly failed: readonly Failure[];
  /** Leases that are held and add objects. */
  readonly peers: number;
  readonly refused: readonly { readonly lease: string; readonly error: Error }[];
  readonly ignored: readonly { readonly lease: string; readonly note: string }[];
  readonly passes: number;
  readonly lastPassMs: number;
  readonly driftRepaired: number;
  readonly fights: readonly Fight[];
  /** Every base object (device, addresses, rules) is in place. */
  readonly ready: boolean;
}

export interface ReconcilerOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly fabric: Fabric;
  readonly onEvent?: (event: ReconcileEvent) => void;
  /** Milliseconds between comparisons of what no notification tells of. */
  readonly resyncMs?: number;
}

export interface Reconciler {
  /** Begins to watch and to repair; ends when `signal` aborts, and leaves the kernel's state as it is. */
  start(signal: AbortSignal): void;
  /** A new configuration or a changed node: the difference is worked out in the next pass. */
  configure(fabric: Fabric): void;
  /** What is wanted too, but holds up nobody when the kernel does not give it. */
  setLimits(objects: readonly KernelObject[]): void;
  /** All leases there are. Nothing of a peer is ever removed before this was called once. */
  replaceLeases(leases: readonly Lease[]): void;
  putLease(lease: Lease): void;
  /** The lease is known to be deleted or expired. */
  deleteLease(key: string): void;
  /** Compares everything again, soon. */
  resync(): void;
  /** Resolves when nothing is left to do but what waits for its next try. */
  settled(): Promise<void>;
  /** Resolves when every base object is in place for the first time. */
  ready(): Promise<void>;
  state(): ReconcilerState;
  /** Looks at everything, and changes nothing. */
  inspect(): Inspection;
}
