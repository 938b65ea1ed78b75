// Makes spec/generated from spec/schema: for each schema one ES module with an ajv standalone validator and the shape
// that spec/fold.ts needs, and its types. `npm run generate` writes the files; they are committed, and a test makes them
// again and compares. Nothing of ajv is needed when they run.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020, _ } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";
import { FORMATS } from "#spec/formats";
import { shapeOf } from "./schema-shape.ts";
import { typesOf } from "./schema-types.ts";

const SCHEMAS = fileURLToPath(new URL("../../spec/schema/", import.meta.url));
const GENERATED = fileURLToPath(new URL("../../spec/generated/", import.meta.url));

/** The part of JSON Schema that the project's schemas use. */
export interface Schema {
  readonly $id?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: "string" | "boolean" | "integer" | "number" | "object" | "array";
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  /** For fold: empty text means that the key is absent. */
  readonly emptyIsAbsent?: boolean;
  /** How errors call the document. Schemas without it are only parts of others and get no validator. */
  readonly "x-name"?: string;
}

/** All schemas by file name. */
export type Schemas = ReadonlyMap<string, Schema>;

export function readSchemas(): Schemas {
  const names = readdirSync(SCHEMAS).filter((name) => name.endsWith(".json"));
  return new Map(names.toSorted().map((name) => [name, JSON.parse(readFileSync(SCHEMAS + name, "utf8")) as Schema]));
}

/** What a $ref leads to: the file it is in and the schema. */
export function resolve(schemas: Schemas, file: string, ref: string): { file: string; schema: Schema } {
  const [target = "", pointer = ""] = ref.split("#");
  const home = target === "" ? file : target;
  let schema: unknown = schemas.get(home);
  for (const key of pointer.split("/").slice(1)) schema = (schema as Record<string, unknown> | undefined)?.[key];
  if (schema === undefined) throw new Error(`${file}: $ref ${ref} leads nowhere`);
  return { file: home, schema: schema as Schema };
}

/** The text of every generated file by its name. */
export function generate(): Map<string, string> {
  const schemas = readSchemas();
  const files = new Map<string, string>();
  for (const [file, schema] of schemas) {
    const note = `// Made from spec/schema/${file} by daemon/build/validators.ts (npm run generate). Do not edit.\n`;
    const stem = file.replace(/\.json$/, "");
    files.set(`${stem}.d.ts`, note + typesOf(schemas, file));
    if (schema["x-name"] !== undefined) files.set(`${stem}.js`, note + validatorOf(schemas, file, schema["x-name"]));
  }
  return files;
}

function validatorOf(schemas: Schemas, file: string, name: string): string {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    code: { source: true, esm: true, lines: true, formats: _`formats` },
    messages: false,
    schemas: [...schemas.values()].map(rulesOnly),
    formats: Object.fromEntries(Object.entries(FORMATS).map(([key, { accepts }]) => [key, accepts])),
  });
  const code = standalone
    .default(ajv, { validate: file })
    .replace(/^"use strict";\n?/, "")
    .replaceAll(/formats(\.\w+|\["[\w-]+"\])(?=;)/g, "FORMATS$1.accepts");
  if (/\brequire\(|^import /m.test(code)) throw new Error(`${file}: the validator would import ajv's runtime`);
  const imports = code.includes("FORMATS") ? 'import { FORMATS } from "../formats.ts";\n' : "";
  const shape = JSON.stringify(shapeOf(schemas, file));
  return `${imports}${code.trim()}\nexport const contract = { name: ${JSON.stringify(name)}, shape: ${shape}, validate };\n`;
}

/** A schema without what does not validate, so that it does not end up in the code. */
function rulesOnly(schema: Schema): object {
  return JSON.parse(
    JSON.stringify(schema, function (this: unknown, key: string, value: unknown) {
      const note = ["title", "description", "emptyIsAbsent", "x-name"].includes(key) && typeof value !== "object";
      return note ? undefined : value;
    }),
  ) as object;
}

if (import.meta.main) {
  for (const [name, text] of generate()) writeFileSync(GENERATED + name, text);
}
