// Reads a document by its contract: folds the keys, runs the generated validator, and says in one error everything that
// is wrong, each with the path of the field, what was found and what is allowed. No ajv at run time.
import { LodenError, type ErrorCode } from "./errors.ts";
import { fold, type Shape } from "./fold.ts";
import { FORMATS } from "./formats.ts";

/** What an ajv standalone validator leaves behind, as far as it is used here. */
export interface Finding {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Validator {
  (document: unknown): boolean;
  errors?: readonly Finding[] | null;
}

/** What spec/generated exports for one schema. */
export interface Generated {
  /** How errors call the document. */
  readonly name: string;
  readonly shape: Shape;
  readonly validate: Validator;
}

/** A document kind: its schema as code, its type, and the code of the error a bad one gives. */
export interface Contract<T> extends Generated {
  readonly code: ErrorCode;
  /** Never set; ties the contract to its type. */
  readonly type?: T;
}

export function contractOf<T>(generated: Generated, code: ErrorCode): Contract<T> {
  return { name: generated.name, shape: generated.shape, validate: generated.validate, code };
}

export interface Mistake {
  /** Where, as one would write it in JavaScript: `ipam.ranges[0][1].subnet`; "" for the document itself. */
  readonly path: string;
  /** The schema keyword that failed: type, required, format, enum, minimum, maximum, minItems. */
  readonly keyword: string;
  /** The offending value as JSON, shortened; undefined when it is missing. */
  readonly found: string | undefined;
  /** Completes "must be …". */
  readonly allowed: string;
}

/** A document that breaks its contract. */
export class DocumentError extends LodenError {
  readonly mistakes: readonly Mistake[];

  constructor(contract: Contract<unknown>, mistakes: readonly Mistake[]) {
    const first = mistakes[0];
    super(contract.code, `invalid ${contract.name}: ${mistakes.map(describe).join("; ")}`, {
      fields: { document: contract.name, ...(first === undefined ? {} : { field: first.path }) },
    });
    this.mistakes = mistakes;
  }
}

/**
 * The document in the spelling and type of its schema; unknown keys are kept.
 * @throws DocumentError with the contract's code
 */
export function validate<T>(contract: Contract<T>, document: unknown): T {
  const folded = fold(document, contract.shape);
  if (contract.validate(folded)) return folded as T;
  // A schema and the schema it extends may both mind the same thing: by text, each is told once.
  const mistakes = new Map<string, Mistake>();
  for (const finding of contract.validate.errors ?? []) {
    const mistake = mistakeOf(finding, folded);
    mistakes.set(describe(mistake), mistake);
  }
  throw new DocumentError(contract, [...mistakes.values()]);
}

/**
 * Reads JSON text, then validates it.
 * @throws LodenError with the contract's code for text that is not JSON; DocumentError
 */
export function parseDocument<T>(contract: Contract<T>, text: string): T {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const why = text.trim() === "" ? "it is empty" : (error as Error).message;
    throw new LodenError(contract.code, `invalid ${contract.name}: not JSON: ${why}`, {
      cause: error,
      fields: { document: contract.name },
    });
  }
  return validate(contract, document);
}

/** How much of a value an error shows. */
const SHOWN_LIMIT = 80;

function describe({ path, found, allowed }: Mistake): string {
  if (found === undefined) return `${path} is missing`;
  return `${path === "" ? "it" : path} is ${found}, must be ${allowed}`;
}

function mistakeOf(finding: Finding, document: unknown): Mistake {
  // JSON pointers escape "~" and "/" in keys (RFC 6901 §3).
  const keys = finding.instancePath
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (finding.keyword === "required") {
    return {
      path: pathText([...keys, String(finding.params["missingProperty"])]),
      keyword: "required",
      found: undefined,
      allowed: "present",
    };
  }
  let value = document;
  for (const key of keys) value = (value as Record<string, unknown>)[key];
  return { path: pathText(keys), keyword: finding.keyword, found: shown(value), allowed: allowedBy(finding) };
}

function pathText(keys: readonly string[]): string {
  return keys.map((key, index) => (/^\d+$/.test(key) ? `[${key}]` : index === 0 ? key : `.${key}`)).join("");
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_LIMIT ? `${text.slice(0, SHOWN_LIMIT)}…` : text;
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text in quotes",
  boolean: "true or false, without quotes",
  integer: "a whole number, without quotes",
  number: "a number, without quotes",
  object: "an object in { }",
  array: "an array in [ ]",
};

function allowedBy({ keyword, params }: Finding): string {
  switch (keyword) {
    case "type":
      return TYPES[String(params["type"])] ?? String(params["type"]);
    case "enum":
      return `one of ${(params["allowedValues"] as unknown[])
        .filter((value) => value !== "")
        .map((value) => JSON.stringify(value))
        .join(", ")}`;
    case "format":
      return FORMATS[params["format"] as keyof typeof FORMATS].described;
    case "minimum":
      return `${String(params["limit"])} or more`;
    case "maximum":
      return `${String(params["limit"])} or less`;
    case "minItems":
      return `an array of ${String(params["limit"])} or more`;
    default:
      return `as the schema's ${keyword} says`;
  }
}
