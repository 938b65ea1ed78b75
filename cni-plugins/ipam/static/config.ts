// static's configuration: addresses from the configuration, CNI_ARGS, `args.cni` and the runtime.
import { isAtLeast } from "#spec/cni-versions";
import { Address, FAMILIES } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { readArguments } from "../../arguments.ts";
import type { NetworkConfig } from "../../config.ts";
import { CNI_ERROR, CniError, failure, invalidConfig } from "../../error.ts";
import type { Fields } from "../../fields.ts";
import { readDns, readRoutes } from "../../result/read.ts";
import type { Dns, ResultAddress, ResultRoute } from "../../result/types.ts";

export interface StaticConfig {
  readonly addresses: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
}

/** @throws CniError 6, 7 or 999 (CNI_ARGS) */
export function staticConfig(config: NetworkConfig, args: string): StaticConfig {
  const ipam = config.fields.object("ipam");
  if (ipam === undefined) throw invalidConfig("IPAM config missing 'ipam' key");
  const configured = (ipam.objects("addresses") ?? []).map(readAddress);
  const fromArguments = withArguments(configured, args);
  // The later takes the place of all before it.
  const cni = texts(config.fields.object("args")?.object("cni"), "ips");
  const runtime = texts(config.fields.object("runtimeConfig"), "ips");
  const addresses = runtime ?? cni ?? fromArguments;
  for (const family of FAMILIES) {
    const count = addresses.filter(({ address }) => address.family === family).length;
    if (count > 1 && !isAtLeast(config.cniVersion, "0.3.0")) {
      throw invalidConfig(`CNI version ${config.cniVersion} does not support more than 1 address per family`);
    }
  }
  return { addresses, routes: readRoutes(ipam, "routes"), dns: readDns(ipam.object("dns")) };
}

function readAddress(fields: Fields): ResultAddress {
  const text = fields.string("address") ?? "";
  const address = parse(text, fields.path("address"));
  const gateway = fields.address("gateway")?.unmapped;
  return { address, ...(gateway === undefined ? {} : { gateway }) };
}

/** Addresses of a list; undefined where there is none, or it is empty. */
function texts(fields: Fields | undefined, key: string): ResultAddress[] | undefined {
  const list = fields?.strings(key) ?? [];
  return list.length === 0 ? undefined : list.map((text) => ({ address: parse(text, fields!.path(key)) }));
}

/** @throws CniError 6: the prefix length says what else is on the link, and is never guessed */
function parse(text: string, where: string): Prefix {
  const prefix = Prefix.tryParse(text);
  if (prefix !== undefined) return prefix;
  throw new CniError(
    CNI_ERROR.decodingFailure,
    `the '${where}' field is expected to be in CIDR notation, got: '${text}'; write for example 10.1.0.5/24`,
  );
}

/** CNI_ARGS: `IP` adds addresses, `GATEWAY` gives a gateway to the first address whose network it is in. */
function withArguments(configured: readonly ResultAddress[], args: string): ResultAddress[] {
  const pairs = readArguments(args);
  const addresses = [...configured, ...list(pairs.get("IP")).map((text) => ({ address: parseArgument(text) }))];
  for (const text of list(pairs.get("GATEWAY"))) {
    const gateway = Address.tryParse(text)?.unmapped;
    if (gateway === undefined) throw failure(`Invalid gateway address: ${text} (GATEWAY of CNI_ARGS)`);
    const at = addresses.findIndex(({ address }) => address.family === gateway.family && address.contains(gateway));
    const found = addresses[at];
    if (found !== undefined) addresses[at] = { ...found, gateway };
  }
  return addresses;
}

function list(text: string | undefined): string[] {
  return text === undefined || text === "" ? [] : text.split(",");
}

function parseArgument(text: string): Prefix {
  const prefix = Prefix.tryParse(text);
  if (prefix !== undefined) return prefix;
  throw failure(`the 'ip' field is expected to be in CIDR notation, got: '${text}' (IP of CNI_ARGS)`);
}
