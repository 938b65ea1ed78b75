// Whatever a kernel or a program may answer, reading it gives a value or one of our errors, and what is written is read back.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Prefix } from "#kernel/ip/prefix";
import { isUnconditional, parseSave, targetOf } from "#kernel/iptables/save";
import { decodeElements } from "#kernel/nft/elements";
import { decodeAddresses, decodeChain, decodeCounter } from "#kernel/nft/query";
import { decodeRule } from "#kernel/nft/rules";
import { LodenError } from "#spec/errors";
import { isLeftoverTable } from "../../../daemon/reconcile/kernel/flannel-tables.ts";
import { isLeftover, ourChains, restoreText } from "../../../daemon/reconcile/kernel/iptables.ts";

test("netlink payloads of any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const elements = (payload: Uint8Array) => decodeElements(payload, () => true);
      for (const decode of [decodeAddresses, decodeChain, decodeCounter, decodeRule, elements]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(LodenError);
        }
      }
    }),
  );
});

const networks = [Prefix.parse("10.5.0.0/16")];

test("any JSON in a listing of nft", () => {
  fc.assert(fc.property(fc.array(fc.object({ maxDepth: 4 })), (listing) => void isLeftoverTable(listing, networks)));
});

const word = fc.constantFrom(
  "*nat",
  "*filter",
  "COMMIT",
  ":FORWARD DROP [0:0]",
  ":FLANNEL-FWD - [0:0]",
  "-A FORWARD",
  "-j FLANNEL-FWD",
  "-s 10.5.0.0/16",
  "-d x",
  '"',
  "-A",
  ":",
  "",
);
const text = fc.oneof(
  fc.string(),
  fc.array(fc.array(word, { maxLength: 4 }).map((words) => words.join(" "))).map((lines) => lines.join("\n")),
);

test("any text of iptables-save", () => {
  fc.assert(
    fc.property(text, (saved) => {
      const tables = parseSave(saved);
      for (const chain of [...tables.values()].flatMap((table) => [...table.values()])) {
        for (const rule of chain.rules) void [targetOf(rule), isUnconditional(rule)];
      }
      const ours = ourChains(tables);
      void isLeftover(ours, networks);
      // Chains that are wanted as they are keep what leads to them; unwanted ones are all taken away.
      const intact = ours.filter(({ jumps }) => jumps === 1);
      expect(restoreText(tables, intact)).not.toMatch(
        new RegExp(`^-[DX] .*(?:${intact.map(({ name }) => name).join("|") || "NONE"})$`, "m"),
      );
      for (const { name } of ours) expect(restoreText(tables, [])).toContain(`-X ${name}\n`);
    }),
  );
});
