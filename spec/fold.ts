// Brings a JSON document to the spelling its schema has, the way Go's encoding/json reads into structs: keys match
// without regard to case and the last spelling in document order wins, null means absent, unknown keys stay as they
// are. Keys of maps (sysctl, delegate, flannel's ipam) keep their case: the schema lists no properties for them.

/** What folding must know of an object or array; generated from a schema. */
export interface Shape {
  /** Known keys by their lower-case spelling. */
  readonly keys?: Readonly<Record<string, KeyShape>>;
  /** Shape of an array's items. */
  readonly items?: Shape;
}

export interface KeyShape {
  /** The spelling that the schema has. */
  readonly name: string;
  readonly shape?: Shape;
  /** "" means absent too, as Go reads it into an address. */
  readonly emptyIsAbsent?: true;
}

/** Deeper documents are left as they are: no schema is, and recursion must end before the stack does. */
const DEPTH_LIMIT = 32;

/** A folded copy; the document itself is not changed. Values that the shape does not describe are shared with it. */
export function fold(document: unknown, shape: Shape, depth = 0): unknown {
  if (document === null || typeof document !== "object" || depth > DEPTH_LIMIT) return document;
  if (Array.isArray(document)) {
    const { items } = shape;
    return items === undefined ? document : document.map((item: unknown) => fold(item, items, depth + 1));
  }
  const { keys } = shape;
  return keys === undefined ? document : foldObject(document, keys, depth);
}

function foldObject(document: object, keys: Readonly<Record<string, KeyShape>>, depth: number): object {
  const folded: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(document) as [string, unknown][]) {
    const lower = key.toLowerCase();
    const known = Object.hasOwn(keys, lower) ? keys[lower] : undefined;
    if (known === undefined) {
      // Plain assignment would set the prototype for a key "__proto__", which JSON.parse gives as an ordinary one.
      Object.defineProperty(folded, key, { value, enumerable: true, configurable: true, writable: true });
    } else if (value !== null && !(known.emptyIsAbsent === true && value === "")) {
      folded[known.name] = known.shape === undefined ? value : fold(value, known.shape, depth + 1);
    }
  }
  return folded;
}
