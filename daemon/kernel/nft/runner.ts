// The small port below Nftables: something that takes nft's input language and gives what nft prints. Bodies:
// libnftables.node.ts and libnftables.bun.ts (the library, in this process) and program.ts (the program).

export interface NftResult {
  readonly isDone: boolean;
  /** What nft printed: JSON, empty for commands that list nothing. */
  readonly output: string;
  /** What nft complained of; it may warn though all was done. */
  readonly complaint: string;
}

/** Acts in the network namespace it was opened in. */
export interface NftRunner {
  /** One transaction: all of it or nothing. */
  run(input: string, echo: boolean): NftResult;
  close(): void;
}

/** libnftables' name with the version of its interface. */
export const LIBNFTABLES = "libnftables.so.1";
/** Flags of nft_ctx_output_set_flags (include/nftables/libnftables.h). */
export const NFT_CTX_OUTPUT_JSON = 1 << 4;
export const NFT_CTX_OUTPUT_ECHO = 1 << 5;
export const NFT_CTX_DEFAULT = 0;
