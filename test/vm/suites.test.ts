// Runs, in a virtual machine with Debian's kernel, the test files whose features the kernel at hand may lack, and reports
// each of their tests as one here.
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compiledPlugins } from "../support/cni.ts";
import { tempDir } from "../support/temp-dir.ts";
import { lackingForMachine, runInMachine } from "./machine.ts";

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Emulation is slower than the processor by a factor of some tens. */
const TEST_TIMEOUT_MS = 240_000;

const lacking = lackingForMachine();

/** Every file with tests that bear the tag "vm", themselves or by `needs`. */
function files(): string[] {
  const folder = path.join(root, "test/kernel");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => path.join("test/kernel", name))
    .filter((file) => /kernel-features\.ts|tags: \["vm"\]/.test(readFileSync(path.join(root, file), "utf8")));
}

async function report(): Promise<Report> {
  compiledPlugins();
  await using job = tempDir("vm");
  const args = ["run", "--config", "test/vitest.config.ts", "--project", "kernel", "--tags-filter=vm", ...files()];
  // One process for all: another one would cost seconds, and each file enters namespaces of its own all the same.
  const limits = [
    "--no-isolate",
    `--testTimeout=${TEST_TIMEOUT_MS}`,
    `--hookTimeout=${TEST_TIMEOUT_MS}`,
    "--maxWorkers=1",
  ];
  const reporter = ["--reporter=default", "--reporter=json", "--outputFile.json=/run/job/report.json"];
  const { output } = await runInMachine(["vitest", ...args, ...limits, ...reporter].join(" "), job.path);
  try {
    return JSON.parse(readFileSync(path.join(job.path, "report.json"), "utf8")) as Report;
  } catch (cause) {
    throw new Error(`no report from the virtual machine; it printed:\n${output}`, { cause });
  }
}

if (lacking !== undefined) test.skip(`tests in a virtual machine (${lacking})`);
else {
  const { testResults } = await report();
  for (const { name, message, assertionResults } of testResults) {
    describe(path.relative(root, name), () => {
      const ran = assertionResults.filter(({ status }) => status !== "pending" && status !== "skipped");
      test("ran", () => {
        expect(message).toBe("");
        expect(ran).not.toEqual([]);
      });
      for (const { fullName, status, failureMessages } of ran) {
        test(fullName, () => expect(status, failureMessages.join("\n")).toBe("passed"));
      }
    });
  }
}
