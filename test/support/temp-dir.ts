// A directory of a test's own, gone with the test even when that is killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export interface TempDir extends AsyncDisposable {
  readonly path: string;
}

export function tempDir(name: string): TempDir {
  const directory = mkdtempSync(path.join(tmpdir(), `loden-${name}-`));
  const janitor = fileURLToPath(new URL("janitor.ts", import.meta.url));
  // Detached: what is sent to the test's process group must not end it before it has cleaned up.
  const child = spawn(process.execPath, [janitor, directory], { stdio: ["pipe", "ignore", "inherit"], detached: true });
  return {
    path: directory,
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, "exit");
      child.stdin.end();
      await gone;
    },
  };
}
