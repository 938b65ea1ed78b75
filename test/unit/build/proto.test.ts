// The generated protocol code is what its sources make, and it can run without a build.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { GENERATED_DIRECTORY, generateProto } from "../../../daemon/build/proto.ts";

test("what is committed is what npm run generate makes", () => {
  const made = generateProto();
  const kept = readdirSync(GENERATED_DIRECTORY).toSorted();
  expect(kept).toEqual([...made.keys()]);
  for (const name of kept) expect(readFileSync(join(GENERATED_DIRECTORY, name), "utf8")).toBe(made.get(name));
});
