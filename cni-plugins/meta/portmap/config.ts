// portmap's configuration, and what of it and of the previous result one family gets.
import type { Address, Family } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import type { NetworkConfig } from "../../config.ts";
import { invalidConfig } from "../../error.ts";
import type { Fields } from "../../fields.ts";
import type { Result } from "../../result/types.ts";

export const PROTOCOLS = ["tcp", "udp", "sctp"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export type Backend = "nftables" | "iptables";

/** One port of the host that is the container's. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: Protocol;
  /** Undefined: of both. */
  readonly family: Family | undefined;
  /** The one address of the host that it is for; undefined: all. */
  readonly hostAddress: Address | undefined;
}

export interface PortmapConfig {
  /** Absent: nftables, and iptables where there is none. */
  readonly backend: Backend | undefined;
  readonly snat: boolean;
  readonly masqAll: boolean;
  readonly markMasqBit: number;
  readonly externalSetMarkChain: string | undefined;
  /** What packets must be besides, in the words of the backend. */
  readonly conditions: Readonly<Record<Family, readonly string[]>>;
  readonly mappings: readonly PortMapping[];
}

/** Kubernetes uses bits 14 and 15, Calico 20 to 31. */
const DEFAULT_MARK_BIT = 13;
const LAST_MARK_BIT = 31;
const LAST_PORT = 65_535;

/** @throws CniError 6 or 7 */
export function portmapConfig({ fields }: NetworkConfig): PortmapConfig {
  const markBit = fields.integer("markMasqBit");
  const externalSetMarkChain = fields.string("externalSetMarkChain");
  if (markBit !== undefined && externalSetMarkChain !== undefined) {
    throw invalidConfig("Cannot specify externalSetMarkChain and markMasqBit");
  }
  const markMasqBit = markBit ?? DEFAULT_MARK_BIT;
  if (markMasqBit < 0 || markMasqBit > LAST_MARK_BIT) {
    throw invalidConfig("MasqMarkBit must be between 0 and 31", `markMasqBit is ${markMasqBit}`);
  }
  if (externalSetMarkChain !== undefined && !/^[\w.:-]{1,28}$/.test(externalSetMarkChain)) {
    throw invalidConfig(
      `externalSetMarkChain is ${JSON.stringify(externalSetMarkChain)}, which cannot be a chain's name`,
    );
  }
  const conditions = { 4: readConditions(fields, "conditionsV4"), 6: readConditions(fields, "conditionsV6") };
  return {
    backend: readBackend(fields, externalSetMarkChain, conditions),
    snat: fields.boolean("snat") ?? true,
    masqAll: fields.boolean("masqAll") ?? false,
    markMasqBit,
    externalSetMarkChain,
    conditions,
    mappings: (fields.object("runtimeConfig")?.objects("portMappings") ?? []).map(readMapping),
  };
}

function readConditions(fields: Fields, key: "conditionsV4" | "conditionsV6"): readonly string[] {
  const words = fields.strings(key) ?? [];
  // Lines are what nft and iptables-restore tell commands apart by.
  const broken = words.find((word) => /[\r\n;#\0]/.test(word));
  if (broken !== undefined)
    throw invalidConfig(`${key} has ${JSON.stringify(broken)}, which cannot be part of a condition`);
  return words[0] === "" ? [] : words;
}

/** What iptables takes as a condition begins with a hyphen or an exclamation mark; what nftables takes never does. */
function languageOf(conditions: readonly string[]): Backend | undefined {
  const [first] = conditions;
  if (first === undefined) return undefined;
  return first.startsWith("-") || first.startsWith("!") ? "iptables" : "nftables";
}

function readBackend(
  fields: Fields,
  externalSetMarkChain: string | undefined,
  conditions: PortmapConfig["conditions"],
): Backend | undefined {
  const needs: [string, Backend | undefined][] = [
    ["externalSetMarkChain", externalSetMarkChain === undefined ? undefined : "iptables"],
    ["conditionsV4", languageOf(conditions[4])],
    ["conditionsV6", languageOf(conditions[6])],
  ];
  const asked = fields.string("backend") || undefined;
  if (asked !== undefined && asked !== "nftables" && asked !== "iptables") {
    throw invalidConfig(`unrecognized backend ${JSON.stringify(asked)}: backend is "nftables" or "iptables"`);
  }
  // Words of iptables without a backend: a configuration made for the plugin whose default that was.
  const backend = asked ?? needs.find(([, need]) => need === "iptables")?.[1];
  const wrong = backend === undefined ? [] : needs.filter(([, need]) => need !== undefined && need !== backend);
  if (backend !== undefined && wrong.length > 0) {
    const other = backend === "nftables" ? "iptables" : "nftables";
    const options = wrong.map(([key]) => key).join(" ");
    throw invalidConfig(
      `${backend} backend was requested but configuration contains ${other}-specific options [${options}]`,
    );
  }
  // Words of nftables must not be given to iptables where the host has no nftables.
  return backend ?? needs.find(([, need]) => need !== undefined)?.[1];
}

function readMapping(fields: Fields): PortMapping {
  const containerPort = readPort(fields, "containerPort", "container");
  const hostPort = readPort(fields, "hostPort", "host");
  const text = fields.string("protocol")?.toLowerCase() || "tcp";
  const protocol = PROTOCOLS.find((name) => name === text);
  if (protocol === undefined) {
    throw invalidConfig(`${fields.path("protocol")} is ${JSON.stringify(text)}; it must be tcp, udp or sctp`);
  }
  const address = fields.address("hostIP")?.unmapped;
  return {
    hostPort,
    containerPort,
    protocol,
    family: address?.family,
    hostAddress: address?.isUnspecified === true ? undefined : address,
  };
}

function readPort(fields: Fields, key: string, whose: "container" | "host"): number {
  const port = fields.integer(key) ?? 0;
  if (port > 0 && port <= LAST_PORT) return port;
  throw invalidConfig(
    `Invalid ${whose} port number: ${port}`,
    `${fields.path(key)} must be between 1 and ${LAST_PORT}`,
  );
}

/** The container's first address of each family, as far as the interface that the call is about has one. */
export function containerAddresses(result: Result, ifname: string): Partial<Record<Family, Prefix>> {
  const addresses: Partial<Record<Family, Prefix>> = {};
  for (const { address, interface: index } of result.ips) {
    const item = index === undefined ? undefined : result.interfaces[index];
    if (item !== undefined && (item.name !== ifname || item.sandbox === undefined)) continue;
    addresses[address.family] ??= address;
  }
  return addresses;
}

/** The mappings that are for a family. */
export function mappingsOf(mappings: readonly PortMapping[], family: Family): readonly PortMapping[] {
  return mappings.filter((mapping) => mapping.family === undefined || mapping.family === family);
}
