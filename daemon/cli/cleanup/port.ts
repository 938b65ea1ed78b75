// What `loden cleanup` takes away, kind by kind: each kind finds what is left of it on this host and tells how it is removed.
// A new kind of kernel object joins by one more entry in kinds.ts.
import type { Prefix } from "#kernel/ip/prefix";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";

export interface CleanupContext {
  readonly sys: Sys;
  /** For rtnetlink. */
  readonly socket: NetlinkSocket;
  /** Only what the daemon of this store prefix made; undefined: what any did. */
  readonly prefix: string | undefined;
  readonly subnetFile: string;
  readonly stateDirectory: string;
  /** Networks of the fabric that this host was part of, as far as the subnet file tells. */
  readonly networks: readonly Prefix[];
  /** What flannel made and Loden did not is to go as well. */
  readonly withFlannel: boolean;
  /** Files are to go as well. */
  readonly withFiles: boolean;
}

/** One thing to be removed. */
export interface Leftover {
  /** For people: `link flannel.1`. */
  readonly name: string;
  /** To remove it a second time, or when it has gone with something else, succeeds. */
  remove(): void;
}

export interface Found {
  readonly leftovers: readonly Leftover[];
  /** What stays though it looks like ours, and why. */
  readonly notes?: readonly string[];
}

export interface CleanupKind {
  /** For errors: "routes". */
  readonly name: string;
  /** @throws LodenError when it cannot be looked at */
  find(context: CleanupContext): Found;
}
