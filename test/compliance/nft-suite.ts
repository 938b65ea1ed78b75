// What nftables must do through every runner, held against the program `nft`: plain functions, run by vitest on Node and by
// a script in Bun. The process must be in a network namespace of its own.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import type { NftCommand, NftRule } from "#kernel/nft/commands";
import { NftError } from "#kernel/nft/error";
import type { Nftables } from "#kernel/nft/nftables";

export interface Check {
  readonly name: string;
  readonly run: (nft: Nftables) => void;
}

type Listed = Record<string, Record<string, unknown>>;

/** The ruleset as the program lists it, without handles and what nft says of itself. */
function ruleset(): Listed[] {
  const text = execFileSync("nft", ["-j", "list", "ruleset"], { encoding: "utf8" });
  const { nftables } = JSON.parse(text) as { nftables: Listed[] };
  return nftables.filter((object) => !("metainfo" in object)).map(withoutHandles);
}

function withoutHandles(object: object): Listed {
  return JSON.parse(JSON.stringify(object, (key, value: unknown) => (key === "handle" ? undefined : value))) as Listed;
}

function refused(nft: Nftables, commands: readonly object[]): NftError {
  try {
    nft.run(commands);
  } catch (error) {
    assert.ok(error instanceof NftError, String(error));
    assert.equal(error.code, "ERR_NFT");
    return error;
  }
  return assert.fail("nothing was refused");
}

const TABLE = { family: "inet", name: "suite" } as const;
const CHAIN = {
  family: "inet",
  table: "suite",
  name: "out",
  type: "nat",
  hook: "postrouting",
  prio: 100,
  policy: "accept",
} as const;
const RULE: NftRule = {
  family: "inet",
  table: "suite",
  chain: "out",
  comment: "Grüße, 世界",
  expr: [
    {
      match: {
        op: "==",
        left: { payload: { protocol: "ip", field: "saddr" } },
        right: { prefix: { addr: "10.5.0.0", len: 16 } },
      },
    },
    { match: { op: "!=", left: { payload: { protocol: "ip", field: "daddr" } }, right: "@private" } },
    { masquerade: null },
  ],
};
const SET = {
  family: "inet",
  table: "suite",
  name: "private",
  type: "ipv4_addr",
  flags: ["interval"],
  elem: [{ prefix: { addr: "10.0.0.0", len: 8 } }, "192.168.1.1"],
} as const;

const MAKE: readonly NftCommand[] = [
  { add: { table: TABLE } },
  { add: { set: SET } },
  { add: { chain: CHAIN } },
  { add: { rule: RULE } },
];
const REMOVE: readonly NftCommand[] = [{ add: { table: TABLE } }, { delete: { table: TABLE } }];

export const CHECKS: readonly Check[] = [
  {
    name: "a transaction makes tables, sets, chains and rules",
    run(nft) {
      assert.deepEqual(nft.run(MAKE), []);
      const listed = ruleset();
      assert.deepEqual(
        listed.map((object) => Object.keys(object)[0]),
        ["table", "set", "chain", "rule"],
      );
      assert.deepEqual(listed[2]?.["chain"], CHAIN);
      assert.deepEqual(listed[3]?.["rule"], RULE);
      nft.run(REMOVE);
      assert.deepEqual(ruleset(), []);
    },
  },
  {
    name: "lists what the program lists",
    run(nft) {
      nft.run(MAKE);
      assert.deepEqual(nft.run([{ list: { ruleset: null } }]).map(withoutHandles), ruleset());
      assert.deepEqual(nft.run([{ list: { table: TABLE } }]).map(withoutHandles), ruleset());
      assert.equal(nft.run([{ list: { tables: null } }]).length, 1);
      nft.run(REMOVE);
      assert.deepEqual(nft.run([{ list: { ruleset: null } }]), []);
    },
  },
  {
    name: "a transaction is all or nothing, and says what it was",
    run(nft) {
      nft.run(MAKE);
      const before = ruleset();
      const error = refused(nft, [
        { flush: { chain: { family: "inet", table: "suite", name: "out" } } },
        { add: { chain: { family: "inet", table: "nonexistent", name: "x" } } },
      ]);
      assert.deepEqual(ruleset(), before);
      assert.match(
        error.message,
        /flush chain inet suite out, add chain inet nonexistent x: .*No such file or directory/,
      );
      assert.match(error.text, /No such file or directory/);
      nft.run(REMOVE);
    },
  },
  {
    name: "a table is replaced in one transaction",
    run(nft) {
      nft.run(MAKE);
      const chain = { family: "inet", table: "suite", name: "new" };
      nft.run([...REMOVE, { add: { table: TABLE } }, { add: { chain } }]);
      assert.deepEqual(ruleset(), [{ table: TABLE }, { chain }]);
      nft.run(REMOVE);
    },
  },
  {
    name: "elements come and go, and one that is missing is refused",
    run(nft) {
      nft.run([{ add: { table: TABLE } }, { add: { set: { ...SET, elem: undefined } } }]);
      const element = { family: "inet", table: "suite", name: "private", elem: ["10.1.2.3"] } as const;
      nft.run([{ add: { element } }]);
      assert.deepEqual(ruleset()[1]?.["set"]?.["elem"], ["10.1.2.3"]);
      nft.run([{ delete: { element } }]);
      assert.equal(ruleset()[1]?.["set"]?.["elem"], undefined);
      assert.match(refused(nft, [{ delete: { element } }]).message, /delete element inet suite private/);
      nft.run(REMOVE);
    },
  },
  {
    name: "echo gives the handles of what was added",
    run(nft) {
      const added = nft.run([...MAKE], { echo: true }) as { add?: Listed }[];
      const rule = added.find((command) => command.add?.["rule"] !== undefined)?.add?.["rule"];
      const handle = rule?.["handle"];
      assert.ok(typeof handle === "number", JSON.stringify(added));
      nft.run([{ delete: { rule: { family: "inet", table: "suite", chain: "out", handle } } }]);
      assert.deepEqual(
        ruleset().filter((object) => "rule" in object),
        [],
      );
      nft.run(REMOVE);
    },
  },
  {
    name: "what is no command is refused, and the next transaction is done",
    run(nft) {
      for (const commands of [[{ bogus: 1 }], [{}], [[]], [{ add: { table: { family: "ip" } } }]]) {
        assert.notEqual(refused(nft, commands).text, "");
      }
      nft.run(MAKE);
      nft.run(REMOVE);
    },
  },
  {
    name: "no commands are no transaction",
    run(nft) {
      assert.deepEqual(nft.run([]), []);
    },
  },
  {
    name: "lines in nft's own language are one transaction",
    run(nft) {
      nft.script(["add table inet suite", "add chain inet suite own", 'add rule inet suite own accept comment "own"']);
      const before = ruleset();
      assert.equal(before.length, 3);
      assert.throws(
        () => nft.script(["add chain inet suite other", "add rule inet suite own nonsense 5", "add table inet third"]),
        (error: unknown) =>
          error instanceof NftError &&
          /^nftables refused to add chain inet suite other, .*: No symbol/.test(error.message),
      );
      assert.deepEqual(ruleset(), before);
      nft.script([]);
      nft.run(REMOVE);
    },
  },
  {
    name: "thousands of elements go in and come out",
    run(nft) {
      const elem = Array.from({ length: 5000 }, (_, i) => `10.9.${i >> 8}.${i & 255}`);
      const set = { family: "inet", table: "suite", name: "many", type: "ipv4_addr" } as const;
      nft.run([
        { add: { table: TABLE } },
        { add: { set } },
        { add: { element: { ...TABLE, table: "suite", name: "many", elem } } },
      ]);
      const [, listed] = nft.run([{ list: { ruleset: null } }]) as Listed[];
      const found = listed?.["set"]?.["elem"] as string[];
      assert.deepEqual(new Set(found), new Set(elem));
      nft.run(REMOVE);
    },
  },
];
