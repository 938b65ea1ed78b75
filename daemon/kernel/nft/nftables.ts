// nftables as transactions of JSON commands (libnftables-json(5)), through whatever this host has: the library, else the
// program. Works in both runtimes.
import { openLibnftables } from "#libnftables";
import { LodenError } from "#spec/errors";
import { NftError } from "./error.ts";
import { nftGeneration } from "./generation.ts";
import { openNftProgram } from "./program.ts";
import type { NftRunner } from "./runner.ts";
import type { Sys } from "../sys.ts";

export interface RunOptions {
  /** Give back the commands that added something, with the handles the kernel chose. */
  readonly echo?: boolean;
}

export interface Nftables extends Disposable {
  /**
   * Carries out commands as one transaction: all or nothing. Gives the objects that list commands found, in order.
   * @throws NftError with nft's own words
   */
  run(commands: readonly object[], options?: RunOptions): object[];
  /**
   * Carries out lines in nft's own language (nft(8)) as one transaction, for what has no JSON: expressions that a user wrote.
   * @throws NftError with nft's own words
   */
  script(lines: readonly string[]): void;
  close(): void;
}

/**
 * Opens nftables in the calling thread's network namespace, in which its transactions must then be run.
 * @throws LodenError ERR_PRIVILEGE without CAP_NET_ADMIN, ERR_NFT when the kernel has no nf_tables,
 *   ERR_MISSING_TOOL when the host has neither library nor program
 */
export function openNftables(sys: Sys): Nftables {
  // Asked of the kernel first, as nft blames the kernel, permissions and its input in the same words.
  nftGeneration(sys);
  const runner = openLibnftables() ?? openNftProgram();
  if (runner === undefined) {
    throw new LodenError(
      "ERR_MISSING_TOOL",
      "nftables is not installed: neither libnftables.so.1 nor the program nft is found; on Debian, apt-get install nftables",
    );
  }
  return nftablesOver(runner);
}

/** Nftables over a given runner. */
export function nftablesOver(runner: NftRunner): Nftables {
  return {
    run(commands, options = {}) {
      if (commands.length === 0) return [];
      const result = runner.run(JSON.stringify({ nftables: commands }), options.echo === true);
      if (!result.isDone) throw new NftError(result.complaint, commands);
      return readOutput(result.output);
    },
    script(lines) {
      if (lines.length === 0) return;
      // What is not JSON is read as the language, by library and program alike.
      const result = runner.run(`${lines.join("\n")}\n`, false);
      if (!result.isDone) throw new NftError(result.complaint, [], lines);
    },
    close: () => runner.close(),
    [Symbol.dispose]: () => runner.close(),
  };
}

/** The objects in nft's output but for the one about nft itself. */
function readOutput(output: string): object[] {
  if (output.trim() === "") return [];
  let document: unknown;
  try {
    document = JSON.parse(output);
  } catch (error) {
    throw new LodenError("ERR_NFT", "nftables answered with something that is not JSON", { cause: error });
  }
  const objects = document instanceof Object && "nftables" in document ? document.nftables : undefined;
  if (!Array.isArray(objects)) throw new LodenError("ERR_NFT", 'nftables answered without the list "nftables"');
  return objects.filter((object): object is object => object instanceof Object && !("metainfo" in object));
}
