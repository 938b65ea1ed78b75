// Holds spec/cni-parity.md to the tree: what it names as the test of an option is there, and every plugin and option is.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { PLUGIN_NAMES } from "#spec/plugin-names";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const document = read("spec/cni-parity.md");

/** Rows of the tables of options, each with its plugin: an empty cell means the one above. */
const rows: { plugin: string; option: string; tests: string }[] = [];
for (const line of document.slice(0, document.indexOf("## With the Go plugins")).split("\n")) {
  const [, name, option, tests] = line.split("|").map((cell) => cell.trim());
  if (tests === undefined || option === "option" || /^-+$/.test(option!)) continue;
  rows.push({ plugin: name === "" ? rows.at(-1)!.plugin : name!, option: option!, tests });
}

/** Names of files as the page writes them: of test/kernel/cni, or with their folder. */
const fileOf = (name: string): string | undefined =>
  [`test/kernel/cni/${name}.test.ts`, `${name}.test.ts`, name].find((file) => existsSync(path.join(root, file)));

/** Whether a file has a test with a title; "…" stands for anything. */
function hasTitle(file: string, title: string): boolean {
  const text = read(file);
  return title.split("…").every((part) => text.includes(part.trim()));
}

/** What a cell names and the tree lacks. A part that names no file is one more title in the file before it. */
function missingFrom(cell: string): string[] {
  let file: string | undefined;
  return cell.split("; ").flatMap((part) => {
    if (part === "fuzz") return [];
    const [name, ...rest] = part.split(": ");
    const named = fileOf(name!);
    const title = named === undefined ? part : rest.join(": ");
    file = named ?? file;
    return file !== undefined && hasTitle(file, title) ? [] : [part];
  });
}

test.each([...document.matchAll(/^\| ([^|]*) \| ([^|]*) \|$/gm)].slice(1).map(([, what, tests]) => [what!, tests!]))(
  "with the Go plugins: %s",
  (_, tests) => expect(missingFrom(tests)).toEqual([]),
);

interface Schema {
  readonly properties?: object;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** Where options stand, which are none themselves; `type` names a plugin. */
const PLACES = new Set(["args", "cni", "ipam", "runtimeConfig", "type"]);

describe("the table of options", () => {
  test("has every plugin", () => {
    expect([...new Set(rows.map(({ plugin }) => plugin))].toSorted()).toEqual([...PLUGIN_NAMES].toSorted());
  });

  test.each(rows.map(({ plugin, option, tests }) => [`${plugin}: ${option}`, tests] as const))("%s", (_, tests) => {
    if (tests === "none") return;
    expect(missingFrom(tests)).toEqual([]);
  });

  test("has every option that a plugin's schema describes", () => {
    const missing = PLUGIN_NAMES.flatMap((plugin) => {
      const schema = JSON.parse(read(`spec/schema/cni-${plugin}.json`)) as Schema;
      const parts = [schema, ...Object.values(schema.$defs ?? {})];
      const options = rows.filter((row) => row.plugin === plugin).map(({ option }) => option);
      return parts
        .flatMap(({ properties = {} }) => Object.keys(properties))
        .filter((name) => !PLACES.has(name) && !options.some((option) => option.includes(name)) && !beyond(name))
        .map((name) => `${plugin}: ${name}`);
    });
    expect(missing).toEqual([]);
  });
});

/** Options that the page names as going beyond the reference. */
function beyond(name: string): boolean {
  return [...document.matchAll(/^Beyond the reference: [^]*?\n\n/gm)].some(([text]) => text.includes(`\`${name}\``));
}
