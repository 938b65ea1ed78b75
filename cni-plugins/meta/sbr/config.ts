// sbr's configuration.
import { Address, type Family } from "#kernel/ip/address";
import type { NetworkConfig } from "../../config.ts";
import { failure, invalidConfig } from "../../error.ts";
import type { Result, ResultAddress } from "../../result/types.ts";

export interface SbrConfig {
  /** Undefined: a free table for each address. */
  readonly table: number | undefined;
  /** In the place of the previous result's. */
  readonly gateways: Partial<Readonly<Record<Family, Address>>>;
  readonly addSourceHints: boolean;
}

/** One for each family. */
const MAX_GATEWAYS = 2;

/** @throws CniError 6 or 7 */
export function sbrConfig({ fields }: NetworkConfig): SbrConfig {
  const gateways: Partial<Record<Family, Address>> = {};
  const texts = fields.strings("gateways") ?? [];
  if (texts.length > MAX_GATEWAYS) {
    throw invalidConfig("gateways list cannot contain more than 2 entries (one IPv4, one IPv6)");
  }
  for (const text of texts) {
    const gateway = Address.tryParse(text)?.unmapped;
    if (gateway === undefined) throw invalidConfig(`invalid static gateway IP address: ${text}`);
    const other = gateways[gateway.family];
    if (other !== undefined) {
      throw invalidConfig(
        `gateways list contains multiple IPv${gateway.family} addresses: ${other.toString()} and ${gateway.toString()}`,
      );
    }
    gateways[gateway.family] = gateway;
  }
  return {
    table: fields.integer("table", { min: 1, max: 0xffff_ffff }),
    gateways,
    addSourceHints: fields.boolean("addSourceHints") ?? false,
  };
}

/** The addresses that an interface has by a result; one that names no interface is taken for its. */
export function interfaceAddresses(result: Result, ifname: string): readonly ResultAddress[] {
  if (result.ips.length === 0) throw failure(`No IP addresses supplied on interface: ${ifname}`);
  return result.ips.filter(({ interface: index }) => {
    const item = index === undefined ? undefined : result.interfaces[index];
    return item === undefined || item.name === ifname;
  });
}
