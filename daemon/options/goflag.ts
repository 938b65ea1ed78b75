// Command line syntax of Go's `flag` package, which flannel's users have in their unit files and manifests: `-x` and
// `--x` alike, `--x=v` or `--x v`, booleans only by `--x` or `--x=v`, numbers in any Go base. Unlike flannel, what is
// left over is an error: a forgotten dash would otherwise change nothing and say nothing.
import { LodenError } from "#spec/errors";

export type FlagKind = "string" | "boolean" | "integer" | "list";

export interface FlagValue {
  string: string;
  boolean: boolean;
  integer: number;
  /** Given more than once, each adds one element. */
  list: readonly string[];
}

/** One flag as it was written: its name and text; `text` is "true" for a bare boolean. */
export interface GivenFlag {
  readonly name: string;
  readonly text: string;
}

/**
 * Splits arguments into flags.
 * @throws LodenError ERR_USAGE for bad syntax, a flag not in `kinds`, a missing value, a left-over argument
 */
export function splitFlags(args: readonly string[], kinds: ReadonlyMap<string, FlagKind>): GivenFlag[] {
  const given: GivenFlag[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const match = /^--?(?<name>[^=-][^=]*)(?:=(?<text>[\s\S]*))?$/.exec(arg);
    if (match === null) {
      const rest = arg === "--" ? args[at + 1] : arg;
      if (rest === undefined) break;
      throw new LodenError(
        "ERR_USAGE",
        /^-./.test(rest) && arg !== "--"
          ? `bad flag syntax: ${rest}`
          : `unexpected argument ${JSON.stringify(rest)}: all settings are flags, written --name=value`,
      );
    }
    const { name = "", text } = match.groups ?? {};
    const kind = kinds.get(name);
    if (kind === undefined) {
      throw new LodenError("ERR_USAGE", `flag provided but not defined: --${name}${suggestion(name, kinds)}`, {
        fields: { flag: name },
      });
    }
    if (text !== undefined) given.push({ name, text });
    else if (kind === "boolean") given.push({ name, text: "true" });
    else {
      const next = args[++at];
      if (next === undefined) {
        throw new LodenError("ERR_USAGE", `flag needs an argument: --${name}`, { fields: { flag: name } });
      }
      given.push({ name, text: next });
    }
  }
  return given;
}

/** The value of a text, or undefined when it is not of that kind. */
export function parseFlagValue<K extends Exclude<FlagKind, "list">>(kind: K, text: string): FlagValue[K] | undefined;
export function parseFlagValue(kind: FlagKind, text: string): string | boolean | number | undefined {
  if (kind === "boolean") return parseBoolean(text);
  if (kind === "integer") return parseInteger(text);
  return text;
}

/** strconv.ParseBool. */
function parseBoolean(text: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  return undefined;
}

/** strconv.ParseInt with base 0: a sign, 0x 0o 0b or a leading 0 for octal, underscores between digits. */
function parseInteger(text: string): number | undefined {
  const match =
    /^([+-]?)((?:0[xX](?:_?[\da-fA-F])+)|(?:0[oO]?(?:_?[0-7])+)|(?:0[bB](?:_?[01])+)|(?:[1-9](?:_?\d)*)|0)$/;
  const [, sign = "", digits] = match.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const plain = digits.replaceAll("_", "");
  const value = Number(/^0[0-7]/.test(plain) ? `0o${plain.slice(1)}` : plain);
  if (!Number.isSafeInteger(value)) return undefined;
  return sign === "-" ? -value : value;
}

/** Names the flag that was probably meant: one that differs in at most two characters. */
function suggestion(name: string, kinds: ReadonlyMap<string, FlagKind>): string {
  const near = [...kinds.keys()].find((known) => distance(name.toLowerCase(), known) <= 2);
  return near === undefined ? "" : `; did you mean --${near}?`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
