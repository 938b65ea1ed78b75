// What plugins need of the machine, opened when first asked for.
import { openNftables, type Nftables } from "#kernel/nft/nftables";
import type { Sys } from "#kernel/sys";
import type { Machine } from "./plugin.ts";

/** For one invocation, after which a process that goes on closes it. */
export function processMachine(sys: Sys, client?: string): Machine & { close(): void } {
  let nftables: Nftables | undefined;
  return {
    sys,
    client,
    nftables: () => (nftables ??= openNftables(sys)),
    close: () => nftables?.close(),
  };
}
