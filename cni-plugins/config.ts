// The network configuration that a plugin reads from its input: the keys that every plugin has. CNI specification,
// "Section 1: Network configuration format"; each plugin reads its own keys from `fields`.
import { isIdentifier } from "./environment.ts";
import { CNI_ERROR, CniError, invalidConfig } from "./error.ts";
import { isObject, type Fields, type JsonObject } from "./fields.ts";
import { readDns, readResult } from "./result/read.ts";
import type { Dns, Result } from "./result/types.ts";

export interface NetworkConfig {
  readonly name: string;
  /** A supported version once the skeleton has checked it. */
  readonly cniVersion: string;
  readonly fields: Fields;
  /** The whole document as it came, for delegates. */
  readonly document: JsonObject;
}

/** Where a document that was read keeps its text; not listed with its keys. */
const SOURCE = Symbol("source");

/**
 * Reads the document.
 * @throws CniError 6 when it is not a JSON object
 */
export function parseDocument(text: string): JsonObject {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const reason = text.trim() === "" ? "the input is empty" : (error as Error).message;
    throw new CniError(CNI_ERROR.decodingFailure, `error unmarshall network config: ${reason}`);
  }
  if (!isObject(document)) {
    throw new CniError(CNI_ERROR.decodingFailure, "error unmarshall network config: it is not a JSON object");
  }
  Object.defineProperty(document, SOURCE, { value: text });
  return document;
}

/** The text a document was read from, for what JSON.parse does not tell; undefined for one that was made otherwise. */
export function sourceOf(document: JsonObject): string | undefined {
  return (document as { readonly [SOURCE]?: string })[SOURCE];
}

/** @throws CniError 7 for a name that is missing or cannot be one */
export function networkName(fields: Fields): string {
  const name = fields.string("name") ?? "";
  if (name === "") throw invalidConfig("missing network name");
  if (!isIdentifier(name)) throw invalidConfig("invalid characters found in network name", name);
  return name;
}

/** The `ipam` section, undefined when it is absent or names no plugin. */
export function ipamType(config: NetworkConfig): string | undefined {
  return config.fields.object("ipam")?.string("type") || undefined;
}

export function configDns(config: NetworkConfig): Dns {
  return readDns(config.fields.object("dns"));
}

/** @throws CniError 6 or 7 when it cannot be read */
export function previousResult(config: NetworkConfig): Result | undefined {
  const raw = config.fields.raw("prevResult");
  if (raw === undefined) return undefined;
  if (isObject(raw)) return readResult(raw, config.cniVersion, "prevResult");
  throw new CniError(CNI_ERROR.decodingFailure, "prevResult must be an object");
}
