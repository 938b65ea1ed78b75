// The test projects. Each file runs in a process of its own, so that a test may enter network namespaces; what needs
// root makes its own namespaces and never touches the machine's.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

function project(name: string, timeout: number) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: timeout,
      hookTimeout: timeout,
      // A machine that is busy may take its time; vitest's own limit is a second.
      expect: { poll: { timeout: timeout / 2 } },
    },
  };
}

export default defineConfig({
  root,
  test: {
    pool: "forks",
    tags: [{ name: "vm", description: "runs in the virtual machine with Debian's kernel as well (test/vm)" }],
    projects: [
      project("unit", 60_000),
      project("compliance", 120_000),
      project("property", 300_000),
      project("kernel", 180_000),
      project("cluster", 300_000),
      project("e2e", 300_000),
      project("vm", 60_000),
    ],
  },
});
