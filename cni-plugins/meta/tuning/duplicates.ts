// Keys that come twice in one object, which JSON.parse hides: a sysctl that is set to two values is a mistake that must not
// pass. A walk over text that is known to be JSON (RFC 8259).

const WHITESPACE = " \t\r\n";

/** The first key that occurs twice in the objects at the top-level key `name` (in any case); undefined when none does. */
export function duplicateKeyIn(text: string, name: string): string | undefined {
  const seen = new Set<string>();
  let at = 0;
  let depth = 0;
  let top = "";
  while (at < text.length) {
    const character = text[at]!;
    if (character === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        if (depth === 1) top = key.toLowerCase();
        if (depth === 2 && top === name) {
          if (seen.has(key)) return key;
          seen.add(key);
        }
      }
      at = end;
      continue;
    }
    if (character === "{" || character === "[") depth++;
    if (character === "}" || character === "]") depth--;
    at++;
  }
  return undefined;
}

/** Behind the closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && WHITESPACE.includes(text[at]!)) at++;
  return text[at] === ":";
}
