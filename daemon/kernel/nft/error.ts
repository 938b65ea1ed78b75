// The error of everything that nftables refuses.
import { LodenError } from "#spec/errors";

/** nftables refused a transaction; nothing of it was done. */
export class NftError extends LodenError {
  /** What nft said, all of it. */
  readonly text: string;

  constructor(text: string) {
    const trimmed = text.trim();
    super("ERR_NFT", `nftables refused the transaction: ${plainText(trimmed)}`, { fields: { text: trimmed } });
    this.text = trimmed;
  }
}

/** nft's first complaint without the position in text that nobody wrote (`internal:0:0-0: Error: …`). */
function plainText(text: string): string {
  const first = text.split("\n", 1)[0] ?? "";
  return (
    first.replace(/^(internal:\d+:\d+-\d+|<[^>]*>:\S+|\S+:\d+:\d+(-\d+)?): /, "").replace(/^Error: /, "") ||
    "no reason given"
  );
}
