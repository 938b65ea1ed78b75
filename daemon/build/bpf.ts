// Compiles the BPF programs (daemon/backend/udp/bpf) with clang into the build cache of the checkout, where what runs from
// the sources finds them and dist.ts takes them from. Does nothing when the sources have not changed.
//
//   node daemon/build/bpf.ts
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = path.join(root, "daemon/backend/udp/bpf");
const SOURCE = "tunnel.bpf.c";
const cache = path.join(root, "node_modules/.cache/loden/bpf");

/** Where Debian has the kernel's headers of this machine's kind. */
const HEADERS: Readonly<Record<string, string>> = {
  x64: "/usr/include/x86_64-linux-gnu",
  arm64: "/usr/include/aarch64-linux-gnu",
};

/** -mcpu=v3: 32-bit jumps, which kernels since 5.1 know. No debug information: nothing reads it. */
const FLAGS = ["-target", "bpf", "-mcpu=v3", "-O2", "-g0", "-Wall", "-Werror"];

/** The object file's path. */
export function buildBpf(): string {
  const object = path.join(cache, "tunnel.bpf.o");
  const stampFile = path.join(cache, "stamp");
  const files = fs.readdirSync(sources).toSorted();
  const hash = createHash("sha256").update(JSON.stringify(FLAGS));
  for (const file of files) hash.update(`${file}\0`).update(fs.readFileSync(path.join(sources, file)));
  const stamp = hash.digest("hex");
  const isCurrent = fs.existsSync(object) && fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === stamp;
  if (isCurrent) return object;
  fs.mkdirSync(cache, { recursive: true });
  const next = `${object}.${process.pid}`;
  compileBpf(path.join(sources, SOURCE), next);
  fs.renameSync(next, object);
  fs.writeFileSync(stampFile, stamp);
  return object;
}

/** Compiles a source that stands anywhere: what it includes is looked for beside the project's own as well. */
export function compileBpf(source: string, object: string): void {
  const headers = HEADERS[process.arch];
  const args = [...FLAGS, "-I", sources, ...(headers === undefined ? [] : ["-I", headers])];
  const result = spawnSync("clang", [...args, "-c", source, "-o", object], { encoding: "utf8" });
  if (result.status === 0) return;
  const reason = result.error?.message ?? result.stderr;
  throw new Error(`clang cannot compile the BPF programs (Debian packages clang and libbpf-dev): ${reason}`);
}

if (import.meta.main) process.stdout.write(`${buildBpf()}\n`);
