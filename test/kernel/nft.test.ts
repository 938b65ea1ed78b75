// openNftables and the ruleset's generation against the kernel. What transactions do is in test/compliance/nft-suite.ts.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { nftGeneration } from "#kernel/nft/generation";
import { openNftables } from "#kernel/nft/nftables";
import { enterFreshNetns, nftRuleset, throwAwayNetns } from "../support/netns.ts";

beforeAll(() => enterFreshNetns());

const addTable = (name: string): object => ({ add: { table: { family: "ip", name } } });

describe("nftGeneration", () => {
  test("rises with every transaction, and with nothing else", () => {
    using nft = openNftables(sys);
    const first = nftGeneration(sys);
    nft.run([{ list: { ruleset: null } }]);
    expect(nftGeneration(sys)).toBe(first);
    nft.run([addTable("a"), addTable("b")]);
    expect(nftGeneration(sys)).toBe(first + 1);
    spawnSync("nft", ["add", "table", "ip", "c"]);
    expect(nftGeneration(sys)).toBe(first + 2);
    expect(() => nft.run([{ delete: { table: { family: "ip", name: "nonexistent" } } }])).toThrow();
    expect(nftGeneration(sys)).toBe(first + 2);
    nft.run([{ flush: { ruleset: null } }]);
  });

  test("is that of the thread's namespace", () => {
    using space = throwAwayNetns();
    const [own, theirs] = [nftGeneration(sys), space.run(() => nftGeneration(sys))];
    space.run(() => {
      using nft = openNftables(sys);
      nft.run([addTable("inside")]);
      expect(nftRuleset()).toMatchObject([{ table: { name: "inside" } }]);
    });
    expect(nftGeneration(sys)).toBe(own);
    expect(space.run(() => nftGeneration(sys))).toBe(theirs + 1);
    expect(nftRuleset()).toEqual([]);
  });
});

describe("openNftables", () => {
  test("without the capability says which one it takes", () => {
    const script = fileURLToPath(new URL("../support/nft-process.ts", import.meta.url));
    const args = ["--bounding-set=-net_admin", "--inh-caps=-net_admin", process.execPath, script];
    const { stdout, stderr } = spawnSync("setpriv", args, { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      code: "ERR_PRIVILEGE",
      message: expect.stringContaining("CAP_NET_ADMIN"),
    });
  });

  test("leaves no descriptor behind, and a closed one cannot be used", () => {
    openNftables(sys).close();
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 100; i++) {
      using nft = openNftables(sys);
      nft.run([addTable("x"), { delete: { table: { family: "ip", name: "x" } } }]);
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    const nft = openNftables(sys);
    nft.close();
    nft.close();
    expect(() => nft.run([addTable("x")])).toThrow(/closed/);
  });
});
