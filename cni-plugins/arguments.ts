// CNI_ARGS: `KEY=value` pairs separated by semicolons. The rules and texts are those of the reference library
// (pkg/types/args.go), but that the keys every runtime and the sibling plugins know are never an error: a MAC for the
// bridge must not make the IPAM plugin below it fail.
import { failure } from "./error.ts";

/** Keys of our plugins and of Kubernetes, allowed everywhere. */
const WELL_KNOWN = /^(?:IP|GATEWAY|MAC|IgnoreUnknown|K8S_[A-Z0-9_]+)$/;

/**
 * The pairs, by key.
 * @throws CniError 999 for text that is not pairs, and for keys nobody knows unless `IgnoreUnknown` is true
 */
export function readArguments(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  if (text === "") return pairs;
  for (const pair of text.split(";")) {
    const [key, value, ...rest] = pair.split("=");
    if (key === undefined || value === undefined || rest.length > 0) {
      throw failure(`ARGS: invalid pair ${JSON.stringify(pair)}; CNI_ARGS is KEY=value pairs separated by semicolons`);
    }
    pairs.set(key, value);
  }
  if (!isTrue(pairs.get("IgnoreUnknown"))) {
    const unknown = [...pairs].filter(([key]) => !WELL_KNOWN.test(key)).map(([key, value]) => `${key}=${value}`);
    if (unknown.length > 0) {
      throw failure(`ARGS: unknown args [${unknown.map((pair) => JSON.stringify(pair)).join(" ")}]`);
    }
  }
  return pairs;
}

function isTrue(value: string | undefined): boolean {
  if (value === undefined) return false;
  const lower = value.toLowerCase();
  if (lower === "1" || lower === "true") return true;
  if (lower === "0" || lower === "false") return false;
  throw failure(`ARGS: error parsing value of pair "IgnoreUnknown=${value}": it must be 1, 0, true or false`);
}
