// Generates daemon/store/etcd/generated from the .proto files beside it: JavaScript with declarations, because what
// protoc-gen-es makes for TypeScript holds enums, which type stripping refuses. buf compiles the files by itself and
// needs no network. Run by `npm run generate`; a test compares the result with what is committed.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const source = join(root, "daemon/store/etcd/proto");

/** Where the generated files are kept. */
export const GENERATED_DIRECTORY = join(root, "daemon/store/etcd/generated");

/** Runs the generator. Returns the text of each file by its name; throws with buf's own text when a .proto is wrong. */
export function generateProto(): Map<string, string> {
  const bin = join(root, "node_modules/.bin");
  const out = mkdtempSync(join(tmpdir(), "loden-proto-"));
  try {
    const template = {
      version: "v2",
      plugins: [
        {
          local: [process.execPath, join(root, "node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es")],
          out,
          opt: ["target=js+dts", "import_extension=js"],
        },
      ],
    };
    execFileSync(join(bin, "buf"), ["generate", source, "--template", JSON.stringify(template)], {
      // buf keeps a cache below the home directory; a build leaves nothing there.
      env: { ...process.env, BUF_CACHE_DIR: join(out, "cache") },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const names = readdirSync(out).filter((name) => name.endsWith(".js") || name.endsWith(".d.ts"));
    return new Map(names.toSorted().map((name) => [name, readFileSync(join(out, name), "utf8")]));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  rmSync(GENERATED_DIRECTORY, { recursive: true, force: true });
  for (const [name, text] of generateProto()) {
    const path = join(GENERATED_DIRECTORY, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
