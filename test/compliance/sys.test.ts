// The Sys suite on both of its bodies: koffi in this process, bun:ffi in a Bun started for it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { bunPath } from "../support/bun.ts";
import { CHECKS } from "./sys-suite.ts";

describe("Sys over koffi", () => {
  test.each(CHECKS)("$name", ({ run }) => run(sys));
});

describe("Sys over bun:ffi", () => {
  const failures = new Map<string, string | null>();

  beforeAll(() => {
    const script = fileURLToPath(new URL("sys-bun.ts", import.meta.url));
    const { stdout, stderr, status } = spawnSync(bunPath(), ["run", script], { encoding: "utf8" });
    expect(status, `${stdout}${stderr}`).toBe(0);
    for (const line of stdout.trim().split("\n")) {
      const { name, failure } = JSON.parse(line) as { name: string; failure: string | null };
      failures.set(name, failure);
    }
  });

  test.each(CHECKS)("$name", ({ name }) => expect(failures.get(name)).toBeNull());
});
