// What plugins need of the machine, opened when first asked for.
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { openNftables, type Nftables } from "#kernel/nft/nftables";
import { openNftQueries } from "#kernel/nft/query";
import type { Sys } from "#kernel/sys";
import type { Machine } from "./plugin.ts";

/** For one invocation, after which a process that goes on closes it. */
export function processMachine(sys: Sys, client?: string): Machine & { close(): void } {
  let nftables: Nftables | undefined;
  let netfilter: NetlinkSocket | undefined;
  return {
    sys,
    client,
    nftables: () => (nftables ??= openNftables(sys)),
    netfilter: () => (netfilter ??= openNftQueries(sys)),
    close: () => {
      nftables?.close();
      netfilter?.close();
    },
  };
}
