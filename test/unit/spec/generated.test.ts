// spec/generated is what the generator makes of spec/schema, needs nothing of ajv, and every schema has its contract.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { generate, readSchemas } from "../../../daemon/build/validators.ts";
import { SAMPLES } from "./contracts.ts";

const directory = fileURLToPath(new URL("../../../spec/generated/", import.meta.url));
const made = generate();

describe("generated code", () => {
  test("is exactly the files that the generator makes", () => {
    expect(readdirSync(directory).toSorted()).toEqual([...made.keys()].toSorted());
  });

  test.each([...made.keys()])("%s is up to date", (name) => {
    expect(readFileSync(directory + name, "utf8") === made.get(name), "run: npm run generate").toBe(true);
  });

  test("imports the text formats and nothing else", () => {
    for (const [name, text] of made) {
      if (!name.endsWith(".js")) continue;
      expect(text).not.toMatch(/\brequire\b|\bimport\(|\beval\b|new Function/);
      for (const [, from] of text.matchAll(/^import .* from "(.*)";$/gm)) expect(from).toBe("../formats.ts");
    }
  });
});

test("every schema is draft 2020-12, named by its file, and has a sample unless it only holds parts of others", () => {
  const schemas = readSchemas();
  for (const [file, schema] of schemas) {
    expect(schema.$id).toBe(file);
    expect((schema as Record<string, unknown>)["$schema"]).toBe("https://json-schema.org/draft/2020-12/schema");
  }
  const documents = [...schemas]
    .filter(([, schema]) => schema["x-name"] !== undefined)
    .map(([file]) => file.replace(/\.json$/, ""));
  expect(SAMPLES.map((sample) => sample.schema).toSorted()).toEqual(documents.toSorted());
  for (const { schema, document } of SAMPLES) {
    const known = Object.keys(schemas.get(`${schema}.json`)?.properties ?? {});
    expect([schema, known.filter((key) => !(key in document))]).toEqual([schema, []]);
  }
});
