// Whatever stands on the command line and in the environment: it is read, or refused as a usage error that says where.
import { LodenError } from "#spec/errors";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readInvocation } from "../../../daemon/options.ts";
import { parseFlagValue, splitFlags } from "../../../daemon/options/goflag.ts";
import { parseRe2 } from "../../../daemon/options/re2.ts";
import { environmentName, FLAG_NAMES, flagSpec } from "../../../daemon/options/table.ts";

const text = fc.oneof(fc.string(), fc.constantFrom("", "true", "1", "0x1f", "http://a:1", "10.0.0.1", "/x", "-", "--"));
const argument = fc.oneof(
  text,
  fc.tuple(fc.constantFrom("-", "--"), fc.constantFrom(...FLAG_NAMES)).map(([dash, name]) => dash + name),
  fc.tuple(fc.constantFrom(...FLAG_NAMES), text).map(([name, value]) => `--${name}=${value}`),
);

test("any command line is read or refused", () => {
  const variable = fc.constantFrom(...FLAG_NAMES).map((name) => environmentName("FLANNELD", name));
  fc.assert(
    fc.property(
      fc.array(argument, { maxLength: 5 }),
      fc.dictionary(variable, text, { maxKeys: 2 }),
      (args, environment) => {
        try {
          readInvocation(args, environment);
        } catch (error) {
          expect(error).toBeInstanceOf(LodenError);
          expect((error as LodenError).code).toBe("ERR_USAGE");
          expect((error as LodenError).message).not.toBe("");
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test("what a flag is given comes out, in every spelling", () => {
  const kinds = new Map(FLAG_NAMES.map((name) => [name as string, flagSpec(name).kind]));
  const names = FLAG_NAMES.filter((name) => flagSpec(name).kind !== "boolean");
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.string(), fc.constantFrom("-", "--"), (name, value, dash) => {
      expect(splitFlags([`${dash}${name}=${value}`], kinds)).toEqual([{ name, text: value }]);
      expect(splitFlags([`${dash}${name}`, value], kinds)).toEqual([{ name, text: value }]);
    }),
  );
});

test("numbers are read as Go writes them", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (number) => {
      const sign = number < 0 ? "-" : "";
      const size = Math.abs(number);
      for (const written of [
        String(size),
        `0x${size.toString(16)}`,
        `0o${size.toString(8)}`,
        `0b${size.toString(2)}`,
      ]) {
        expect(parseFlagValue("integer", sign + written)).toBe(number === 0 && sign === "-" ? -0 : number);
      }
    }),
  );
});

test("any pattern is an expression or a reason", () => {
  fc.assert(
    fc.property(fc.string(), (pattern) => {
      const read = parseRe2(pattern);
      if (typeof read === "string") expect(read).not.toBe("");
      else expect(typeof read.test("eth0")).toBe("boolean");
    }),
  );
});
