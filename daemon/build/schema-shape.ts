// The fold shape of a schema: which keys it knows, at which depth. See spec/fold.ts for what it is for.
import type { KeyShape, Shape } from "#spec/fold";
import { resolve, type Schema, type Schemas } from "./validators.ts";

/** The shape of a schema file's document. */
export function shapeOf(schemas: Schemas, file: string): Shape {
  return shapeAt(schemas, file, schemas.get(file)!) ?? {};
}

/** Undefined for what needs no folding: scalars, maps and arrays of them. */
function shapeAt(schemas: Schemas, file: string, schema: Schema): Shape | undefined {
  if (schema.$ref !== undefined) {
    const target = resolve(schemas, file, schema.$ref);
    return shapeAt(schemas, target.file, target.schema);
  }
  if (schema.items !== undefined) {
    const items = shapeAt(schemas, file, schema.items);
    return items && { items };
  }
  const keys: Record<string, KeyShape> = {};
  for (const base of schema.allOf ?? []) Object.assign(keys, shapeAt(schemas, file, base)?.keys);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const shape = shapeAt(schemas, file, property);
    const emptyIsAbsent = property.emptyIsAbsent === true;
    keys[name.toLowerCase()] = { name, ...(shape && { shape }), ...(emptyIsAbsent && { emptyIsAbsent }) };
  }
  return Object.keys(keys).length === 0 ? undefined : { keys };
}
