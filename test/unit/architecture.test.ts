// The layers of spec/architecture.md, held against the imports in the tree: who may import whom.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

type Layer = "spec" | "kernel" | "daemon" | "cni-plugins" | "build";

function layerOf(file: string): Layer {
  if (file.startsWith("daemon/kernel/")) return "kernel";
  if (file.startsWith("daemon/build/")) return "build";
  const top = file.split("/")[0];
  if (top === "daemon" || top === "spec" || top === "cni-plugins") return top;
  throw new Error(`${file} is in no layer`);
}

/** What a layer may import besides itself. */
const MAY_IMPORT: Record<Layer, readonly Layer[]> = {
  spec: [],
  kernel: ["spec"],
  daemon: ["kernel", "spec"],
  "cni-plugins": ["kernel", "spec"],
  build: ["spec"],
};

/** Packages by layer. A package that is not here has no business in the tree. */
const PACKAGES: Record<Layer, readonly string[]> = {
  spec: ["ip-address"],
  kernel: ["ip-address", "koffi", "raw-socket"],
  daemon: ["pino", "pino-pretty", "@connectrpc/connect", "@connectrpc/connect-node", "@bufbuild/protobuf"],
  "cni-plugins": [],
  build: ["ajv"],
};

/** Files of the kernel layer that only Node's event loop or Node's addons can run; no plugin may reach them. */
const NODE_ONLY = [/\/sys\.node\.ts$/, /\/netlink\/watch\.ts$/, /\/raw\.ts$/, /libnftables\.node\.ts$/];

export function importsOf(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  const statement =
    /(?:^|[;\n}])\s*(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g;
  return [...code.matchAll(statement)].map((match) => (match[1] ?? match[2]) as string);
}

function resolve(file: string, specifier: string): string | undefined {
  if (specifier.startsWith("#kernel/")) return `daemon/kernel/${specifier.slice(8)}.ts`;
  if (specifier.startsWith("#spec/")) return `spec/${specifier.slice(6)}.ts`;
  if (specifier === "#plugins") return "cni-plugins/registry.ts";
  if (specifier.startsWith("#")) return "daemon/kernel/sys.ts";
  if (specifier.startsWith(".")) return path.join(path.dirname(file), specifier);
  return undefined;
}

export function violation(file: string, specifier: string): string | undefined {
  const from = layerOf(file);
  const target = resolve(file, specifier);
  if (target === "package.json") return undefined; // the version
  if (target === undefined) {
    if (specifier.startsWith("node:")) return undefined;
    const isListed = PACKAGES[from].some((name) => specifier === name || specifier.startsWith(`${name}/`));
    return isListed ? undefined : `${file} imports the package ${specifier}, which the ${from} layer does not use`;
  }
  if (target.startsWith("..") || target.startsWith("test/")) return `${file} imports ${target}, outside the product`;
  const to = layerOf(target);
  if (to === from || MAY_IMPORT[from].includes(to)) return undefined;
  return `${file} (${from}) imports ${target} (${to})`;
}

const files = ["daemon", "cni-plugins", "spec"]
  .flatMap((dir) => readdirSync(path.join(root, dir), { recursive: true, encoding: "utf8" }).map((f) => `${dir}/${f}`))
  .filter((file) => /\.(m?[jt]s)$/.test(file) && !file.includes("generated/") && !file.includes("/gen/"));

const edges = files.flatMap((file) =>
  importsOf(readFileSync(path.join(root, file), "utf8")).map((specifier) => ({ file, specifier })),
);

describe("layers", () => {
  test("no import crosses them the wrong way", () => {
    expect(edges.length).toBeGreaterThan(50);
    expect(edges.map((edge) => violation(edge.file, edge.specifier)).filter((text) => text !== undefined)).toEqual([]);
  });

  test("nothing that a plugin reaches needs Node's own addons or event loop", () => {
    const byFile = Map.groupBy(edges, (edge) => edge.file);
    const seen = new Set<string>();
    const queue = files.filter((file) => file.startsWith("cni-plugins/"));
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      for (const edge of byFile.get(file) ?? []) {
        const target = resolve(file, edge.specifier);
        if (target !== undefined && !edge.specifier.startsWith("#sys")) queue.push(target);
      }
    }
    expect([...seen].filter((file) => NODE_ONLY.some((pattern) => pattern.test(file)))).toEqual([]);
  });

  test.each([
    ["spec/a.ts", "#kernel/sys"],
    ["daemon/kernel/a.ts", "../lease/types.ts"],
    ["cni-plugins/a.ts", "../daemon/log.ts"],
    ["cni-plugins/a.ts", "pino"],
    ["daemon/a.ts", "../cni-plugins/main.ts"],
    ["daemon/a.ts", "../test/support/netns.ts"],
    ["daemon/a.ts", "left-pad"],
  ])("an import of %s from %s is a violation", (file, specifier) => {
    expect(violation(file, specifier)).toBeTypeOf("string");
  });

  test("the reader of imports sees every form", () => {
    const source = `import a from "a";\nimport type { B } from './b.ts';\nimport {\n  c,\n} from "c";\nexport * from "d";\nimport "e";\nawait import("f");\n// import "g"\n`;
    expect(importsOf(source)).toEqual(["a", "./b.ts", "c", "d", "e", "f"]);
  });
});
