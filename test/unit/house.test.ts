// The rules of the house, as tests: types, lint and format, file sizes and first comments, what may stand at the top,
// and what must not be written anywhere in the tree.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tracked = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" })
  .trim()
  .split("\n");
const isGenerated = (file: string): boolean => /(^|\/)(generated|gen)\//.test(file);
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const sources = tracked.filter((file) => /\.(ts|mjs)$/.test(file) && !isGenerated(file));
const product = sources.filter((file) => !file.startsWith("test/"));

/** The product files that import a package. */
const importers = (name: string): string[] =>
  product.filter(
    (file) => new RegExp(`(from |require\\(|import\\()"${name}"`).test(read(file)) && !file.startsWith("daemon/build/"),
  );

function tool(name: string, ...args: string[]): { status: number | null; output: string } {
  const result = spawnSync(path.join(root, "node_modules/.bin", name), args, { cwd: root, encoding: "utf8" });
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}

describe("tools", () => {
  test.each([
    ["tsc", ["--noEmit"]],
    ["oxlint", ["--type-aware", "--deny-warnings"]],
    ["oxfmt", ["--check"]],
  ])("%s is content", { timeout: 600_000 }, (name, args) => {
    expect(tool(name, ...args)).toMatchObject({ status: 0 });
  });
});

describe("tree", () => {
  test("the top level holds what the design names", () => {
    const top = new Set(tracked.map((file) => file.split("/")[0] as string).filter((name) => !name.startsWith(".")));
    expect([...top].toSorted()).toEqual(
      [
        "LICENSE",
        "README.md",
        "cni-plugins",
        "daemon",
        "package-lock.json",
        "package.json",
        "spec",
        "test",
        "tsconfig.json",
      ].toSorted(),
    );
  });

  test("no file of the product is longer than 400 lines", () => {
    const long = product
      .map((file) => [file, read(file).split("\n").length] as const)
      .filter(([, lines]) => lines > 401);
    expect(long).toEqual([]);
  });

  test("every source file begins by saying what it is for", () => {
    expect(sources.filter((file) => !/^(#!.*\n)?(\/\/|\/\*)/.test(read(file)))).toEqual([]);
  });

  test("no folder or file is named for nothing in particular", () => {
    expect(tracked.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\.|\/)/.test(file))).toEqual([]);
  });

  test("nothing is left unfinished", () => {
    const mark = /T[O]DO|F[I]XME|X[X]X|not impl[e]mented/;
    expect(sources.filter((file) => mark.test(read(file)))).toEqual([]);
    expect(sources.filter((file) => /\b(test|describe|it)\.only\(/.test(read(file)))).toEqual([]);
  });

  test("no default exports, no any", () => {
    expect(product.filter((file) => /^export default /m.test(read(file)))).toEqual([]);
    expect(
      product.filter((file) => /: any\b|as any\b|<any>/.test(read(file).replaceAll(/^\s*(\/\/|\/?\*).*$/gm, ""))),
    ).toEqual([]);
  });

  test("raw-socket, pino and koffi are each imported in one place", () => {
    expect(importers("raw-socket")).toEqual(["daemon/kernel/raw.ts"]);
    expect(importers("ip-address").every((file) => /^(daemon\/kernel\/ip|spec)\//.test(file))).toBe(true);
  });

  test("no package registry's host and no machine's path is written down", () => {
    const text = tracked.filter((file) => !/\.(node|png)$/.test(file));
    expect(
      text.filter((file) => /registry[.]npmjs|"resolved"[:] "http|\/hom[e]\/\w+\/|deb[.]debian[.]org/.test(read(file))),
    ).toEqual([]);
  });

  test("dependencies are exact and each is used", () => {
    const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
    const all = { ...manifest["dependencies"], ...manifest["devDependencies"], ...manifest["optionalDependencies"] };
    expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    const everything = sources.map(read).join("\n") + read("package.json").split('"scripts"')[1];
    const names = Object.keys(manifest["dependencies"] ?? {});
    expect(names.filter((name) => !everything.includes(`"${name}`))).toEqual([]);
  });
});
