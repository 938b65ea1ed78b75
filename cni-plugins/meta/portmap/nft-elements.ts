// What portmap has in nftables, as elements: which a configuration wants, and which the table holds. The table's layout is in
// nftables.ts. Pure, but for the listing.
import type { Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { isObject } from "../../fields.ts";
import { mappingsOf, type PortmapConfig } from "./config.ts";

/** One element of a set or map, in nft's words. */
export interface Element {
  readonly set: string;
  readonly key: string;
  /** Of a map: address and port of the container. */
  readonly value?: string;
  readonly comment: string;
}

/** A rule of the chain for networks with conditions. */
export interface ConditionalRule {
  readonly handle: number;
  readonly comment: string;
}

export interface Contents {
  readonly elements: readonly Element[];
  readonly conditional: readonly ConditionalRule[];
}

/** What a host's own connections come from. */
const LOOPBACK: Readonly<Record<Family, string>> = { 4: "127.0.0.0/8", 6: "::1" };
const EVERYWHERE: Readonly<Record<Family, string>> = { 4: "0.0.0.0/0", 6: "::/0" };
const WORD: Readonly<Record<Family, string>> = { 4: "ip", 6: "ip6" };

/**
 * What must be masqueraded to find its way back: what the container's own network and the host itself send to the mapped
 * ports. Answers to the former would go past the host, and the latter's addresses mean nothing to the container.
 */
export function masqueradeElements(config: PortmapConfig, address: Prefix, comment: string): Element[] {
  const { family } = address;
  if (!config.snat || mappingsOf(config.mappings, family).length === 0) return [];
  const sources = config.masqAll ? [EVERYWHERE[family]] : [address.masked.toString(), LOOPBACK[family]];
  const set = `masquerade${family}`;
  return sources.map((source) => ({ set, key: `${source} . ${address.address.toString()}`, comment }));
}

/** One element a mapping. */
export function portElements(config: PortmapConfig, address: Prefix, comment: string): Element[] {
  const { family } = address;
  return mappingsOf(config.mappings, family).map(({ hostPort, containerPort, protocol, hostAddress }) => {
    const port = `${protocol} . ${hostPort}`;
    return {
      set: `${hostAddress === undefined ? "ports" : "addresses"}${family}`,
      key: hostAddress === undefined ? port : `${hostAddress.toString()} . ${port}`,
      value: `${address.address.toString()} . ${containerPort}`,
      comment,
    };
  });
}

/** One rule a mapping, for networks with conditions: what it says in nft's language behind the chain's name. */
export function conditionalRules(config: PortmapConfig, address: Prefix, comment: string): string[] {
  const { family } = address;
  const word = WORD[family];
  const to = family === 4 ? address.address.toString() : `[${address.address.toString()}]`;
  return mappingsOf(config.mappings, family).map(({ hostPort, containerPort, protocol, hostAddress }) => {
    const destination = hostAddress === undefined ? "" : `${word} daddr ${hostAddress.toString()} `;
    return (
      `meta nfproto ipv${family} ${config.conditions[family].join(" ")} ${destination}` +
      `meta l4proto ${protocol} th dport ${hostPort} dnat ${word} to ${to}:${containerPort} comment "${comment}"`
    );
  });
}

/** Reads what `list table` gives; what is not understood is passed over. */
export function readContents(objects: readonly object[], conditionalChain: string): Contents {
  const elements: Element[] = [];
  const conditional: ConditionalRule[] = [];
  for (const object of objects) {
    const [kind, body] = Object.entries(object)[0] ?? [];
    if (!isObject(body)) continue;
    if (kind === "rule") {
      const { chain, handle, comment } = body;
      if (chain === conditionalChain && typeof handle === "number" && typeof comment === "string") {
        conditional.push({ handle, comment });
      }
    }
    if ((kind === "map" || kind === "set") && typeof body["name"] === "string" && Array.isArray(body["elem"])) {
      for (const item of body["elem"]) elements.push(...readElement(body["name"], item));
    }
  }
  return { elements, conditional };
}

function readElement(set: string, item: unknown): Element[] {
  const [left, right] = Array.isArray(item) ? (item as unknown[]) : [item];
  const elem = isObject(left) && isObject(left["elem"]) ? left["elem"] : { val: left };
  const key = wordsOf(elem["val"]);
  const value = right === undefined ? undefined : wordsOf(right);
  const comment = typeof elem["comment"] === "string" ? elem["comment"] : "";
  return key === undefined ? [] : [{ set, key, comment, ...(value === undefined ? {} : { value }) }];
}

/** An expression of the listing in nft's language: addresses, prefixes, numbers, and those one behind the other. */
function wordsOf(expression: unknown): string | undefined {
  if (typeof expression === "string" || typeof expression === "number") return String(expression);
  if (!isObject(expression)) return undefined;
  const { concat, prefix } = expression;
  if (Array.isArray(concat)) {
    const words = concat.map(wordsOf);
    return words.includes(undefined) ? undefined : words.join(" . ");
  }
  if (!isObject(prefix)) return undefined;
  const { addr, len } = prefix;
  return typeof addr === "string" && typeof len === "number" ? `${addr}/${len}` : undefined;
}
