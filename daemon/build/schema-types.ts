// TypeScript interfaces from schemas: one per titled object, with the descriptions as docstrings. Objects without
// properties are maps. Types of other schema files are imported from their own generated file.
import { resolve, type Schema, type Schemas } from "./validators.ts";

/** The text of the .d.ts of one schema file. */
export function typesOf(schemas: Schemas, file: string): string {
  const writer = new TypeWriter(schemas, file);
  const root = schemas.get(file)!;
  for (const part of Object.values(root.$defs ?? {})) writer.type(part);
  if (root["x-name"] !== undefined) writer.type(root);
  return writer.text(root["x-name"] !== undefined);
}

class TypeWriter {
  readonly #schemas: Schemas;
  readonly #file: string;
  readonly #interfaces = new Map<string, string>();
  readonly #imports = new Map<string, Set<string>>();

  constructor(schemas: Schemas, file: string) {
    this.#schemas = schemas;
    this.#file = file;
  }

  text(withContract: boolean): string {
    const parts = [...this.#imports]
      .map(([from, names]) => `import type { ${[...names].toSorted().join(", ")} } from "./${from}.js";\n`)
      .toSorted();
    if (withContract) {
      parts.push('import type { Generated } from "../validate.ts";\n', "\nexport declare const contract: Generated;\n");
    }
    return [...parts, ...[...this.#interfaces.values()].map((body) => `\n${body}`)].join("");
  }

  /** The type expression for a schema of this file; makes interfaces as it goes. */
  type(schema: Schema): string {
    if (schema.$ref !== undefined) return this.#reference(schema.$ref);
    if (schema.enum !== undefined) return literals(schema);
    if (schema.type === "integer") return "number";
    if (schema.type === "array") return `readonly ${arrayItem(this.type(schema.items ?? {}))}[]`;
    if (schema.type !== "object") return schema.type ?? "unknown";
    if (schema.properties !== undefined || schema.allOf !== undefined) return this.#interface(schema);
    return `Readonly<Record<string, ${this.type(schema.additionalProperties ?? {})}>>`;
  }

  #reference(ref: string): string {
    const { file, schema } = resolve(this.#schemas, this.#file, ref);
    if (file === this.#file) return this.type(schema);
    if (schema.title === undefined) return new Foreign(this, this.#schemas, file).type(schema);
    return this.imported(file, schema.title);
  }

  imported(file: string, name: string): string {
    const from = file.replace(/\.json$/, "");
    this.#imports.set(from, (this.#imports.get(from) ?? new Set()).add(name));
    return name;
  }

  #interface(schema: Schema): string {
    const { title } = schema;
    if (title === undefined) throw new Error(`${this.#file}: an object with properties has no title`);
    const bases = (schema.allOf ?? []).map((base) => this.type(base));
    const body = Object.entries(schema.properties ?? {}).map(([name, property]) => {
      const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
      const optional = schema.required?.includes(name) === true ? "" : "?";
      return `${docstring(property.description, "  ")}  readonly ${key}${optional}: ${this.type(property)};\n`;
    });
    const heritage = bases.length === 0 ? "" : ` extends ${bases.join(", ")}`;
    this.#interfaces.set(
      title,
      `${docstring(schema.description, "")}export interface ${title}${heritage} {\n${body.join("")}}\n`,
    );
    return title;
  }
}

/** Types of an untitled part that stands in another file: its references are relative to that file. */
class Foreign {
  readonly #home: TypeWriter;
  readonly #schemas: Schemas;
  readonly #file: string;

  constructor(home: TypeWriter, schemas: Schemas, file: string) {
    this.#home = home;
    this.#schemas = schemas;
    this.#file = file;
  }

  type(schema: Schema): string {
    if (schema.$ref !== undefined) {
      const target = resolve(this.#schemas, this.#file, schema.$ref);
      return target.schema.title === undefined
        ? this.type(target.schema)
        : this.#home.imported(target.file, target.schema.title);
    }
    if (schema.items !== undefined) return `readonly ${arrayItem(this.type(schema.items))}[]`;
    return this.#home.type(schema);
  }
}

/** Empty text that fold takes away is not part of the type. */
function literals(schema: Schema): string {
  const values = (schema.enum ?? []).filter((value) => !(schema.emptyIsAbsent === true && value === ""));
  return values
    .map((value) => JSON.stringify(value))
    .join(" | ")
    .replace("true | false", "boolean");
}

function arrayItem(item: string): string {
  return /[ |]/.test(item) ? `(${item})` : item;
}

function docstring(text: string | undefined, indent: string): string {
  return text === undefined ? "" : `${indent}/** ${text} */\n`;
}
