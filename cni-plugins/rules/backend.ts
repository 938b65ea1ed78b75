// Which of the host's two interfaces to packet filtering a plugin uses.
import type { Nftables } from "#kernel/nft/nftables";
import { LodenError } from "#spec/errors";
import { CNI_ERROR, CniError, toCniError } from "../error.ts";
import type { Machine } from "../plugin.ts";

/** nftables where the host has it. */
export function nftablesIfThere(machine: Machine): Nftables | undefined {
  try {
    return machine.nftables();
  } catch (error) {
    const isMissing = error instanceof LodenError && (error.code === "ERR_MISSING_TOOL" || error.code === "ERR_NFT");
    if (isMissing) return undefined;
    throw error;
  }
}

/**
 * For STATUS: what ADD needs is there.
 * @throws CniError 50
 */
export function requireAvailable(open: () => unknown): void {
  try {
    open();
  } catch (error) {
    throw new CniError(CNI_ERROR.notAvailable, toCniError(error).message, "", error);
  }
}
