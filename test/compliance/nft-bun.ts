// Runs the nftables suite in Bun and prints one JSON line per check. Started by nft.test.ts, with the runner's name.
import { sys } from "#sys";
import { CLONE_NEWNET } from "#kernel/netns";
import { nftablesOver, openNftables } from "#kernel/nft/nftables";
import { openNftProgram } from "#kernel/nft/program";
import { CHECKS } from "./nft-suite.ts";

sys.unshare(CLONE_NEWNET);
using nft = process.argv[2] === "program" ? nftablesOver(openNftProgram()!) : openNftables(sys);
for (const { name, run } of CHECKS) {
  let failure: string | null = null;
  try {
    run(nft);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  process.stdout.write(`${JSON.stringify({ name, failure })}\n`);
}
