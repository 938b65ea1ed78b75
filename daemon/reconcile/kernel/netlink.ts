// The Kernel port on Linux: rtnetlink for links, addresses, routes, neighbours and FDB entries, nftables for tables,
// /proc/sys for sysctls.
import type { Sys } from "#kernel/sys";
import type { Marks } from "../marks.ts";
import type { Actual, Change, Kernel, Observation, ObjectKind, Outcome } from "../port.ts";

export interface NetlinkKernelOptions {
  readonly sys: Sys;
  readonly marks: Marks;
  /** Runs a function in the network namespace to work in; absent: the caller's own. */
  readonly within?: <T>(fn: () => T) => T;
}

export declare class NetlinkKernel implements Kernel, Disposable {
  constructor(options: NetlinkKernelOptions);
  dump(kinds: ReadonlySet<ObjectKind>): Actual;
  apply(changes: readonly Change[]): Outcome[];
  watch(onObserved: (seen: readonly Observation[]) => void): Disposable;
  [Symbol.dispose](): void;
}
