// The addresses and prefixes that rules name, in the JSON in which nft lists them. Pure.
import { Address } from "../ip/address.ts";
import { Prefix } from "../ip/prefix.ts";

/** Every prefix and address in nft's JSON. */
export function prefixesIn(value: unknown): Prefix[] {
  if (Array.isArray(value)) return value.flatMap(prefixesIn);
  if (!(value instanceof Object)) return [];
  const found: Prefix[] = [];
  for (const [field, inner] of Object.entries(value)) {
    if (field === "prefix") found.push(...readPrefix(inner));
    else if (field === "right" && typeof inner === "string") found.push(...readAddress(inner));
    else found.push(...prefixesIn(inner));
  }
  return found;
}

function readPrefix(value: unknown): Prefix[] {
  const { addr, len } = value as { readonly addr?: unknown; readonly len?: unknown };
  if (typeof addr !== "string" || typeof len !== "number") return [];
  const address = Address.tryParse(addr);
  return address === undefined || len < 0 || len > address.bits ? [] : [Prefix.of(address, len)];
}

function readAddress(text: string): Prefix[] {
  const address = Address.tryParse(text);
  return address === undefined ? [] : [Prefix.of(address, address.bits)];
}
