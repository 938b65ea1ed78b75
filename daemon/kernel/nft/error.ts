// The error of everything that nftables refuses.
import { LodenError } from "#spec/errors";
import { describeCommand } from "./commands.ts";

/** How many commands of a refused transaction its message names; nft does not tell which it was. */
const NAMED_COMMANDS = 4;

/** nftables refused a transaction; nothing of it was done. */
export class NftError extends LodenError {
  /** What nft said, all of it. */
  readonly text: string;

  /** `lines`: commands in nft's own language, in the place of `commands`. */
  constructor(text: string, commands: readonly object[], lines: readonly string[] = commands.map(describeCommand)) {
    const trimmed = text.trim();
    const named = lines.slice(0, NAMED_COMMANDS).join(", ");
    const more = lines.length > NAMED_COMMANDS ? ` and ${lines.length - NAMED_COMMANDS} more` : "";
    super("ERR_NFT", `nftables refused to ${named}${more}: ${plainText(trimmed)}`, { fields: { text: trimmed } });
    this.text = trimmed;
  }
}

/** nft's first complaint without the position in text that nobody wrote (`internal:0:0-0: Error: …`). */
function plainText(text: string): string {
  const first = text.split("\n", 1)[0] ?? "";
  const plain = first.replace(/^\S+:\d+:\d+(-\d+)?: /, "").replace(/^Error: /, "");
  return plain === "" ? "it gives no reason" : plain;
}
