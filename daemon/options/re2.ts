// Regular expressions of --iface-regex. flannel's are RE2 (github.com/google/re2/wiki/Syntax); those that JavaScript
// writes differently are rewritten, those that it lacks are refused rather than read as something else.

/** The expression, or text that says what is wrong with it. */
export function parseRe2(text: string): RegExp | string {
  const { flags = "", rest = text } = /^\(\?(?<flags>[ims]+)\)(?<rest>[\s\S]*)$/.exec(text)?.groups ?? {};
  if (/\[\[:\^?\w+:\]/.test(rest)) return "write POSIX classes like [[:digit:]] as \\d, \\w or [a-z]";
  const source = rest.replaceAll(/\\[\s\S]|\(\?P</g, (part) => REWRITTEN[part] ?? part);
  try {
    return new RegExp(source, `u${[...new Set(flags)].join("")}`);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: \/.*\/\w*: /s, "");
    return `not a regular expression (${reason})`;
  }
}

/** RE2's spelling to JavaScript's. Escaped ASCII punctuation is itself in RE2; with the u flag only these need help. */
const REWRITTEN: Readonly<Record<string, string>> = {
  "(?P<": "(?<",
  "\\A": "(?<![\\s\\S])",
  "\\z": "(?![\\s\\S])",
  "\\-": "\\x2d",
  "\\_": "_",
  "\\:": ":",
  "\\%": "%",
  "\\@": "@",
  "\\#": "#",
  "\\,": ",",
};
