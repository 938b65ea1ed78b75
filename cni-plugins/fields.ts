// Typed access to a JSON object that a runtime or a user wrote, with the rules of Go's encoding/json, which every CNI
// runtime is built on: keys match in any case (containerd sends `HostPort`), the last spelling wins, null is absent,
// unknown keys are ignored, and a wrong type is an error that names the key.
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { CNI_ERROR, CniError, invalidConfig } from "./error.ts";

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How much of a wrong value an error shows. */
const SHOWN_LIMIT = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_LIMIT ? `${text.slice(0, SHOWN_LIMIT)}…` : text;
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** The fields of one object. `where` is its path in the document, for errors. */
export class Fields {
  readonly where: string;
  readonly #values = new Map<string, unknown>();

  constructor(object: JsonObject, where = "") {
    this.where = where;
    for (const key of Object.keys(object)) {
      const value = object[key];
      if (value !== null && value !== undefined) this.#values.set(key.toLowerCase(), value);
    }
  }

  raw(key: string): unknown {
    return this.#values.get(key.toLowerCase());
  }

  has(key: string): boolean {
    return this.#values.has(key.toLowerCase());
  }

  string(key: string): string | undefined {
    const value = this.raw(key);
    return value === undefined || typeof value === "string" ? value : this.#wrong(key, value, "a string");
  }

  boolean(key: string): boolean | undefined {
    const value = this.raw(key);
    return value === undefined || typeof value === "boolean" ? value : this.#wrong(key, value, "true or false");
  }

  integer(key: string, bounds?: Bounds): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value)) return this.#wrong(key, value, "a whole number");
    if (bounds !== undefined && (value < bounds.min || value > bounds.max)) {
      throw invalidConfig(`${this.path(key)} is ${value}; it must be between ${bounds.min} and ${bounds.max}`);
    }
    return value;
  }

  object(key: string): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    return isObject(value) ? new Fields(value, this.path(key)) : this.#wrong(key, value, "an object");
  }

  list(key: string): readonly unknown[] | undefined {
    const value = this.raw(key);
    return value === undefined || Array.isArray(value) ? value : this.#wrong(key, value, "a list");
  }

  objects(key: string): readonly Fields[] | undefined {
    const list = this.list(key);
    return list && objectsOf(list, this.path(key));
  }

  /** A list of lists of objects. */
  objectLists(key: string): readonly (readonly Fields[])[] | undefined {
    return this.list(key)?.map((item, index) => {
      const where = `${this.path(key)}[${index}]`;
      return Array.isArray(item) ? objectsOf(item, where) : wrongType(where, item, "a list");
    });
  }

  strings(key: string): readonly string[] | undefined {
    return this.list(key)?.map((item, index) =>
      typeof item === "string" ? item : wrongType(`${this.path(key)}[${index}]`, item, "a string"),
    );
  }

  address(key: string): Address | undefined {
    const text = this.string(key);
    if (text === undefined || text === "") return undefined;
    return Address.tryParse(text) ?? this.#wrong(key, text, "an IP address");
  }

  /** An address with a prefix length, host bits kept. */
  prefix(key: string): Prefix | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    return Prefix.tryParse(text) ?? this.#wrong(key, text, "an IP address with a prefix length, such as 10.1.0.0/24");
  }

  mac(key: string): Mac | undefined {
    const text = this.string(key);
    if (text === undefined || text === "") return undefined;
    return Mac.tryParse(text) ?? this.#wrong(key, text, "a MAC address, such as 02:00:5e:10:00:01");
  }

  /** The path of a key in the document, for errors. */
  path(key: string): string {
    return this.where === "" ? key : `${this.where}.${key}`;
  }

  #wrong(key: string, value: unknown, wanted: string): never {
    return wrongType(this.path(key), value, wanted);
  }
}

function objectsOf(list: readonly unknown[], path: string): readonly Fields[] {
  return list.map((item, index) => {
    const where = `${path}[${index}]`;
    return isObject(item) ? new Fields(item, where) : wrongType(where, item, "an object");
  });
}

/** @throws CniError 6: Go's decoder refuses the whole document for one wrong type, and so do we */
export function wrongType(path: string, value: unknown, wanted: string): never {
  throw new CniError(CNI_ERROR.decodingFailure, `${path} is ${shown(value)}; it must be ${wanted}`);
}
