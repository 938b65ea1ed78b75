// The nftables suite through every runner: the library by koffi and by bun:ffi, the program from Node and from Bun.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLibnftables } from "#libnftables";
import { nftablesOver } from "#kernel/nft/nftables";
import { openNftProgram } from "#kernel/nft/program";
import { bunPath } from "../support/bun.ts";
import { enterFreshNetns } from "../support/netns.ts";
import { CHECKS } from "./nft-suite.ts";

beforeAll(() => enterFreshNetns());

describe.each([
  ["the library, by koffi", openLibnftables],
  ["the program", () => openNftProgram()],
])("nftables through %s", (_, open) => {
  let nft: ReturnType<typeof nftablesOver>;
  beforeAll(() => {
    const runner = open();
    if (runner === undefined) throw new Error("nftables is not installed: apt-get install nftables");
    nft = nftablesOver(runner);
  });
  afterAll(() => nft.close());

  test.each(CHECKS)("$name", ({ run }) => run(nft));
});

describe.each([
  ["the library, by bun:ffi", "library"],
  ["the program, in Bun", "program"],
])("nftables through %s", (_, runner) => {
  const failures = new Map<string, string | null>();
  beforeAll(() => {
    const script = fileURLToPath(new URL("nft-bun.ts", import.meta.url));
    const { stdout, stderr, status } = spawnSync(bunPath(), ["run", script, runner], { encoding: "utf8" });
    expect(status, `${stdout}${stderr}`).toBe(0);
    for (const line of stdout.trim().split("\n")) {
      const { name, failure } = JSON.parse(line) as { name: string; failure: string | null };
      failures.set(name, failure);
    }
  });

  test.each(CHECKS)("$name", ({ name }) => expect(failures.get(name)).toBeNull());
});
