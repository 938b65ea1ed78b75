// What portmap has in nftables, as elements: which a configuration wants, and which the table holds. The table's layout is in
// nftables.ts. Pure.
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { NftElementFound } from "#kernel/nft/elements";
import { mappingsOf, type PortmapConfig, type Protocol } from "./config.ts";

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
/** IPPROTO_… */
const PROTOCOL_NAMES: Readonly<Record<number, Protocol>> = { 6: "tcp", 17: "udp", 132: "sctp" };

/**
 * What must be masqueraded to find its way back: what the container's own network and the host itself send to the mapped
 * ports. Answers to the former would go past the host, and the latter's addresses mean nothing to the container.
 */
export function masqueradeElements(config: PortmapConfig, address: Prefix, comment: string): Element[] {
  const { family } = address;
  if (!config.snat || mappingsOf(config.mappings, family).length === 0) return [];
  const network = address.length === address.address.bits ? address.address : address.masked;
  const sources = config.masqAll ? [EVERYWHERE[family]] : [network.toString(), LOOPBACK[family]];
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

type Field = "address4" | "address6" | "protocol" | "port";

/** What a set's keys are made of, and a map's values. */
interface Layout {
  readonly key: readonly Field[];
  readonly value?: readonly Field[];
}

/** The sets and maps. */
export const SETS: ReadonlyMap<string, Layout> = new Map(
  FAMILIES.flatMap((family): [string, Layout][] => {
    const address: Field = `address${family}`;
    const value: Field[] = [address, "port"];
    return [
      [`ports${family}`, { key: ["protocol", "port"], value }],
      [`addresses${family}`, { key: [address, "protocol", "port"], value }],
      [`masquerade${family}`, { key: [address, address] }],
    ];
  }),
);

/** Bytes of each, and what they take in a concatenation. */
const SIZES: Readonly<Record<Field, readonly [own: number, taken: number]>> = {
  address4: [4, 4],
  address6: [16, 16],
  protocol: [1, 4],
  port: [2, 4],
};

/** An element as the kernel has it, in nft's words; undefined for what is none of this table's. */
export function readElement(set: string, { key, keyEnd, data, comment }: NftElementFound): Element | undefined {
  const fields = SETS.get(set);
  if (fields === undefined) return undefined;
  const text = words(fields.key, key, keyEnd ?? key);
  const value = fields.value && data && words(fields.value, data, data);
  if (text === undefined || (fields.value !== undefined && value === undefined)) return undefined;
  return { set, key: text, comment, ...(value === undefined ? {} : { value }) };
}

/** From the first to the last bytes of an interval; both are the same for what is none. */
function words(fields: readonly Field[], first: Uint8Array, last: Uint8Array): string | undefined {
  const size = fields.reduce((sum, field) => sum + SIZES[field][1], 0);
  if (first.length !== size || last.length !== size) return undefined;
  let at = 0;
  const texts = fields.map((field) => {
    const [own, taken] = SIZES[field];
    const [from, to] = [first, last].map((bytes) => bytes.subarray(at, at + own)) as [Uint8Array, Uint8Array];
    at += taken;
    if (field === "protocol") return PROTOCOL_NAMES[from[0]!] ?? String(from[0]);
    if (field === "port") return String((from[0]! << 8) | from[1]!);
    return intervalText(Address.fromBytes(from), Address.fromBytes(to));
  });
  return texts.join(" . ");
}

/** A prefix where it is one. */
function intervalText(first: Address, last: Address): string {
  if (first.equals(last)) return first.toString();
  for (let length = first.bits - 1; length >= 0; length--) {
    const prefix = Prefix.of(first, length);
    if (prefix.last.compare(last) < 0) continue;
    if (prefix.first.equals(first) && prefix.last.equals(last)) return prefix.toString();
    break;
  }
  return `${first.toString()}-${last.toString()}`;
}
