// What a plugin is: one function for each CNI command. The skeleton has checked the environment, the input, the
// version and the namespace before it calls one, and prints what it returns or throws.
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Nftables } from "#kernel/nft/nftables";
import type { Sys } from "#kernel/sys";
import type { CniVersion } from "#spec/cni-versions";
import type { PluginName } from "#spec/plugin-names";
import type { NetworkConfig } from "./config.ts";
import type { Delegates } from "./delegate.ts";
import type { Environment } from "./environment.ts";
import type { Result } from "./result/types.ts";

/** What the machine offers; opened when first used, so that a command that needs nothing pays for nothing. */
export interface Machine {
  readonly sys: Sys;
  /** Identity of the client program whose links are our plugins; undefined when they are links to this executable. */
  readonly client?: string | undefined;
  /** @throws LodenError ERR_MISSING_TOOL */
  nftables(): Nftables;
  /**
   * A socket of NETLINK_NETFILTER in the host's namespace. Not to be closed by who uses it: to close one is to wait until the
   * kernel has freed what anybody's transactions removed, 10 ms and more (nft_rcv_nl_event of net/netfilter/nf_tables_api.c).
   */
  netfilter(): NetlinkSocket;
}

/** One invocation. */
export interface Call {
  readonly environment: Environment;
  readonly config: NetworkConfig;
  /** Descriptor of the container's namespace; undefined when it is gone, which only DEL of interface plugins sees. */
  readonly netns: number | undefined;
  readonly machine: Machine;
  readonly delegates: Delegates;
}

export interface Plugin {
  readonly name: PluginName;
  /** The first version of the specification that has what it needs; absent: any. */
  readonly since?: CniVersion;
  /** Whether ADD and CHECK need a namespace that can be entered; address management does not. */
  readonly usesNetns: boolean;
  add(call: Call): Result;
  /** Must succeed whatever is missing, any number of times, with no prevResult and no namespace. */
  del(call: Call): void;
  check(call: Call): void;
  gc(call: Call): void;
  /** Throws CniError 50 when ADD could not be served now. */
  status(call: Call): void;
}
