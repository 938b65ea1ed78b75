// What every plugin must keep to so that it can stay in memory: programs are started in the one place that the resident
// can close, and the process's own environment is nobody's.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../cni-plugins/", import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const holding = (pattern: RegExp): string[] =>
  sources.filter((file) => pattern.test(readFileSync(path.join(root, file), "utf8"))).toSorted();

test("plugins start programs by #kernel/programs alone", () => {
  expect(holding(/getBuiltinModule\("node:child_process"\)|^import \{[^}]*\} from "node:child_process"/m)).toEqual([
    "resident/main.ts",
  ]);
  expect(holding(/from "#kernel\/iptables\//)).toEqual([]);
});

test("plugins read the caller's environment, not their process's", () => {
  expect(holding(/process\.env/)).toEqual(["main.ts"]);
});
