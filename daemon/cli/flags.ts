// Flags of the `loden` commands: a table per command, read with the syntax that lodend has too (options/goflag.ts).
import { LodenError } from "#spec/errors";
import { type FlagKind, type FlagValue, parseFlagValue, splitFlags } from "../options/goflag.ts";

export interface CommandFlag<K extends FlagKind = FlagKind> {
  readonly kind: K;
  readonly default: FlagValue[K];
  /** What the value is, for the usage text; absent for booleans. */
  readonly value?: string;
  readonly help: string;
}

export type CommandFlags = Readonly<Record<string, CommandFlag>>;

export type FlagsOf<T extends CommandFlags> = { [N in keyof T]: FlagValue[T[N]["kind"]] };

export interface ReadFlags<T extends CommandFlags> {
  readonly flags: FlagsOf<T>;
  /** The flags as they were written. */
  readonly given: readonly string[];
  /** What is not a flag, in order. */
  readonly rest: readonly string[];
  readonly help: boolean;
}

/**
 * Reads a command's arguments. Words that are no flags may stand among them, up to `maxRest`.
 * @throws LodenError ERR_USAGE naming the flag or the word
 */
export function readFlags<T extends CommandFlags>(table: T, args: readonly string[], maxRest = 0): ReadFlags<T> {
  const kinds = new Map<string, FlagKind>(Object.entries(table).map(([name, flag]) => [name, flag.kind]));
  kinds.set("h", "boolean").set("help", "boolean");
  const { words, flagged } = separate(args, kinds);
  if (words.length > maxRest) {
    throw new LodenError("ERR_USAGE", `unexpected argument ${JSON.stringify(words[maxRest])}`);
  }
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(table)) values[name] = flag.default;
  let help = false;
  const lists = new Map<string, string[]>();
  for (const { name, text } of splitFlags(flagged, kinds)) {
    const kind = kinds.get(name) as FlagKind;
    if (name === "h" || name === "help") help = true;
    else if (kind === "list") values[name] = lists.getOrInsert(name, []).concat(text);
    else values[name] = valueOf(name, kind, text);
    if (kind === "list") lists.set(name, values[name] as string[]);
  }
  return { flags: values as FlagsOf<T>, given: flagged, rest: words, help };
}

function valueOf(name: string, kind: Exclude<FlagKind, "list">, text: string): unknown {
  const value = parseFlagValue(kind, text);
  if (value !== undefined) return value;
  const expected = kind === "integer" ? "a whole number" : "true or false";
  throw new LodenError("ERR_USAGE", `--${name} takes ${expected}, not ${JSON.stringify(text)}`, {
    fields: { flag: name },
  });
}

/** Splits off the words that are neither flags nor the values of flags; all after `--` are words. */
function separate(
  args: readonly string[],
  kinds: ReadonlyMap<string, FlagKind>,
): { words: string[]; flagged: string[] } {
  const words: string[] = [];
  const flagged: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === "--") return { words: [...words, ...args.slice(at + 1)], flagged };
    if (!/^-./.test(arg)) {
      words.push(arg);
      continue;
    }
    flagged.push(arg);
    const kind = kinds.get(arg.replace(/^--?/, ""));
    if (kind !== undefined && kind !== "boolean" && at + 1 < args.length) flagged.push(args[++at] as string);
  }
  return { words, flagged };
}

/** The flags as lines for a usage text. */
export function describeFlags(table: CommandFlags): string {
  const lines = Object.entries(table).map(([name, flag]) => {
    const isShown =
      flag.default !== "" && flag.default !== false && !(Array.isArray(flag.default) && flag.default.length === 0);
    const left = `  --${name}${flag.value === undefined ? "" : ` ${flag.value}`}`;
    return `${left.padEnd(34)} ${flag.help}${isShown ? ` (default ${String(flag.default)})` : ""}`;
  });
  return lines.join("\n");
}
