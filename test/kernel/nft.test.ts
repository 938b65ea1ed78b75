// openNftables and the ruleset's generation against the kernel. What transactions do is in test/compliance/nft-suite.ts.
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { nftGeneration } from "#kernel/nft/generation";
import { queryElements } from "#kernel/nft/elements";
import { openNftables } from "#kernel/nft/nftables";
import { openNftQueries } from "#kernel/nft/query";
import { queryHasChain, queryRules } from "#kernel/nft/rules";
import { bunPath } from "../support/bun.ts";
import { enterFreshNetns, nftRuleset, throwAwayNetns } from "../support/netns.ts";

let temp: string;

beforeAll(() => {
  enterFreshNetns();
  temp = mkdtempSync(path.join(tmpdir(), "loden-test-nft-"));
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

const SCRIPT = fileURLToPath(new URL("../support/nft-process.ts", import.meta.url));
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
    const { stdout, stderr } = spawnSync("setpriv", [
      "--bounding-set=-net_admin",
      "--inh-caps=-net_admin",
      process.execPath,
      SCRIPT,
    ]);
    expect(stderr.toString()).toBe("");
    expect(JSON.parse(stdout.toString())).toMatchObject({
      code: "ERR_PRIVILEGE",
      message: expect.stringContaining("CAP_NET_ADMIN"),
    });
  });

  const libraries = globSync("{/usr,}/lib{64,}/{*/,}libnftables.so.1").map((file) => realpathSync(file));
  const programs = globSync("{/usr,}/{s,}bin/nft").map((file) => realpathSync(file));

  describe.each([
    ["Node", [process.execPath]],
    ["Bun", [bunPath(), "run"]],
  ])("in %s", (_, [runtime = "", ...args]) => {
    const openWithout = (...files: string[]): unknown => {
      const { stdout, stderr } = spawnSync(runtime, [...args, SCRIPT, ...new Set(files)], {
        encoding: "utf8",
        env: { ...process.env, PATH: `${temp}:${process.env["PATH"] ?? ""}` },
      });
      expect(stderr).toBe("");
      return JSON.parse(stdout);
    };

    test("takes the program where the library is missing", () => {
      // Debian's needs the library itself: this one stands for a static one.
      const program = path.join(temp, "nft");
      writeFileSync(program, `#!/bin/sh\necho '{"nftables":[{"by":"the program"}]}'\n`, { mode: 0o755 });
      expect(libraries.length).toBeGreaterThan(0);
      expect(openWithout(...libraries)).toEqual([{ by: "the program" }]);
      rmSync(program);
    });

    test("takes the library where the program is missing", () => {
      expect(programs.length).toBeGreaterThan(0);
      expect(openWithout(...programs)).toMatchObject([{ table: { family: "ip", name: "made" } }]);
    });

    test("where both are missing says what to install", () => {
      expect(openWithout(...libraries, ...programs)).toMatchObject({
        code: "ERR_MISSING_TOOL",
        message: expect.stringContaining("apt-get install nftables"),
      });
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

test("rules are found by table and chain, with handles and comments", () => {
  using nft = openNftables(sys);
  using socket = openNftQueries(sys);
  const long = "c".repeat(127);
  const [table, other] = ["inet queried", "ip queried"];
  nft.script([
    ...[table, other].flatMap((name) => [`add table ${name}`, `add chain ${name} a`, `add chain ${name} b`]),
    `add rule ${table} b accept comment "${long}"`,
    `add rule ${table} a accept comment "é, ü"`,
    `add rule ${table} a drop`,
    `add rule ${other} a drop comment "not asked for"`,
  ]);
  const place = { family: "inet", table: "queried" } as const;
  const found = queryRules(socket, place);
  expect(found.map(({ chain, comment }) => [chain, comment])).toEqual([
    ["a", "é, ü"],
    ["a", ""],
    ["b", long],
  ]);
  expect(queryRules(socket, { ...place, chain: "b" })).toEqual(found.slice(2));
  nft.script([`delete rule ${table} b handle ${found[2]!.handle}`]);
  expect(queryRules(socket, { ...place, chain: "b" })).toEqual([]);
  expect(queryHasChain(socket, { ...place, name: "b" })).toBe(true);
  for (const wrong of [{ chain: "none" }, { table: "none" }, { family: "arp" } as const]) {
    expect(queryRules(socket, { ...place, ...wrong })).toEqual([]);
    expect(queryHasChain(socket, { ...place, name: "a", ...("chain" in wrong ? { name: wrong.chain } : wrong) })).toBe(
      false,
    );
  }
  nft.script([`delete table ${table}`, `delete table ${other}`]);
});

test("elements of sets and maps are found with keys, values, intervals and comments", () => {
  using nft = openNftables(sys);
  using socket = openNftQueries(sys);
  const table = "inet queried";
  nft.script([
    `add table ${table}`,
    `add map ${table} m { type inet_proto . inet_service : ipv4_addr . inet_service; }`,
    `add set ${table} s { type ipv4_addr . ipv4_addr; flags interval; }`,
    `add element ${table} m { tcp . 8080 comment "mine" : 10.0.0.2 . 80, udp . 53 comment "other" : 10.0.0.3 . 53 }`,
    `add element ${table} s { 10.0.0.0/24 . 10.0.0.2 comment "mine" }`,
  ]);
  const place = { family: "inet", table: "queried" } as const;
  const mine = (name: string) => queryElements(socket, { ...place, name }, (comment) => comment === "mine");
  expect(mine("m")).toEqual([
    {
      key: Uint8Array.of(6, 0, 0, 0, 0x1f, 0x90, 0, 0),
      keyEnd: undefined,
      data: Uint8Array.of(10, 0, 0, 2, 0, 80, 0, 0),
      comment: "mine",
    },
  ]);
  expect(mine("s")).toEqual([
    {
      key: Uint8Array.of(10, 0, 0, 0, 10, 0, 0, 2),
      keyEnd: Uint8Array.of(10, 0, 0, 255, 10, 0, 0, 2),
      data: undefined,
      comment: "mine",
    },
  ]);
  expect(queryElements(socket, { ...place, name: "m" }, () => true)).toHaveLength(2);
  expect(mine("none")).toEqual([]);
  nft.script([`delete table ${table}`]);
});
