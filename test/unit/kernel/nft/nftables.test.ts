// nftables over scripted runners, and the texts of its errors.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { describeCommand } from "#kernel/nft/commands";
import { NftError } from "#kernel/nft/error";
import { nftablesOver } from "#kernel/nft/nftables";
import { openNftProgram } from "#kernel/nft/program";
import type { NftRunner } from "#kernel/nft/runner";

const answering = (output: string, isDone = true, complaint = ""): NftRunner => ({
  run: () => ({ isDone, output, complaint }),
  close: () => undefined,
});
const LIST = [{ list: { ruleset: null } }];

describe("nftablesOver", () => {
  test("gives the objects without what nft says of itself", () => {
    const output = '{"nftables":[{"metainfo":{"version":"1.0.6"}},{"table":{"name":"x"}},7]}';
    expect(nftablesOver(answering(output)).run(LIST)).toEqual([{ table: { name: "x" } }]);
    expect(nftablesOver(answering(" \n")).run(LIST)).toEqual([]);
  });

  test("a warning is no error", () => {
    expect(nftablesOver(answering("", true, "Warning: table ip filter is managed by iptables-nft")).run(LIST)).toEqual(
      [],
    );
  });

  test.each(["{", "[]", "null", '{"nftables":7}', "text"])(
    "an answer like %j is an error, not an empty list",
    (output) => {
      expect(() => nftablesOver(answering(output)).run(LIST)).toThrow(expect.objectContaining({ code: "ERR_NFT" }));
    },
  );

  test("hands on JSON in one piece, and whether to echo", () => {
    const calls: unknown[] = [];
    const runner: NftRunner = {
      run(input, echo) {
        calls.push([JSON.parse(input), echo]);
        return { isDone: true, output: "", complaint: "" };
      },
      close: () => void calls.push("closed"),
    };
    {
      using nft = nftablesOver(runner);
      nft.run(LIST);
      nft.run(LIST, { echo: true });
      nft.run([]);
    }
    expect(calls).toEqual([[{ nftables: LIST }, false], [{ nftables: LIST }, true], "closed"]);
  });
});

describe("NftError", () => {
  test.each([
    ["internal:0:0-0: Error: Could not process rule: File exists\n", "Could not process rule: File exists"],
    ["/dev/stdin:1:2-3: Error: syntax error\nadd x\n^^^", "syntax error"],
    ["", "it gives no reason"],
    [
      "netlink: Error: cache initialization failed: Operation not permitted",
      "netlink: Error: cache initialization failed",
    ],
  ])("says %j plainly", (text, plain) => {
    const error = new NftError(text, [{ add: { table: { family: "ip", name: "t" } } }]);
    expect(error.message).toContain(`nftables refused to add table ip t: ${plain}`);
    expect(error.text).toBe(text.trim());
  });

  test("names the first commands of many", () => {
    const error = new NftError(
      "no",
      Array.from({ length: 9 }, (_, i) => ({ add: { table: { family: "ip", name: `t${i}` } } })),
    );
    expect(error.message).toContain(
      "add table ip t0, add table ip t1, add table ip t2, add table ip t3 and 5 more: no",
    );
  });

  test.each([
    [{ add: { rule: { family: "ip", table: "t", chain: "c", expr: [] } } }, "add rule ip t c"],
    [{ list: { ruleset: null } }, "list ruleset"],
    [{ bogus: 1 }, "bogus"],
    [{}, "an empty command"],
    [[], "an empty command"],
  ])("describes %j", (command, text) => expect(describeCommand(command)).toBe(text));
});

describe("openNftProgram", () => {
  test("takes the first on the path, and tells what a program that fails wrote", () => {
    const directory = mkdtempSync(path.join(tmpdir(), "loden-test-nft-"));
    try {
      const program = path.join(directory, "nft");
      writeFileSync(program, '#!/bin/sh\necho "$@"; cat /dev/stdin; echo complaint >&2; exit 3\n');
      chmodSync(program, 0o755);
      const runner = openNftProgram(`relative:/nonexistent:${directory}`);
      expect(runner?.run("input", false)).toEqual({
        isDone: false,
        output: "-j -f -\ninput",
        complaint: "complaint\n",
      });
      expect(runner?.run("", true).output).toBe("-j -e -f -\n");
      rmSync(program);
      expect(runner?.run("", false)).toMatchObject({ isDone: false, complaint: expect.stringContaining("ENOENT") });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
