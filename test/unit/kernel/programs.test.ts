// Programs that are run and waited for: what counts is how they end, and what they say.
import { expect, test } from "vitest";
import { runProgram } from "#kernel/programs";

/** More than a pipe holds: who does not read it leaves the writer with EPIPE. */
const LONG = "x".repeat(1 << 20);

test("one that reads none of its input is judged by its status and its words", () => {
  const well = runProgram("/bin/true", [], { input: LONG });
  expect([well.status, well.error]).toEqual([0, undefined]);
  const ill = runProgram("/bin/sh", ["-c", "echo no >&2; exit 3"], { input: LONG });
  expect([ill.status, ill.stderr, ill.error]).toEqual([3, "no\n", undefined]);
});

test("one that cannot be started is an error", () => {
  expect(runProgram("/nowhere/program", [], {}).error).toMatchObject({ code: "ENOENT" });
});
