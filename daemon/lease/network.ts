// The network configuration (`<prefix>/config`, spec/kv.md) with flannel's defaults and flannel's checks, in flannel's
// words followed by the values at fault.
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { networkConfigContract } from "#spec/documents/network-config";
import type { NetworkConfigDocument } from "#spec/documents/network-config";
import { LodenError } from "#spec/errors";
import { parseDocument } from "#spec/validate";
import type { Network, NetworkRange, PerFamily } from "./types.ts";

/** How one family's fields are called, and its bounds. */
interface FamilyRules {
  readonly field: "" | "IPv6";
  /** Subnet length where the network has room for it, and the longest network that has. */
  readonly usualLength: number;
  readonly roomyNetwork: number;
  /** Longest subnet: a host needs an address for its tunnel device, its bridge and one container. */
  readonly longestSubnet: number;
  /** Longest network that can be split without being told how. */
  readonly longestNetwork: number;
}

const RULES: Readonly<Record<Family, FamilyRules>> = {
  4: { field: "", usualLength: 24, roomyNetwork: 22, longestSubnet: 30, longestNetwork: 28 },
  6: { field: "IPv6", usualLength: 64, roomyNetwork: 62, longestSubnet: 126, longestNetwork: 124 },
};

/** A subnet is at least a quarter of its network: the first is skipped, and one node is no network. */
const SPLIT_BITS = 2;

/**
 * Reads a network configuration.
 * @throws LodenError ERR_CONFIG that names the field
 */
export function parseNetwork(text: string): Network {
  const document = parseDocument(networkConfigContract, text);
  const enabled = { 4: document.EnableIPv4 ?? true, 6: document.EnableIPv6 ?? false };
  const ranges: PerFamily<NetworkRange> = {};
  for (const family of FAMILIES) {
    if (enabled[family]) ranges[family] = readRange(family, document);
  }
  if (ranges[4] === undefined && ranges[6] === undefined) {
    throw wrong("none defined stack", "EnableIPv4 and EnableIPv6 are both false; one must be true");
  }
  const { Type: type, ...options } = document.Backend ?? { Type: "udp" };
  if (type === undefined || type === "") {
    throw wrong(
      `unknown backend type: ${type ?? ""}`,
      'Backend has no Type; write for example "Backend": {"Type": "vxlan"}',
    );
  }
  return {
    ranges,
    backend: { type: type.toLowerCase(), options },
    enableNFTables: document.EnableNFTables,
  };
}

/** The networks of all its families. */
export function networksOf({ ranges }: Pick<Network, "ranges">): Prefix[] {
  return FAMILIES.flatMap((family) => ranges[family]?.network ?? []);
}

function readRange(family: Family, document: NetworkConfigDocument): NetworkRange {
  const { field } = RULES[family];
  const text = document[`${field}Network`];
  const network = text === undefined ? undefined : Prefix.parse(text).masked;
  if (network === undefined || (network.length === 0 && network.address.isUnspecified)) {
    throw wrong(
      `please define a correct ${field}Network parameter in the flannel config`,
      text === undefined ? `${field}Network is missing` : `${field}Network is ${text}`,
    );
  }
  const subnetLength = readSubnetLength(family, network, document[`${field}SubnetLen`]);
  const size = 1n << BigInt(network.address.bits - subnetLength);
  const bound = (which: "Min" | "Max", byDefault: bigint): Address => {
    const name = `${field}Subnet${which}` as const;
    const written = document[name];
    return written === undefined
      ? Address.fromBigInt(family, byDefault)
      : readBound(name, Address.parse(written), network, subnetLength);
  };
  const subnetMin = bound("Min", network.first.value + size);
  const subnetMax = bound("Max", network.last.value + 1n - size);
  if (subnetMin.compare(subnetMax) > 0) {
    throw wrong(
      `${field}SubnetMin is after ${field}SubnetMax`,
      `${subnetMin.toString()} comes after ${subnetMax.toString()}, so there is no subnet to lease`,
    );
  }
  return { network, subnetLength, subnetMin, subnetMax };
}

function readSubnetLength(family: Family, network: Prefix, written: number | undefined): number {
  const { field, usualLength, roomyNetwork, longestSubnet, longestNetwork } = RULES[family];
  // 0 is what Go has where nothing is written.
  if (written === undefined || written === 0) {
    if (network.length > longestNetwork) {
      throw wrong(
        `${field === "" ? "network" : "IPv6Network"} is too small. Minimum useful network prefix is /${longestNetwork}`,
        `${field}Network is ${network.toString()}`,
      );
    }
    return network.length <= roomyNetwork ? usualLength : network.length + SPLIT_BITS;
  }
  if (written > longestSubnet) {
    throw wrong(`SubnetLen must be less than /${longestSubnet + 1}`, `${field}SubnetLen is ${written}`);
  }
  if (written < network.length + SPLIT_BITS) {
    throw wrong(
      "network must be able to accommodate at least four subnets",
      `${field}SubnetLen is ${written}, and must be ${network.length + SPLIT_BITS} or more in ${network.toString()}`,
    );
  }
  return written;
}

function readBound(
  name: `${FamilyRules["field"]}Subnet${"Min" | "Max"}`,
  address: Address,
  network: Prefix,
  length: number,
): Address {
  const field = name.startsWith("IPv6") ? "IPv6Network" : "Network";
  if (!network.contains(address)) {
    throw wrong(
      `${name} is not in the range of the ${field}`,
      `${address.toString()} is outside ${network.toString()}`,
    );
  }
  if (!Prefix.of(address, length).isMasked) {
    throw wrong(
      `${name} is not on a SubnetLen boundary: ${address.toString()}`,
      `the /${length} it lies in begins at ${Prefix.of(address, length).first.toString()}`,
    );
  }
  return address;
}

/** flannel's text, then what is at fault. */
function wrong(flannelText: string, detail: string): LodenError {
  return new LodenError("ERR_CONFIG", `${flannelText} (${detail})`);
}
