// Compiles the CNI executables: loden-cni, which holds all plugins, by Bun, whose bundler and runtime come from the
// @oven/bun-linux-* packages, so that nothing is fetched; and the client that stands for it under each plugin's name, one
// file with a hard link per plugin, by the C compiler. CLI: `node daemon/build/plugins.ts [directory]`.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PLUGIN_NAMES } from "../../spec/plugin-names.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where `npm run build` puts the executables. */
export const PLUGIN_DIRECTORY = path.join(root, "dist/cni");
const ENTRY_POINT = "cni-plugins/main.ts";
const CLIENT_SOURCES = ["cni-plugins/client/client.c", "cni-plugins/client/link.c"];
/** All plugins in one; clients look for it by this name, beside themselves. */
export const WHOLE_EXECUTABLE = "loden-cni";
/** Beside the executables: the hash of everything they were made from. */
const STAMP = ".stamp";

/** By process.arch: baseline on x64, since a node of a cluster may lack AVX2. */
const BUN_PACKAGES: Readonly<Record<string, string>> = {
  x64: "@oven/bun-linux-x64-baseline",
  arm64: "@oven/bun-linux-aarch64",
};

/** The Bun executable that bundles and becomes the plugins. */
export function bunPath(): string {
  const name = BUN_PACKAGES[process.arch];
  const file = name === undefined ? undefined : path.join(root, "node_modules", name, "bin/bun");
  if (file !== undefined && fs.existsSync(file)) return file;
  throw new Error(
    `cannot compile the CNI executables: ${name ?? `a Bun package for ${process.arch}`} is not installed; run npm install`,
  );
}

/** A hash of every source an executable can contain, and of what compiles it. */
export function pluginStamp(): string {
  const hash = createHash("sha256");
  const files = ["cni-plugins", "daemon/kernel", "spec"]
    .flatMap((dir) => fs.readdirSync(path.join(root, dir), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ts|js|json|c|h)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
  files.push(path.join(root, "package-lock.json"), fileURLToPath(import.meta.url));
  for (const file of files.toSorted()) {
    hash
      .update(`${path.relative(root, file)}\0`)
      .update(fs.readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex");
}

/** Whether `directory` holds executables made from the sources as they are now. */
export function pluginsAreCurrent(directory: string = PLUGIN_DIRECTORY): boolean {
  const stamp = path.join(directory, STAMP);
  return (
    fs.existsSync(stamp) &&
    fs.readFileSync(stamp, "utf8") === pluginStamp() &&
    [WHOLE_EXECUTABLE, ...PLUGIN_NAMES].every((name) => fs.existsSync(path.join(directory, name)))
  );
}

function run(compiler: string, args: readonly string[]): void {
  const result = spawnSync(compiler, args, { cwd: root, encoding: "utf8" });
  if (result.status === 0) return;
  const said = result.error?.message ?? `${result.stdout}${result.stderr}`;
  throw new Error(`compiling the CNI executables failed: ${path.basename(compiler)}: ${said}`);
}

/**
 * Makes the executables in `directory`, which may hold older ones that are running: each is replaced by a rename.
 * @throws Error with the compiler's output
 */
export function buildPlugins(directory: string = PLUGIN_DIRECTORY): void {
  const stamp = pluginStamp();
  fs.mkdirSync(directory, { recursive: true });
  const work = fs.mkdtempSync(path.join(directory, ".build-"));
  try {
    const whole = path.join(work, "whole");
    const client = path.join(work, "client");
    run(bunPath(), [
      ...["build", ENTRY_POINT, "--compile", "--minify", "--bytecode", "--sourcemap=none"],
      // A file for every set of plugins that share modules: a call instantiates the functions of those it loads, which in one
      // file for all would be more than the work itself.
      ...["--format=esm", "--splitting"],
      // A plugin ends before compiled code could pay: tiering up a hundred times later saves two of fourteen milliseconds of
      // processor time in an ADD, most of them of compiler threads. A search of a full pool still gets there.
      "--compile-jit-policy=100",
      // An executable must not read .env or bunfig.toml from wherever a runtime happens to start it.
      ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
      ...[`--define=LODEN_BUILD_ID="${stamp}"`, `--outfile=${whole}`],
    ]);
    // Static, so that it starts without the dynamic linker, on any C library.
    run("gcc", [
      ...[
        "-std=c17",
        "-Os",
        "-static",
        "-s",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Werror",
        "-fstack-protector-strong",
      ],
      ...["-ffunction-sections", "-Wl,--gc-sections", `-DBUILD_ID="${stamp}"`, "-o", client, ...CLIENT_SOURCES],
    ]);
    fs.chmodSync(whole, 0o755);
    // The whole first: a client never finds none beside itself.
    fs.renameSync(whole, path.join(directory, WHOLE_EXECUTABLE));
    for (const name of PLUGIN_NAMES) {
      const next = path.join(work, name);
      fs.linkSync(client, next);
      fs.renameSync(next, path.join(directory, name));
    }
    fs.writeFileSync(path.join(directory, STAMP), stamp);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = path.resolve(process.argv[2] ?? PLUGIN_DIRECTORY);
  if (!pluginsAreCurrent(directory)) buildPlugins(directory);
}
