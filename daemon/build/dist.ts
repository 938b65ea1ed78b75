// Builds dist/: everything a host needs, and nothing it must have beforehand but a Linux with glibc.
//
//   dist/bin/{lodend,loden}   launchers
//   dist/lib/loden/           the Node runtime, the daemon as bundled JavaScript, its native addons and BPF programs, libatomic
//   dist/cni/<plugin>         the CNI executables, one file under many names
//
// Why a bundled runtime and not a single executable: spec/decisions. `--if-changed` does nothing when no source
// changed since the last build.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildBpf } from "./bpf.ts";
import { bunPath, buildPlugins } from "./plugins.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = path.join(root, "dist");
const stampFile = path.join(dist, ".stamp");

/** Packages with native code: they stay files, since a bundle cannot hold what the dynamic linker loads. */
const NATIVE_PACKAGES = ["koffi", `@koromix/koffi-linux-${process.arch}`, "raw-socket"];
const ENTRY_POINTS = { lodend: "daemon/main.ts", loden: "daemon/cli/loden.ts" };
/** Threads of lodend: bundles without a launcher. */
const WORKERS = ["daemon/backend/udp/udp-worker.ts"];

const log = (text: string): void => void process.stderr.write(`loden build: ${text}\n`);

function sourceStamp(): string {
  const hash = createHash("sha256");
  const files = ["daemon", "cni-plugins", "spec"]
    .flatMap((dir) => fs.readdirSync(path.join(root, dir), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".md"))
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of [...files, path.join(root, "package.json"), path.join(root, "package-lock.json")].toSorted()) {
    hash.update(`${path.relative(root, file)}\0`).update(fs.readFileSync(file));
  }
  return hash.digest("hex");
}

function run(command: string, args: string[]): string {
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (result.status === 0) return result.stdout;
  throw new Error(`${command} ${args.join(" ")}: ${result.error?.message ?? `${result.stdout}${result.stderr}`}`);
}

/** A hard link where the file system allows it (the runtime is 130 MB), a copy elsewhere. */
function place(from: string, to: string): void {
  const source = fs.realpathSync(from);
  try {
    fs.linkSync(source, to);
  } catch {
    fs.copyFileSync(source, to);
  }
}

/** The path the dynamic linker gives a library that a program needs, undefined when it finds none. */
function linkedLibrary(program: string, library: string): string | undefined {
  const line = run("ldd", [program])
    .split("\n")
    .find((text) => text.includes(library));
  return line === undefined ? undefined : /=> (\/\S+)/.exec(line)?.[1];
}

function bundleDaemon(lib: string): void {
  const entries = [...Object.values(ENTRY_POINTS), ...WORKERS].map((file) => path.join(root, file));
  const external = ["koffi", "raw-socket"].flatMap((name) => ["--external", name]);
  run(bunPath(), [
    "build",
    ...entries,
    "--target=node",
    "--format=esm",
    "--splitting",
    "--minify-syntax",
    // V8 keeps the sources.
    "--minify-whitespace",
    "--sourcemap=none",
    "--entry-naming=[name].[ext]",
    `--outdir=${lib}`,
    ...external,
  ]);
  fs.renameSync(path.join(lib, "main.js"), path.join(lib, "lodend.js"));
  fs.writeFileSync(path.join(lib, "environment.cjs"), GIVE_BACK);
  fs.writeFileSync(path.join(lib, "package.json"), '{ "type": "module" }\n');
}

function copyRuntime(lib: string): void {
  const node = path.join(root, "node_modules", `node-linux-${process.arch}`, "bin/node");
  place(node, path.join(lib, "node"));
  const libatomic = linkedLibrary(node, "libatomic.so.1");
  if (libatomic !== undefined) {
    fs.mkdirSync(path.join(lib, "lib"));
    fs.copyFileSync(fs.realpathSync(libatomic), path.join(lib, "lib/libatomic.so.1"));
  }
  const keep = /\.(c?js|json|node|txt)$|LICENSE/;
  for (const name of NATIVE_PACKAGES) {
    const from = path.join(root, "node_modules", name);
    fs.cpSync(from, path.join(lib, "node_modules", name), {
      recursive: true,
      filter: (file) =>
        fs.statSync(file).isDirectory()
          ? !/\/(vendor|doc|example|native|obj\.target|\.deps|musl_\w+)$/.test(file)
          : keep.test(file),
    });
  }
}

/** Loaded before anything else: the library path is for libatomic alone, and no program we start should inherit it. */
const GIVE_BACK = `"use strict";
const before = process.env.CALLER_LD_LIBRARY_PATH;
delete process.env.CALLER_LD_LIBRARY_PATH;
if (before) process.env.LD_LIBRARY_PATH = before;
else delete process.env.LD_LIBRARY_PATH;
`;

/**
 * For lodend, which runs for months and should be small (spec/decisions/memory.md): each half of V8's young generation has
 * 1 MiB, of which it would fill 16 without need; what runs often is not optimized but where kernel/optimizer.ts says so;
 * and life/memory.ts may collect garbage.
 */
const NODE_FLAGS: Readonly<Record<string, string>> = {
  lodend: "--max-semi-space-size=1 --no-maglev --no-turbofan --expose-gc ",
};

/** `exec` keeps one process, with the pid that its supervisor knows. */
function launcher(name: string): string {
  return `#!/bin/sh
# Starts ${name} on the Node runtime that lies beside it.
self=$(readlink -f -- "$0") || exit 127
lib=\${self%/bin/*}/lib/loden
export CALLER_LD_LIBRARY_PATH="\${LD_LIBRARY_PATH-}"
export LD_LIBRARY_PATH="$lib/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$lib/node" ${NODE_FLAGS[name] ?? ""}--require "$lib/environment.cjs" --disable-warning=ExperimentalWarning "$lib/${name}.js" "$@"
`;
}

function build(): void {
  const stamp = sourceStamp();
  const isCurrent = fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === stamp;
  if (isCurrent && process.argv.includes("--if-changed")) return;
  log("making dist/ (daemon, command line, CNI executables)");
  const next = `${dist}.next-${process.pid}`;
  try {
    const lib = path.join(next, "lib/loden");
    fs.mkdirSync(lib, { recursive: true });
    fs.mkdirSync(path.join(next, "bin"));
    bundleDaemon(lib);
    copyRuntime(lib);
    fs.copyFileSync(buildBpf(), path.join(lib, "tunnel.bpf.o"));
    for (const name of Object.keys(ENTRY_POINTS)) {
      fs.writeFileSync(path.join(next, "bin", name), launcher(name), { mode: 0o755 });
    }
    buildPlugins(path.join(next, "cni"));
    fs.copyFileSync(path.join(root, "LICENSE"), path.join(next, "LICENSE"));
    fs.writeFileSync(path.join(next, ".stamp"), stamp);
    fs.rmSync(dist, { recursive: true, force: true });
    fs.renameSync(next, dist);
  } finally {
    fs.rmSync(next, { recursive: true, force: true });
  }
}

build();
