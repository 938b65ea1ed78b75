// What plugins need of the machine, opened when first asked for.
import { openNftables, type Nftables } from "#kernel/nft/nftables";
import type { Sys } from "#kernel/sys";
import type { Machine } from "./plugin.ts";

export function processMachine(sys: Sys): Machine {
  let nftables: Nftables | undefined;
  return {
    sys,
    nftables: () => (nftables ??= openNftables(sys)),
  };
}
