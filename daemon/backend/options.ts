// Reads a backend's options out of the network configuration: names in any case, as Go's decoder takes them; null and
// absent mean the default; each value is checked against what the backend can do, and what nobody reads is named.
import { LodenError } from "#spec/errors";

/** Reads one option's value; throws with what would be right, in words that follow "must be". */
export type OptionReader<T> = (value: unknown) => T;

class Unfit extends Error {}

export function integer(lowest: number, highest: number): OptionReader<number> {
  return (value) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= lowest && value <= highest) return value;
    throw new Unfit(`a whole number from ${lowest} to ${highest}`);
  };
}

export const boolean: OptionReader<boolean> = (value) => {
  if (typeof value === "boolean") return value;
  throw new Unfit("true or false");
};

export function text(pattern: RegExp, meaning: string): OptionReader<string> {
  return (value) => {
    if (typeof value === "string" && pattern.test(value)) return value;
    throw new Unfit(meaning);
  };
}

/** The values that were given, and the names nobody reads, as written. */
export interface OptionsRead<T> {
  readonly values: Partial<T>;
  readonly unknown: readonly string[];
}

/**
 * @throws LodenError ERR_BACKEND naming the option, its value and what it must be
 */
export function readOptions<T extends object>(
  backend: string,
  options: Readonly<Record<string, unknown>>,
  readers: { readonly [K in keyof T]: OptionReader<T[K]> },
): OptionsRead<T> {
  const names = new Map(Object.keys(readers).map((name) => [name.toLowerCase(), name as keyof T & string]));
  const values: Partial<T> = {};
  const unknown: string[] = [];
  for (const [written, value] of Object.entries(options)) {
    const name = names.get(written.toLowerCase());
    if (name === undefined) {
      if (written.toLowerCase() !== "type") unknown.push(written);
    } else if (value !== null) {
      values[name] = readOne(backend, name, value, readers[name]);
    }
  }
  return { values, unknown };
}

/** A sentence for the log per option nobody reads. */
export function unknownOptionWarnings(backend: string, unknown: readonly string[], known: readonly string[]): string[] {
  const options = known.length === 0 ? "it has no options" : `its options are ${known.join(", ")}`;
  return unknown.map((name) => `Backend.${name} is no option of ${backend} and is ignored; ${options}`);
}

function readOne<T>(backend: string, name: string, value: unknown, read: OptionReader<T>): T {
  try {
    return read(value);
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    throw new LodenError(
      "ERR_BACKEND",
      `Backend.${name} of ${backend} is ${JSON.stringify(value)}; it must be ${error.message}`,
      { fields: { backend, option: name } },
    );
  }
}
