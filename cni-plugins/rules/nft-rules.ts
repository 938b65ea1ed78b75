// Finding rules again by their comments: nftables deletes rules by handle alone (nft(8), libnftables-json(5)).
import { NftError } from "#kernel/nft/error";
import type { Nftables } from "#kernel/nft/nftables";
import { isObject } from "../fields.ts";

export interface ChainRef {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
}

/** Whether nft says that a table, chain or rule does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof NftError && /No such file or directory|does not exist/.test(error.text);
}

/** The objects of a chain; undefined when there is no such chain. */
export function listChain(nft: Nftables, { family, table, chain }: ChainRef): readonly object[] | undefined {
  try {
    return nft.run([{ list: { chain: { family, table, name: chain } } }]);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Handles of the rules of a chain whose comment is wanted. */
export function ruleHandles(nft: Nftables, chain: ChainRef, isWanted: (comment: string) => boolean): number[] {
  return (listChain(nft, chain) ?? []).flatMap((object) => {
    const rule = "rule" in object && isObject(object.rule) ? object.rule : {};
    const { comment, handle } = rule;
    return typeof comment === "string" && typeof handle === "number" && isWanted(comment) ? [handle] : [];
  });
}
