// dhcp's configuration, the same for plugin and daemon.
import { readArguments } from "../../arguments.ts";
import type { NetworkConfig } from "../../config.ts";
import { failure, invalidConfig } from "../../error.ts";
import type { Fields } from "../../fields.ts";
import { OPTION } from "./message.ts";

export const DEFAULT_SOCKET = "/run/cni/dhcp.sock";

export interface DhcpConfig {
  /** Where the daemon listens. */
  readonly socket: string;
  /** Option numbers that the server is asked for, each once. */
  readonly requested: readonly number[];
  /** Option numbers with what is sent in them. */
  readonly provided: ReadonlyMap<number, Uint8Array>;
  /** Metric of the routes. */
  readonly priority: number | undefined;
}

/** Names of options, as dhcp-options(5) has them. */
const NAMES: ReadonlyMap<string, number> = new Map([
  ["subnet-mask", OPTION.subnetMask],
  ["routers", OPTION.routers],
  ["domain-name-servers", OPTION.domainNameServers],
  ["host-name", OPTION.hostName],
  ["domain-name", OPTION.domainName],
  ["static-routes", OPTION.staticRoutes],
  ["vendor-class-identifier", OPTION.vendorClass],
  ["dhcp-client-identifier", OPTION.clientId],
  ["user-class", OPTION.userClass],
  ["classless-static-routes", OPTION.classlessRoutes],
]);

/** Asked for unless `skipDefault`: without the mask an answer cannot be used. */
const DEFAULT_REQUESTS: readonly number[] = [OPTION.routers, OPTION.subnetMask];
/** What one option holds without being split; a server need not put the parts together. */
const VALUE_LIMIT = 255;
const U32_MAX = 0xffff_ffff;

/** @throws CniError 6, 7 or 999 (CNI_ARGS) */
export function dhcpConfig(config: NetworkConfig, args: string): DhcpConfig {
  const ipam = config.fields.object("ipam");
  if (ipam === undefined) throw invalidConfig("IPAM config missing 'ipam' key");
  const { requested, priority } = {
    requested: readRequests(ipam),
    priority: ipam.integer("priority", { min: 0, max: U32_MAX }),
  };
  return { socket: socketPath(config), requested, provided: readProvided(ipam, args), priority: priority || undefined };
}

/** All that DEL, GC and STATUS need. */
export function socketPath(config: NetworkConfig): string {
  const path = config.fields.object("ipam")?.string("daemonSocketPath") || DEFAULT_SOCKET;
  if (path.startsWith("/") && path.length < 108) return path;
  throw invalidConfig(
    `ipam.daemonSocketPath is ${JSON.stringify(path)}; it must be an absolute path of at most 107 bytes`,
  );
}

function readRequests(ipam: Fields): number[] {
  const items = ipam.objects("request") ?? [];
  const skipsDefault = items.map((item) => item.boolean("skipDefault") ?? false).includes(true);
  const requested = new Set(skipsDefault ? [] : DEFAULT_REQUESTS);
  for (const item of items) {
    const option = item.string("option") || undefined;
    if (option !== undefined) requested.add(optionNumber(option, item.path("option")));
  }
  return [...requested];
}

/** A value of the configuration, or of CNI_ARGS where there is one of that name. */
function readProvided(ipam: Fields, args: string): Map<number, Uint8Array> {
  const provided = new Map<number, Uint8Array>();
  const items = ipam.objects("provide") ?? [];
  const pairs = items.length === 0 ? new Map<string, string>() : freeArguments(args);
  for (const item of items) {
    const number = optionNumber(item.string("option") ?? "", item.path("option"));
    const value = item.string("value") ?? "";
    const from = item.string("fromArg") || undefined;
    const text = (from === undefined ? undefined : pairs.get(from)) ?? value;
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > VALUE_LIMIT)
      throw invalidConfig(`${item.path("value")} has ${bytes.length} bytes; an option holds ${VALUE_LIMIT}`);
    if (bytes.length > 0) provided.set(number, bytes);
  }
  return provided;
}

/** Any key may be meant for an option. */
function freeArguments(args: string): ReadonlyMap<string, string> {
  return args === ""
    ? new Map()
    : readArguments(
        `IgnoreUnknown=1;${args.replace(/(?:^|;)IgnoreUnknown=[^;]*/, "").replace(/^;/, "")}`.replace(/;$/, ""),
      );
}

function optionNumber(text: string, where: string): number {
  const number = NAMES.get(text) ?? (/^\d{1,3}$/.test(text) ? Number(text) : undefined);
  if (number !== undefined && number > 0 && number < 255) return number;
  throw failure(
    `${where} is ${JSON.stringify(text)}, which is no DHCP option: it is a number from 1 to 254 or ${[...NAMES.keys()].join(", ")}`,
  );
}
